"""emoscope evaluate --slices, with the bundled model."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from emoscope.cli import main
from emoscope.data import load_column
from emoscope.errors import DataError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "rows.csv"
    with file.open("w", newline="") as sink:
        writer = csv.writer(sink)
        writer.writerow(("text", "label", "country"))
        writer.writerows(("i feel happy", "joy", "NZ" if i % 3 else "UK") for i in range(90))
    return file


def test_slices_are_printed_and_drawn(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    plots = tmp_path / "plots"
    assert main(["evaluate", "--data", str(table), "--slice-column", "country", "--plots", str(plots)]) == 0
    shown = capsys.readouterr().out
    assert "  NZ                       60    1.0000" in shown and "corrected for all slices" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert (plots / "slices.png").stat().st_size > 1000
    assert main(["evaluate", "--data", str(table), "--slices", "--json"]) == 0
    assert {row["by"] for row in json.loads(capsys.readouterr().out)["slices"]} == {
        "length",
        "negation",
        "first person",
    }


def test_a_column_with_the_name_of_a_built_in_slice_is_renamed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.csv").write_text("text,label,length\n" + "i feel happy,joy,short\n" * 3)
    assert main(["evaluate", "--data", str(tmp_path / "rows.csv"), "--slice-column", "length", "--json"]) == 0
    slices = {(row["by"], row["slice"]) for row in json.loads(capsys.readouterr().out)["slices"]}
    assert {("length", "up to 5 words"), ("column length", "short")} <= slices


def test_missing_column_is_an_error(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--data", str(table), "--slice-column", "city"]) == 1
    assert "no column 'city'; the columns are" in capsys.readouterr().err
    (tmp_path / "rows.txt").write_text("i feel happy;joy\n")
    with pytest.raises(DataError, match=r"no column 'country': \.txt files"):
        load_column(tmp_path / "rows.txt", None, "country")
    assert load_column(table, None, "country")[:3] == ["UK", "NZ", "NZ"]
