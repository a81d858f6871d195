"""`emoscope distill`: its flags, errors and headline; tests/training tests what it trains."""

import json

import pytest

for module in ("torch", "transformers", "accelerate", "safetensors"):
    pytest.importorskip(module)

import tiny
from emoscope.cli import main

SMALL = ["--dimension=8", "--hidden=8", "--epochs=2", "--batch-size=16", "--learning-rate=0.02"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for split in ("train", "validation"):
        rows = tiny.examples(split)
        lines = [f"{text};{rows.labels.names[i]}\n" for text, i in zip(rows.texts, rows.label_ids, strict=True)]
        (folder / f"{split}.txt").write_text("".join(lines))
    (folder / "more.csv").write_text("comment,stars\nthey came and i was glad,5\n")
    return folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return str(tiny.encoder(tmp_path_factory.mktemp("encoder") / "tiny"))


def test_flags_alone_distil_the_bundled_model(data, encoder, tmp_path, capsys):
    output = tmp_path / "student"
    command = [
        "distill",
        "--data",
        str(data),
        "--output",
        str(output),
        "--embeddings",
        encoder,
        "--teachers",
        "bundled",
    ]
    more = ["--unlabelled", str(data / "more.csv"), "--unlabelled-column", "comment", "--copies", "1"]
    assert main([*command, *more, *SMALL]) == 0
    shown = capsys.readouterr()
    report = json.loads((output / "report.json").read_text())
    assert shown.out == (
        f"{output}: accuracy {report['accuracy']:.4f}, macro F1 {report['f1_macro']:.4f}, "
        f"loss {report['loss']:.4f} on validation\n"
    )
    assert main([*command, *more, *SMALL, "--resume"]) == 0
    again = capsys.readouterr()
    assert again.out == shown.out and f"{output}: this run is finished" in again.err
    assert "teacher 1/1: " in shown.err
    assert "student: " in shown.err
    recipe = (output / "recipe.toml").read_text()
    assert 'kind = "compact-student"\n' in recipe
    assert 'teachers = ["bundled"]\n' in recipe
    assert "1 texts without a label" in " ".join((output / "README.md").read_text().split())


def test_a_flag_wins_over_the_recipe(data, encoder, tmp_path):
    pytest.importorskip("tomllib")
    recipe, output = tmp_path / "recipe.toml", tmp_path / "student"
    recipe.write_text(f'teachers = ["nowhere/at-all"]\nembeddings = "{encoder}"\nsoft_weight = 0.7\nseed = 3\n')
    command = ["distill", str(recipe), "--teachers", "bundled", "--data", str(data), "--output", str(output)]
    assert main([*command, "--seed=4", *SMALL]) == 0
    written = (output / "recipe.toml").read_text()
    assert 'teachers = ["bundled"]\n' in written
    assert "soft_weight = 0.7\n" in written
    assert "seed = 4\n" in written


def failed(arguments, capsys):
    assert main(arguments) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    return shown.err


def test_errors_are_one_line_and_leave_nothing_behind(data, encoder, tmp_path, capsys):
    run = ["--data", str(data), "--output", str(tmp_path / "run")]
    student = [*run, "--embeddings", encoder]
    assert "has no teachers" in failed(["distill", *student], capsys)
    assert "no model at '../nowhere'" in failed(["distill", *student, "--teachers", "../nowhere"], capsys)
    refused = failed(["distill", *student, "--teachers", "bundled", "--unlabelled", "nowhere.txt"], capsys)
    assert "no unlabelled texts at 'nowhere.txt'" in refused
    refused = failed(["distill", *student, "--teachers", "bundled", "--soft-weight=0", "--hard-weight=0"], capsys)
    assert "both 0" in refused
    assert "one label per text" in failed(["distill", *student, "--teachers", "bundled", "--multi-label"], capsys)
    assert list(tmp_path.iterdir()) == []


def test_train_and_distill_name_each_other(data, encoder, tmp_path, capsys):
    pytest.importorskip("tomllib")
    run = ["--data", str(data), "--output", str(tmp_path / "run")]
    (tmp_path / "plain.toml").write_text(f'kind = "compact"\nembeddings = "{encoder}"\n')
    refused = failed(["distill", str(tmp_path / "plain.toml"), *run], capsys)
    assert "kind compact has no teachers, so it is one for emoscope train" in refused
    (tmp_path / "student.toml").write_text(f'teachers = ["bundled"]\nembeddings = "{encoder}"\n')
    refused = failed(["train", str(tmp_path / "student.toml"), *run], capsys)
    assert "kind compact-student has teachers, so it is one for emoscope distill" in refused
    assert not (tmp_path / "run").exists()


def test_broken_unlabelled_file_is_an_error_that_names_the_line(data, encoder, tmp_path, capsys):
    (tmp_path / "bad.txt").write_text("fine\n   \nfine\n")
    arguments = [
        "--data",
        str(data),
        "--output",
        str(tmp_path / "run"),
        "--embeddings",
        encoder,
        "--teachers",
        "bundled",
    ]
    assert "bad.txt, line 2: no text" in failed(
        ["distill", *arguments, "--unlabelled", str(tmp_path / "bad.txt")], capsys
    )


def test_teacher_with_other_labels_is_an_error(encoder, tmp_path, capsys):
    for split in ("train", "validation"):
        (tmp_path / f"{split}.txt").write_text("a good one;good\na bad one;bad\n")
    arguments = ["--data", str(tmp_path), "--output", str(tmp_path / "run"), "--embeddings", encoder]
    refused = failed(["distill", *arguments, "--teachers", "bundled"], capsys)
    assert "teacher bundled has the labels sadness, joy" in refused
    assert "but the data has bad, good" in refused
