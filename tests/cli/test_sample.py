"""`emoscope sample` writes rows to label, without predictions, and overwrites nothing."""

import csv

import pytest

from cli.scored_table import MONTHS, ROWS, write_scored
from emoscope.cli import main
from emoscope.shares.blocks import TextFormat


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
    [
        ("x.parquet", "review", "unknown format '.parquet'; allowed: .csv and .xlsx"),
        ("x.csv", "text", "no column 'text'; the columns are: 'id', 'review'"),
    ],
)
def test_wrong_names(scored, tmp_path, capsys, output, column, message):
    assert main(["sample", str(scored), str(tmp_path / output), "--text-column", column, "--size", "150"]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / output).exists()


def test_a_plan_draws_nothing(scored, tmp_path, capsys):
    output = tmp_path / "to_label.csv"
    command = ["sample", str(scored), str(output), "--text-column", "review", "--size", "150"]
    assert main([*command, "--plan"]) == 0
    assert "150 labels of 800 rows" in capsys.readouterr().err and not output.exists()


def test_groups_get_as_many_labels(scored, tmp_path, capsys):
    output = tmp_path / "to_label.csv"
    command = ["sample", str(scored), str(output), "--text-column", "review", "--time-column", "written"]
    assert main([*command, "--size", "360"]) == 0
    assert "360 labels of 800 rows: intervals in the widest group of about ± " in capsys.readouterr().err
    with scored.open(encoding="utf-8", newline="") as file:
        months = [row["written"][:7] for row in csv.DictReader(file)]
    with output.open(encoding="utf-8", newline="") as file:
        drawn = [months[int(row["row"]) - 1] for row in csv.DictReader(file)]
    counts = [drawn.count(month) for month in MONTHS]
    assert max(counts) - min(counts) <= 1 and sum(counts) >= 360 - months.count("soon")


def test_groups_with_too_few_labels_are_named(scored, tmp_path, capsys):
    command = ["sample", str(scored), str(tmp_path / "x.csv"), "--text-column", "review", "--size", "150", "--plan"]
    assert main([*command, "--time-column", "written", "--period", "day", "--group", "product"]) == 1
    assert "150 labels; allowed: 170 to 800" in capsys.readouterr().err
    assert main([*command, "--time-column", "written"]) == 0
    assert "1 group of written, by month with fewer than 20 labels, too few for an estimate: (empty); draw more" in (
        capsys.readouterr().err
    )


def test_excel_for_two_people(scored, tmp_path, capsys):
    pytest.importorskip("openpyxl")
    output = tmp_path / "to_label.xlsx"
    command = ["sample", str(scored), str(output), "--text-column", "review", "--size", "150", "--labellers", "2"]
    assert main(command) == 0
    assert len(list(TextFormat().cells(output, ["row", "text", "label_1", "label_2"]))) == 150
