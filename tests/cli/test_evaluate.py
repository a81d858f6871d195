"""emoscope evaluate, with a fake model."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoscope.classifier import EmotionClassifier
from emoscope.cli import evaluate
from emoscope.errors import DataError, MissingExtraError, ModelError
from emoscope.labels import EMOTIONS, Labels
from fake_classifier import FakeClassifier

WORDS = {"sadness": "gloomy", "joy": "cheerful", "love": "smitten", "anger": "cross", "fear": "scared"}


def _lines(odd: int) -> str:
    rows = [f"i feel {word} {number};{label}" for label, word in WORDS.items() for number in range(20)]
    rows += [f"that is odd {number};{('joy', 'anger')[number % 2]}" for number in range(odd)]
    return "\n".join(rows) + "\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for split, odd in (("train", 40), ("validation", 4), ("test", 10)):
        (folder / f"{split}.txt").write_text(_lines(odd))
    return folder


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Names of the models that were loaded; each predicts the label of the word in WORDS that a text contains."""
    names: list[Any] = []

    class Reader:
        labels = EMOTIONS
        thresholds = None

        def predict_proba(self, texts: Any) -> Any:
            index = {word: i for i, label in enumerate(EMOTIONS) for word in [WORDS.get(label)]}
            found = [next((index[word] for word in text.split() if word in index), 1) for text in texts]
            rows = {text: [0.9 if i == at else 0.02 for i in range(6)] for text, at in zip(texts, found, strict=True)}
            return FakeClassifier(EMOTIONS, rows).predict_proba(texts)

    def from_pretrained(cls: type, name: Any = None, *, device: str = "cpu") -> Reader:
        names.append(name)
        return Reader()

    monkeypatch.setattr(EmotionClassifier, "from_pretrained", classmethod(from_pretrained))
    return names


def _run(*arguments: str | Path) -> int:
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    return evaluate.run(parser.parse_args([*map(str, arguments)]))


def _json(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    assert _run("--json", *arguments) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def test_validation_is_the_default_and_keywords_come_from_train(
    data: Path, capsys: pytest.CaptureFixture[str], loaded: list[Any]
) -> None:
    report = _json(capsys, "--data", data)
    assert report["dataset"]["split"] == "validation"
    assert report["accuracy"] == pytest.approx(102 / 104)
    assert report["ambiguity"]["keywords"] == 1
    assert report["ambiguity"]["with_keyword"] == {"rows": 4, "accuracy": 0.5}
    assert loaded == ["bundled"]


def test_split_and_model_can_be_chosen(data: Path, capsys: pytest.CaptureFixture[str], loaded: list[Any]) -> None:
    report = _json(capsys, "--data", data, "--split", "test", "--model", "some/model")
    assert (report["model"], report["dataset"]["split"], report["dataset"]["rows"]) == (
        "some/model",
        "test",
        110,
    )
    assert loaded == ["some/model"]
    assert _json(capsys, "--data", data, "--split", "dev")["dataset"]["split"] == "validation"


def test_columns_of_a_single_file_can_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("comment,emotion\ni feel cheerful,joy\ni feel cross,3\ni feel gloomy,joy\n")
    report = _json(capsys, "--data", file, "--text-column", "comment", "--label-column", "emotion")
    assert report["accuracy"] == pytest.approx(2 / 3)
    assert report["ambiguity"] is None


def test_table_fits_a_terminal_and_names_every_figure(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--data", data) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    for word in (
        *EMOTIONS,
        "accuracy",
        "F1, macro",
        "0.9808",
        "interval",
        "ambiguous",
        "texts/s",
        "CPU memory",
    ):
        assert word in out
    assert "\x1b" not in out


def test_report_is_written_into_new_folders(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "new" / "folder" / "report.json"
    printed = _json(capsys, "--data", data, "--report", file)
    assert json.loads(file.read_text()) == printed
    assert [entry.name for entry in file.parent.iterdir()] == ["report.json"]


def test_a_report_that_cannot_be_written_leaves_nothing_behind(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "taken"
    folder.mkdir()
    with pytest.raises(OSError, match="taken"):
        _run("--data", data, "--report", folder)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["data", "taken"]


def test_plots_are_drawn(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert _run("--data", data, "--plots", tmp_path / "plots") == 0
    assert len(list((tmp_path / "plots").glob("*.png"))) == 3


def test_plots_without_matplotlib_fail_before_the_model_loads(
    data: Path, monkeypatch: pytest.MonkeyPatch, loaded: list[Any]
) -> None:
    monkeypatch.setattr("emoscope.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="plot"):
        _run("--data", data, "--plots", "plots")
    assert loaded == []


def test_unknown_split_is_an_error_that_lists_the_splits(data: Path) -> None:
    with pytest.raises(DataError, match=r"no split 'holdout'; .* --split train\|validation\|test"):
        _run("--data", data, "--split", "holdout")


def test_several_splits_without_validation_need_a_split_flag(data: Path) -> None:
    (data / "validation.txt").unlink()
    with pytest.raises(DataError, match=r"--split train\|test"):
        _run("--data", data)


def test_data_is_read_with_the_labels_of_the_model(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    labels = tuple(f"feeling number {i}" for i in range(9))
    rows = {f"text {i}": [1.0 if i == j else 0.0 for j in range(9)] for i in range(9)}
    model = FakeClassifier(labels, rows)
    monkeypatch.setattr(EmotionClassifier, "from_pretrained", classmethod(lambda cls, name, device: model))
    file = tmp_path / "rows.txt"
    file.write_text("".join(f"text {i};{label}\n" for i, label in enumerate(labels)))
    assert _run("--data", file) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "too wide for 9 labels" in out


# Multi-label rows

MOODS = "calm,tense,bored"


@pytest.fixture
def moods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file without a header, and a fake model that knows three of its four rows."""
    rows = {"one": [0.9, 0.6, 0.1], "two": [0.1, 0.2, 0.3], "three": [0.2, 0.7, 0.8], "four": [0.6, 0.1, 0.1]}
    model = FakeClassifier(tuple(MOODS.split(",")), rows)
    model.multi_label, model.thresholds = True, (0.5, 0.5, 0.75)
    monkeypatch.setattr(EmotionClassifier, "from_pretrained", classmethod(lambda cls, name, device: model))
    file = tmp_path / "moods.tsv"
    file.write_text("one\t0,1\tx\ntwo\t\tx\nthree\ttense,bored\tx\nfour\t2\tx\n")
    return file


HEADERLESS = ("--multi-label", "--text-column", "0", "--label-column", "1")


def test_multi_label_rows_from_a_file_without_a_header(moods: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = _json(capsys, "--data", moods, *HEADERLESS)
    assert report["accuracy"] == 0.75
    assert report["thresholds"] == {"calm": 0.5, "tense": 0.5, "bored": 0.75}
    assert report["f1_micro"] == pytest.approx(8 / 10)


def test_labels_flag_names_the_label_ids(moods: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "labels.txt").write_text("bored\ntense\ncalm\n")
    moods.write_text("one\t2,1\tx\n")
    report = _json(capsys, "--data", moods, "--labels", tmp_path / "labels.txt", *HEADERLESS)
    assert (report["accuracy"], list(report["per_label"])) == (1.0, ["bored", "tense", "calm"])
    assert report["thresholds"]["bored"] == 0.75
    assert _json(capsys, "--data", moods, "--labels", "bored,tense,calm", *HEADERLESS)["accuracy"] == 1.0


def test_multi_label_table_fits_a_terminal(moods: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--data", moods, *HEADERLESS) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    for word in (*MOODS.split(","), "all labels right", "F1, micro", "threshold", "0.7500", "weighted", "texts/s"):
        assert word in out
    assert "true \\ predicted" not in out and "ambiguous" not in out


def test_multi_label_model_needs_the_multi_label_flag(moods: Path) -> None:
    with pytest.raises(ModelError, match="--multi-label"):
        _run("--data", moods)


def test_multi_label_flag_with_a_single_label_model_is_an_error(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeClassifier(EMOTIONS, {})
    model.multi_label = False
    monkeypatch.setattr(EmotionClassifier, "from_pretrained", classmethod(lambda cls, name, device: model))
    with pytest.raises(ModelError, match="gives one label a text"):
        _run("--data", data, "--multi-label")


def test_published_files_of_goemotions_are_read(
    goemotions_data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    labels = Labels.read(goemotions_data / "labels.txt")

    class Always:
        """Gives neutral always."""

        def __init__(self) -> None:
            self.labels, self.multi_label, self.thresholds = labels.names, True, None

        def predict_proba(self, texts: Any) -> Any:
            return np.tile(np.eye(28, dtype=np.float32)[27], (len(texts), 1))

    monkeypatch.setattr(EmotionClassifier, "from_pretrained", classmethod(lambda cls, name, device: Always()))
    names = str(goemotions_data / "labels.txt")
    report = _json(capsys, "--data", goemotions_data, "--split", "validation", "--labels", names, *HEADERLESS)
    neutral = report["per_label"]["neutral"]
    assert (report["dataset"]["rows"], neutral["recall"]) == (5_426, 1.0)
    assert neutral["precision"] == pytest.approx(neutral["support"] / 5_426)


def test_every_form_of_table_is_read_by_the_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes("text|label\nso cheerful\u2026|joyful\n\ncross|mad\ndull|neutral\n".encode("windows-1252"))
    flags = ["--delimiter", "|", "--encoding", "windows-1252", "--map", "joyful=joy", "mad=anger"]
    assert _run("--data", file, *flags, "--skip-other-labels", "--json") == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert (report["accuracy"], report["dataset"]["rows"], report["dataset"]["skipped"]) == (1.0, 2, {"neutral": 1})
    assert err == "1 row skipped, whose labels are not among the labels: neutral 1\n"
    with pytest.raises(DataError, match="unknown label 'neutral'"):
        _run("--data", file, *flags)


def test_columns_of_slices_leave_out_skipped_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["text,label,country", *(f"{word},{label},UK" for label, word in WORDS.items()), "dull,neutral,NZ"]
    (tmp_path / "rows.csv").write_text("\n".join([rows[0], rows[-1], *rows[1:-1]]))
    assert _run("--data", tmp_path / "rows.csv", "--skip-other-labels", "--slice-column", "country", "--json") == 0
    slices = [row for row in json.loads(capsys.readouterr().out)["slices"] if row["by"] == "country"]
    assert [(row["slice"], row["rows"]) for row in slices] == [("UK", 5)]
