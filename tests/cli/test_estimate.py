"""`emoscope estimate` reads labels back and prints shares with intervals, or shares that rest on an assumption."""

import csv
import json
import re
from pathlib import Path

import pytest

from cli.scored_table import MONTHS, fill_labels, write_scored
from emoscope import EMOTIONS
from emoscope.cli import main

PRIOR = [
    "--prior",
    *(f"{label}={share}" for label, share in zip(EMOTIONS, (0.3, 0.3, 0.1, 0.1, 0.1, 0.1), strict=True)),
]


@pytest.fixture
def tables(tmp_path, capsys):
    scored, sample, labels = (tmp_path / name for name in ("scored.csv", "sample.csv", "labels.csv"))
    truth = write_scored(scored)
    assert main(["sample", str(scored), str(sample), "--text-column", "review", "--size", "200"]) == 0
    fill_labels(sample, truth, labels)
    capsys.readouterr()
    return str(scored), str(labels), truth


def test_shares_are_in_their_intervals(tables, capsys):
    scored, labels, truth = tables
    assert main(["estimate", scored, "--labels", labels, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    (found,) = report["shares"]
    assert (found["group"], found["rows"], found["labels"]) == (None, 800, 200)
    assert [row["label"] for row in found["classes"]] == list(EMOTIONS)
    inside = [row["interval"][0] <= truth.count(row["label"]) / 800 <= row["interval"][1] for row in found["classes"]]
    assert sum(inside) >= 5
    joy = found["classes"][1]
    assert joy["naive"] > joy["share"] and joy["shift"] == pytest.approx(joy["share"] - joy["naive"])


def test_tables_by_group(tables, capsys):
    scored, labels, _ = tables
    assert main(["estimate", scored, "--labels", labels, "--by", "product", "--level", "0.9"]) == 0
    shown = capsys.readouterr().out
    heads = re.findall(r"^(?:(\w): )?(\d+) rows, (\d+) labels$", shown, re.M)
    assert [(name, rows) for name, rows, _ in heads] == [("", "800"), ("a", "400"), ("b", "400")]
    assert shown.count("90 % interval") == 3
    assert len(re.findall(r"^joy +\d+\.\d% +\d+\.\d% +\d+\.\d% to \d+\.\d% +[+-]\d+\.\d +-?\d+%$", shown, re.M)) == 3


def test_without_labels_the_assumption_is_named(tables, capsys):
    assert main(["estimate", tables[0], *PRIOR]) == 0
    shown = capsys.readouterr().out
    assert "no labels; this assumes label shift" in shown and "no interval" in shown
    assert main(["estimate", tables[0], *PRIOR, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["method"] == "label shift" and "only the shares of the classes differ" in report["assumption"]
    assert sum(row["share"] for row in report["classes"]) == pytest.approx(1)


def test_rows_without_a_label_are_counted(tables, tmp_path, capsys):
    scored, labels, _ = tables
    lines = Path(labels).read_text("utf-8").splitlines()
    partly = tmp_path / "partly.csv"
    partly.write_text("\n".join([*lines[:151], *(re.sub(r",[a-z]+,", ",,", line) for line in lines[151:])]), "utf-8")
    assert main(["estimate", scored, "--labels", str(partly)]) == 0
    shown = capsys.readouterr()
    assert "left out: 50 rows without a label" in shown.err and "800 rows, 150 labels" in shown.out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "one of the arguments --labels --reference --prior is required"),
        ([*PRIOR, "--by", "product"], "--by needs --labels"),
        (["--prior", "joy"], "must be CLASS=SHARE"),
        (["--labels", "x.csv", "--level", "95"], "from 0.5 to 0.999"),
        ([*PRIOR, "--report", "x.html"], "--report needs --labels"),
        (["--labels", "x.csv", "--event", "2024-05-01"], "--event goes with --time-column"),
        (["--labels", "x.csv", "--time-column", "day", "--event", "May"], "must be a day as in 2024-05-31, got 'May'"),
        (["--reference", "x.csv", "--label-column", "a", "b"], "--reference takes one --label-column"),
    ],
)
def test_wrong_usage(flags, message, capsys):
    with pytest.raises(SystemExit):
        main(["estimate", "scored.csv", *flags])
    assert message in capsys.readouterr().err


def test_too_few_labels_and_an_unknown_one(tables, tmp_path, capsys):
    scored = tables[0]
    for text, message in (
        ("row,label\n1,joy\n", "1 label; allowed: 20 or more"),
        ("row,label\n1,yoj\n", "label 'yoj'"),
    ):
        (tmp_path / "few.csv").write_text(text, "utf-8")
        assert main(["estimate", scored, "--labels", str(tmp_path / "few.csv")]) == 1
        assert message in capsys.readouterr().err


def test_trends_differences_and_the_page(tables, tmp_path, capsys):
    scored, labels, _ = tables
    flags = ["--by", "product", "--time-column", "written", "--event", "2024-06-01"]
    report = tmp_path / "page" / "shares.html"
    assert main(["estimate", scored, "--labels", labels, *flags, "--report", str(report)]) == 0
    shown = capsys.readouterr()
    assert "left out: 8 rows without a time in 'written', of the periods" in shown.err
    heads = re.findall(r"^(.+): \d+ rows, \d+ labels$", shown.out, re.M)
    assert heads == ["a", "b", *MONTHS, "before 2024-06-01", "from 2024-06-01"]
    assert re.findall(r"^by (.*): \d+ of (\d+) differences significant at 5% \(Holm\)$", shown.out, re.M) == [
        *(("product", "6"), ("written, by month", "12"), ("written, before and after", "6"))
    ]
    page = report.read_text("utf-8")
    assert "<script" not in page and "http" not in page
    assert page.count('class="band" points') >= 6 and page.count('class="arm" x1') >= 6 + 12
    assert "before 2024-06-01" in page and "count of predictions, uncorrected" in page


def test_two_labellers(tables, tmp_path, capsys):
    scored, labels, _ = tables
    with Path(labels).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = ["row,first,second,stratum,sampling_probability"]
    for index, row in enumerate(rows):
        other = "joy" if index % 10 == 0 else row["label"]
        lines.append(",".join([row["row"], row["label"], other, row["stratum"], row["sampling_probability"]]))
    two = tmp_path / "two.csv"
    two.write_text("\n".join(lines), "utf-8")
    command = ["estimate", scored, "--labels", str(two), "--label-column", "first", "second"]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^2 labellers, 200 rows labelled twice or more, 9\d\.\d% agreed$", shown, re.M)
    assert re.search(r"^Krippendorff alpha +0\.[89]\d  \(95 % interval 0\.\d\d to 0\.\d\d\)$", shown, re.M)
    assert main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["labellers"]
    assert found["labellers"] == 2 and len(found["kappa"]) == 1


def test_a_reference_is_checked(tables, tmp_path, capsys):
    scored = Path(tables[0])
    lines = scored.read_text("utf-8").splitlines()
    reference = tmp_path / "reference.csv"
    labelled = [f"{line},{label}" for line, label in zip(lines[1:], tables[2], strict=True)]
    reference.write_text("\n".join([f"{lines[0]},label", *labelled]), "utf-8")
    assert main(["estimate", str(scored), "--reference", str(reference)]) == 0
    assert "check of the assumption: not contradicted (p " in capsys.readouterr().out
    doubtful = tmp_path / "doubtful.csv"
    assert write_scored(doubtful, strength=0.5) != tables[2]
    assert main(["estimate", str(doubtful), "--reference", str(reference), "--json"]) == 0
    check = json.loads(capsys.readouterr().out)["check"]
    assert check["holds"] is False and check["p"] < 0.01 and check["distance"] > 0.1
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(reference.read_text("utf-8").replace(",joy\n", ",jooy\n"), "utf-8")
    assert main(["estimate", str(scored), "--reference", str(wrong)]) == 1
    assert "label is 'jooy'; allowed: sadness, joy" in capsys.readouterr().err
