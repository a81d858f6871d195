"""Tables of rows to label are written, filled and read back, in CSV and Excel."""

import numpy as np
import pytest

from emoscope.errors import DataError
from emoscope.shares.blocks import TextFormat
from emoscope.shares.samples import DrawnRow, count_strata, draw_sample, read_sample, write_sample
from emoscope.shares.sampling import draw_rows, plan_sample
from emoscope.shares.tables import ScoredTable, TimeColumn

FORM = TextFormat()
ROWS = [DrawnRow(7, "=1+1, a \x01 formula", 0, 0.25), DrawnRow(2, "two\nlines", 3, 1 / 3)]


def written(tmp_path, text, name="labels.csv"):
    file = tmp_path / name
    file.write_text(text, "utf-8")
    return file


def test_missing_labels_lower_the_probability_of_their_stratum(tmp_path):
    rows = "row,label,stratum,sampling_probability\n1,joy,0,0.5\n2,,0,0.5\n3, love ,10,0.2\n"
    sample = read_sample(written(tmp_path, rows), FORM)
    assert sample.labels == (("joy",), ("love",)) and sample.without_label == 1
    np.testing.assert_allclose(sample.probability, [0.25, 0.2])
    assert sample.strata.tolist() == [0, 10]


def test_labels_of_ones_own_need_a_row_and_a_label(tmp_path):
    sample = read_sample(written(tmp_path, "row,mood\n3,love\n"), FORM, ["mood"])
    assert (sample.numbers.tolist(), sample.probability, sample.strata) == ([3], None, None)


def test_labels_of_two_people(tmp_path):
    sample = read_sample(written(tmp_path, "row,a,b\n3,love,joy\n4,,joy\n5,,\n"), FORM, ["a", "b"])
    assert sample.choices(("joy", "love")).tolist() == [[1, 0], [-1, 0]]
    assert sample.names == {"love", "joy"} and sample.without_label == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,joy\n1,joy\n", "line 3: row 1 is labelled twice"),
        ("x,joy\n", "row is 'x'; allowed: the number of a scored row"),
        ("0,joy\n", "row is '0'"),
    ],
)
def test_rows_that_do_not_fit(tmp_path, rows, message):
    with pytest.raises(DataError, match=message):
        read_sample(written(tmp_path, "row,label\n" + rows), FORM)


@pytest.mark.parametrize("chance", ["0", "1.5", "often", ""])
def test_probabilities_that_are_none(tmp_path, chance):
    with pytest.raises(DataError, match="sampling_probability is"):
        read_sample(written(tmp_path, f"row,label,sampling_probability\n1,joy,{chance}\n"), FORM)


def test_csv_of_two_labellers(tmp_path):
    write_sample(tmp_path / "new" / "a.csv", ROWS, ["joy"], labellers=2)
    lines = (tmp_path / "new" / "a.csv").read_text("utf-8")
    assert lines.startswith(
        'row,text,label_1,label_2,stratum,sampling_probability\n7,"=1+1, a \x01 formula",,,0,0.25\n'
    )


def test_excel_offers_the_labels_and_is_read_back(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    file = tmp_path / "to_label.xlsx"
    write_sample(file, ROWS, ["joy", "love"])
    book = openpyxl.load_workbook(file)
    sheet = book.active
    assert [cell.value for cell in sheet[1]] == ["row", "text", "label", "stratum", "sampling_probability"]
    assert sheet["B2"].data_type == "s" and sheet["B2"].value == "=1+1, a \ufffd formula"
    assert [str(rule.sqref) for rule in sheet.data_validations.dataValidation] == ["C2:C3"]
    sheet["C2"], sheet["C3"] = "joy", "love"
    book.save(file)
    sample = read_sample(file, FORM)
    assert sample.numbers.tolist() == [7, 2] and sample.labels == (("joy",), ("love",))
    np.testing.assert_allclose(sample.probability, [0.25, 1 / 3])


def test_excel_without_a_column(tmp_path):
    pytest.importorskip("xlsxwriter")
    write_sample(tmp_path / "a.xlsx", ROWS, ["joy"])
    with pytest.raises(DataError, match="no column 'mood'; the columns are: 'row'"):
        read_sample(tmp_path / "a.xlsx", FORM, ["mood"])


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    names, scores = rng.choice(["joy", "anger", "fear"], 3000), rng.uniform(0.3, 1, 3000)
    days = rng.choice(["2024-05-06", "2024-06-07", ""], 3000, p=[0.7, 0.2, 0.1])
    lines = [f"{i},{n},{s!r},{d}" for i, (n, s, d) in enumerate(zip(names, scores.tolist(), days, strict=True))]
    file = written(tmp_path, "text,emotion,emotion_score,day\n" + "\n".join(lines) + "\n", "scored.csv")
    return ScoredTable(file, time=TimeColumn("day")), names, scores, days


def test_blocks_give_the_same_sample_as_arrays(table, monkeypatch):
    scored, names, scores, _ = table
    monkeypatch.setattr("emoscope.shares.blocks.BLOCK_BYTES", 10_000)
    plain = ScoredTable(scored.file)
    strata, sums = count_strata(plain)
    rows = draw_sample(plain, strata, sums.allocation(120), "text", 5)
    answers = np.unique(names, return_inverse=True)[1]
    plan = plan_sample(answers, scores, 120)
    expected = draw_rows(plan, 5)
    assert [row.number for row in rows] == (expected + 1).tolist()
    assert [row.text for row in rows] == [str(index) for index in expected]
    np.testing.assert_allclose([row.probability for row in rows], plan.probability[plan.strata[expected]])


def test_each_period_gets_as_many_labels(table):
    scored, _, _, days = table
    strata, sums = count_strata(scored)
    rows = draw_sample(scored, strata, sums.allocation(300), "text", 0)
    found = [days[row.number - 1] for row in rows]
    assert [found.count(day) for day in ("2024-05-06", "2024-06-07", "")] == [100, 100, 100]
    weights = [1 / row.probability for row in rows]
    assert sum(weights) == pytest.approx(3000)


def test_a_table_that_changes_meanwhile(table):
    scored = table[0]
    strata, sums = count_strata(scored)
    scored.file.write_text("\n".join(scored.file.read_text("utf-8").splitlines()[:50]), "utf-8")
    with pytest.raises(DataError, match="was changed while rows were drawn"):
        draw_sample(scored, strata, sums.allocation(300), "text", 0)
