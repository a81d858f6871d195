"""The help of the program and of its commands reads well on 80 columns."""

from __future__ import annotations

import argparse

import pytest

from emoscope.cli import main
from emoscope.cli.parser import COMMANDS, HelpFormatter, build_parser

NAMES = [name for names in COMMANDS.values() for name in names]


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def subparser(name: str) -> argparse.ArgumentParser:
    (commands,) = (a for a in build_parser(name)._actions if isinstance(a, argparse._SubParsersAction))
    return commands.choices[name]


def test_without_a_command_the_help_lists_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    help_text = capsys.readouterr().out
    lines = help_text.splitlines()
    assert [line.split()[0] for line in lines if line[:13].strip() in NAMES] == NAMES
    assert [line for line in lines if len(line) > 80] == []
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert capsys.readouterr().out == help_text


def test_an_unknown_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["predcit"])
    shown = capsys.readouterr().err
    assert "invalid choice: 'predcit' (choose from" in shown and shown.endswith("; did you mean predict?\n")


@pytest.mark.parametrize(
    ("arguments", "command", "message"),
    [
        (["evaluate", "--dta", "DIR"], "evaluate", "unrecognized arguments: --dta; did you mean --data?"),
        (
            ["score", "in", "out", "--text-colunm=x"],
            "score",
            "unrecognized arguments: --text-colunm; did you mean --text",
        ),
        (["predict", "--zzz", "text"], "predict", "unrecognized arguments: --zzz\n"),
        (["score", "in", "out", "--long", "windws"], "score", "; did you mean windows?"),
        (["evaluate", "--data", "DIR", "x"], "evaluate", "unrecognized arguments: x"),
        (["evaluate", "--data", "DIR", "-x"], "evaluate", "unrecognized arguments: -x"),
    ],
)
def test_a_mistyped_flag_shows_the_usage_of_its_command_and_what_it_may_mean(
    arguments: list[str], command: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    shown = capsys.readouterr().err
    assert shown.startswith(f"usage: emoscope {command} ") and message in shown


def test_abbreviated_flags_and_texts_with_dashes_are_read() -> None:
    assert build_parser("bias").parse_args(["bias", "--js"]).json
    assert build_parser("predict").parse_args(["predict", "--", "--zzz"]).texts == ["--zzz"]
    assert build_parser("predict").parse_args(["predict", "--- no way", "-- ok then"]).texts == [
        "--- no way",
        "-- ok then",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_help_of_a_command_fits_the_width_and_has_examples(name: str) -> None:
    help_text = subparser(name).format_help()
    description, _, flags = help_text.partition("\nexamples:\n")
    assert f"\n  emoscope {name}" in flags
    paragraphs = [line for line in description.splitlines() if not line.startswith("  ")]
    assert [line for line in paragraphs if len(line) > 80] == []
    assert [line for line in flags.partition("\noptions:\n")[2].splitlines() if len(line) > 80] == []


def test_help_fills_paragraphs_and_keeps_indented_lines() -> None:
    parser = argparse.ArgumentParser(
        prog="x",
        description="one two three\nfour five six\n  kept   as   it   is, even if it is long\nseven\n\neight",
        formatter_class=lambda prog: HelpFormatter(prog, width=22),
    )
    assert (
        "\none two three four\nfive six\n  kept   as   it   is, even if it is long\nseven\n\neight\n"
        in parser.format_help()
    )


def test_a_parser_for_one_command_knows_its_flags_only() -> None:
    assert build_parser("bias").parse_args(["bias", "--json"]).json
    with pytest.raises(SystemExit):
        build_parser("bias").parse_args(["predict", "--json"])
