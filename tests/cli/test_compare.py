"""emoscope compare, on copies of the bundled model and on fakes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from emoscope.classifier import EmotionClassifier
from emoscope.cli import main
from emoscope.model_folder import BUNDLED
from fake_classifier import FakeClassifier

ROWS = """\
i feel so happy and glad today;joy
i feel terribly sad and alone;sadness
i am furious with all of them;anger
i feel scared of the dark;fear
i feel so loving towards my little sister;love
i am amazed by what they did;surprise
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for split in ("train", "validation"):
        (folder / f"{split}.txt").write_text(ROWS)
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BUNDLED, tmp_path / "copy"))


def _run(*arguments: str | Path) -> int:
    return main(["compare", *map(str, arguments), "--rounds", "1"])


def test_a_model_and_its_copy_tie(data: Path, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("bundled", copy, "--data", data, "--json", "--speed-texts", "4") == 0
    comparison = json.loads(capsys.readouterr().out)
    assert comparison["dataset"] | {"fingerprint": ""} == {
        "name": "data",
        "split": "validation",
        "rows": 6,
        "fingerprint": "",
    }
    assert [row["model"] for row in comparison["models"]] == ["bundled", str(copy)]
    a, b = comparison["models"]
    assert (a["accuracy"], a["loss"], a["size_bytes"]) == (b["accuracy"], b["loss"], b["size_bytes"])
    assert all(row["peak_rss_bytes"] > 20e6 for row in (a, b))
    assert comparison["pairs"][0]["mcnemar"]["p"] == 1.0
    assert comparison["pairs"][0]["verdict"] == "tie"
    assert comparison["settings"]["speed_texts"] == 4


def test_report_and_plot_are_written(
    data: Path, copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    report, plot = tmp_path / "new" / "comparison.json", tmp_path / "new" / "comparison.png"
    assert _run("bundled", copy, "--data", data, "--no-memory", "--report", report, "--plot", plot) == 0
    out, err = capsys.readouterr()
    assert max(map(len, out.splitlines())) <= 120
    assert "\x1b" not in out and not err
    for words in ("Measured on data, validation split, 6 rows", "A vs B", "tie", "texts/s", "peak memory"):
        assert words in out
    assert "public model card" not in out
    assert json.loads(report.read_text())["models"][0]["peak_rss_bytes"] is None
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert sorted(file.name for file in report.parent.iterdir()) == ["comparison.json", "comparison.png"]


def test_markdown_of_one_model_on_another_split(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("bundled", "--data", data, "--split", "train", "--markdown", "--no-memory") == 0
    out = capsys.readouterr().out
    assert out.startswith("**Measured on data, train split, 6 rows**\n\n|  | model |")
    assert "Paired tests" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bundled", "bundled"), "model 'bundled' is given twice"),
        (("bundled", "{tmp}/none"), "no model at"),
        (("bundled", "{tmp}/data"), "config.json is missing"),
        (("bundled", "--split", "holdout"), "--split train|validation"),
    ],
)
def test_failure_prints_one_line(
    arguments: tuple[str, ...], message: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(*(argument.format(tmp=tmp_path) for argument in arguments), "--data", data) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("emoscope compare: error: ") and message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("flags", [("--rounds", "0"), ("--speed-texts", "x"), ("--json", "--markdown")])
def test_wrong_flags_exit_with_2(flags: tuple[str, ...], data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["compare", "bundled", "--data", str(data), *flags])
    assert exit.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_data_with_other_labels_is_an_error_that_names_both(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "validation.txt").write_text("i feel calm;calm\ni feel tense;tense\n")
    (data / "train.txt").unlink()
    assert _run("bundled", "--data", data) == 1
    err = capsys.readouterr().err
    assert (
        "model 'bundled' has the labels sadness, joy, love, anger, fear, surprise, but the data has calm, tense" in err
    )


def test_a_broken_model_leaves_no_report(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    good = EmotionClassifier.from_pretrained()
    models = {"bundled": good, "broken": FakeClassifier(good.labels, {})}
    monkeypatch.setattr(EmotionClassifier, "from_pretrained", classmethod(lambda cls, name: models[name]))
    monkeypatch.setattr("emoscope.evaluation.footprint.size_bytes", lambda name: None)
    report = tmp_path / "comparison.json"
    assert _run("bundled", "broken", "--data", data, "--no-memory", "--report", report) == 1
    out, err = capsys.readouterr()
    assert (out, report.exists()) == ("", False)
    assert err.startswith("emoscope compare: error: model 'broken' cannot score data: ")
