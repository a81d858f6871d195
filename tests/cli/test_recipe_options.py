"""Flags of recipe keys: one a key with its help, and a hidden one for a key's former name."""

import argparse
from dataclasses import fields

import pytest

from emoscope.cli import main
from emoscope.cli.data_options import add_data_arguments
from emoscope.cli.recipe_options import (
    add_holdout_argument,
    add_recipe_keys,
    add_run_arguments,
    read_config,
    read_training_splits,
)
from emoscope.errors import DataError
from emoscope.training.config import DISTILLED, FORMER_KEYS, TRAINED, CompactConfig, CompactStudentConfig


@pytest.fixture
def parser():
    parser = argparse.ArgumentParser()
    add_run_arguments(parser)
    add_recipe_keys(parser, TRAINED | DISTILLED)
    return parser


@pytest.mark.parametrize(("command", "kinds"), [("distill", DISTILLED), ("train", TRAINED)])
def test_every_recipe_key_is_a_flag_with_help(command, kinds, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    help = capsys.readouterr().out
    for config_class in kinds.values():
        for field in fields(config_class):
            assert f"--{field.name.replace('_', '-')} " in help
    assert f"emoscope {command} recipes" in help or f"emoscope {command} student.toml" in help
    assert ("--teachers" in help) == (command == "distill")
    assert not [old for old in FORMER_KEYS if f"--{old.replace('_', '-')} " in help]


def test_flags_are_read_under_former_and_current_names(parser):
    current = ["--extra-data", "a.csv", "b.csv", "--recombined", "2", "--embeddings", "e", "--embedding-std", "0.5"]
    former = ["--further", "a.csv", "b.csv", "--spliced", "2", "--vectors", "e", "--vector-std", "0.5"]
    expected = CompactConfig(embeddings="e", extra_data=("a.csv", "b.csv"), recombined=2.0, embedding_std=0.5)
    for flags in (current, former):
        assert read_config(parser.parse_args(["--output", "run", *flags]), TRAINED) == expected
    student = parser.parse_args(["--output", "run", "--teachers", "bundled", "--copy-neighbour", "0.5"])
    assert read_config(student, DISTILLED) == CompactStudentConfig(teachers=("bundled",), copy_swap=0.5)


def test_former_flag_wins_over_the_current_key_of_a_recipe(parser, tmp_path):
    pytest.importorskip("tomllib")
    (tmp_path / "recipe.toml").write_text("recombined = 1.0\nepochs = 2\n")
    args = parser.parse_args([str(tmp_path / "recipe.toml"), "--output", "run", "--spliced", "3"])
    assert read_config(args, TRAINED) == CompactConfig(recombined=3.0, epochs=2)


def test_rows_are_held_out_if_there_is_no_validation_split(parser, tmp_path, capsys):
    add_data_arguments(parser, default_labels="those of the data")
    add_holdout_argument(parser)
    (tmp_path / "rows.csv").write_text("text,label\n" + "".join(f"row {i},{i % 2}\n" for i in range(40)))
    flags = ["--output", str(tmp_path / "run"), "--data", str(tmp_path / "rows.csv")]
    with pytest.raises(DataError, match=r"no validation split, only: all; hold out some of its rows: --holdout 0\.2"):
        read_training_splits(parser.parse_args(flags), seed=0)
    splits = read_training_splits(parser.parse_args([*flags, "--holdout", "0.2"]), seed=7)
    assert {split: len(examples) for split, examples in splits.items()} == {"train": 32, "validation": 8}
    assert capsys.readouterr().err == "32 rows to train on, 8 held out (seed 7)\n"
    with pytest.raises(SystemExit):
        parser.parse_args([*flags, "--holdout", "1"])
