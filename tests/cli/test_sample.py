"""`emoscope sample` writes rows to label, without predictions, and overwrites nothing."""

import csv

import pytest

from cli.scored_table import ROWS, write_scored
from emoscope.cli import main


@pytest.fixture
def scored(tmp_path):
    write_scored(tmp_path / "scored.csv")
    return tmp_path / "scored.csv"


def test_rows_to_label_have_their_text_and_no_prediction(scored, tmp_path, capsys):
    output = tmp_path / "sub" / "to_label.csv"
    assert main(["sample", str(scored), str(output), "--text-column", "review", "--size", "150"]) == 0
    shown = capsys.readouterr()
    assert "150 labels of 800 rows: intervals of about ± " in shown.err and "written: " in shown.out
    with output.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["row", "text", "label", "stratum", "sampling_probability"]
    assert len({row["row"] for row in rows}) == 150
    assert all(row["text"] == f"text {int(row['row']) - 1}, with a comma" and row["label"] == "" for row in rows)
    assert sum(1 / float(row["sampling_probability"]) for row in rows) == pytest.approx(ROWS)


def test_a_width_chooses_the_size(scored, tmp_path, capsys):
    output = tmp_path / "to_label.csv"
    assert main(["sample", str(scored), str(output), "--text-column", "review", "--width", "0.05"]) == 0
    assert "± 5.0 points" in capsys.readouterr().err


def test_labels_are_not_overwritten(scored, tmp_path, capsys):
    output = tmp_path / "labels.csv"
    output.write_text("labels of a week", "utf-8")
    assert main(["sample", str(scored), str(output), "--text-column", "review", "--size", "150"]) == 1
    assert "exists; it may hold labels, so give another name" in capsys.readouterr().err
    assert output.read_text("utf-8") == "labels of a week"


@pytest.mark.parametrize(
    ("output", "column", "message"),
    [("x.parquet", "review", "allowed: .csv"), ("x.csv", "text", "no column 'text'; the columns are: 'id', 'review'")],
)
def test_wrong_names(scored, tmp_path, capsys, output, column, message):
    assert main(["sample", str(scored), str(tmp_path / output), "--text-column", column, "--size", "150"]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / output).exists()
