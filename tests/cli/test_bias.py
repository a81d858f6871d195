"""emoscope bias."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emoscope import EMOTIONS
from emoscope.cli import main


def test_report_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bias", "--report", str(tmp_path / "bias.json")]) == 0
    assert "she / he" in capsys.readouterr().out
    report = json.loads((tmp_path / "bias.json").read_text("utf-8"))
    assert report["labels"] == list(EMOTIONS) and report["model"] == "bundled"
    assert main(["bias", "--model", "no/such/model/here"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
