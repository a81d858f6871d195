"""The report: a self-contained page with the same bytes for the same rows."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pyarrow as pa
import pytest
from scoring_fakes import DAYS, HashClassifier, NeutralClassifier, emotion, score, texts, write_parquet

import emoscope.scoring
from emoscope.errors import DataError
from emoscope.scoring import ScoreReport
from emoscope.scoring.charts import Columns, stacked
from emoscope.terminal import counted


def report(source, output, page, time_column=None, time_format=None, **options):
    return score(source, output, report=ScoreReport(page, time_column, time_format), **options)


class Elements(HTMLParser):
    """Text of the elements of a page, and the elements that are not closed."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.cells = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "rect", "line"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("rect", "line"):
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "title", "h1", "p", "text", "h2"):
            self.cells.append(data)


def same_rows(tmp_path, form):
    rows = [(f'say "{i}", twice' if i % 5 else "", DAYS[i] if i % 7 else "?") for i in range(30)]
    path = tmp_path / f"in.{form}"
    if form == "parquet":
        return write_parquet(path, {"text": [text for text, _ in rows], "when": [when for _, when in rows]})
    if form == "jsonl":
        lines = [json.dumps({"when": when, "text": text}) for text, when in rows]
    else:
        quoted = [(text.replace('"', '""'), when) for text, when in rows]
        lines = ["text,when", *(f'"{text}",{when}' for text, when in quoted)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_page_is_self_contained_and_well_formed(dated, tmp_path):
    report(dated, tmp_path / "out.csv", tmp_path / "page.html", "when")
    page = (tmp_path / "page.html").read_text("utf-8")
    found = Elements(page)
    assert found.open == []
    assert {tag for tag, _ in found.tags} & {"script", "link", "img", "iframe", "object"} == set()
    assert not re.search(r"https?:|url\(|@import|@font-face", page)
    assert "prefers-color-scheme: dark" in page and 'name="viewport"' in page
    assert all(
        "aria-label" in attributes or "aria-hidden" in attributes for tag, attributes in found.tags if tag == "svg"
    )


def test_page_shows_labels_examples_and_times(dated, tmp_path):
    summary = report(dated, tmp_path / "out.csv", tmp_path / "page.html", "when")
    found = Elements((tmp_path / "page.html").read_text("utf-8"))
    assert f"Emotions in {dated.name}" in found.cells
    assert any("counts of predictions" in cell for cell in found.cells)
    for label, rows in summary.labels.items():
        assert f"{label} ({rows})" in found.cells or rows == 0
        assert f"{rows / 30:.2%}" in found.cells
    assert any("Shares by day, from the column 'when'" in cell for cell in found.cells)
    titles = [cell for cell in found.cells if cell.startswith("2024-05-07: ")]
    assert titles == [f"2024-05-07: 1 row\n{emotion('text number 6')} 100.0%"] * 2
    assert set(texts(30)) <= set(found.cells)  # so few that all of them are examples


def test_texts_and_names_are_escaped(tmp_path):
    text = "<script>alert('x')</script> & \"more\""
    source = write_parquet(tmp_path / "a<b>&.parquet", {"<t>": [text], "text": ["2024"]})
    report(source, tmp_path / "out.csv", tmp_path / "page.html", "text", text_column="<t>")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "<script" not in page and "a<b>" not in page and "'<t>'" not in page
    assert text in Elements(page).cells


@pytest.mark.parametrize("target", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_copied_rows_have_the_same_report(tmp_path, form, target):
    """From CSV to CSV, and from JSON lines to JSON lines, only the text and the time are read from a row."""
    report(same_rows(tmp_path, form), tmp_path / f"out.{target}", tmp_path / "page.html", "when")
    report(same_rows(tmp_path, "parquet"), tmp_path / "expected.jsonl", tmp_path / "expected.html", "when")
    page = (tmp_path / "page.html").read_text("utf-8").replace(f"in.{form}", "in.parquet")
    assert page == (tmp_path / "expected.html").read_text("utf-8")
    assert "4 rows without one that can be read" in page and "6 of them without text" in page
    written = tmp_path / f"out.{target}"
    score(same_rows(tmp_path, form), tmp_path / f"plain.{target}")
    assert written.read_bytes() == (tmp_path / f"plain.{target}").read_bytes()


def test_times_may_be_numbers_in_json(tmp_path):
    lines = ['{"text": "a", "when": 1714979280}', '{"text": "b", "when": null}', '{"text": "c", "when": [1]}']
    (tmp_path / "in.jsonl").write_text("\n".join([*lines, '{"text": "d"}']))
    report(tmp_path / "in.jsonl", tmp_path / "out.jsonl", tmp_path / "page.html", "when")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "Shares by minute" in page and "3 rows without one that can be read" in page


def test_times_in_a_file_without_a_header(tmp_path):
    (tmp_path / "in.csv").write_text("2024-05-01,a\n2024-05-02,b\n")
    report(tmp_path / "in.csv", tmp_path / "out.csv", tmp_path / "page.html", "0", text_column="1")
    assert "2024-05-02 00:00: 1 row" in (tmp_path / "page.html").read_text("utf-8")


def test_rejected_rows_and_rows_without_a_text_are_counted(tmp_path):
    (tmp_path / "in.csv").write_text('text,n\na,1\n"",2\nbroken\n')
    report(tmp_path / "in.csv", tmp_path / "out.csv", tmp_path / "page.html")
    words = "3 rows read, 2 written, 1 of them without text, 1 rejected. Text: column &#x27;text&#x27;."
    assert words in (tmp_path / "page.html").read_text("utf-8")


@pytest.mark.parametrize("rows", [[], [None, " "]])
def test_rows_without_any_text(tmp_path, rows):
    source = write_parquet(tmp_path / "in.parquet", {"text": pa.array(rows, pa.string()), "when": ["2024"] * len(rows)})
    report(source, tmp_path / "out.csv", tmp_path / "page.html", "when")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert Elements(page).open == [] and "there is nothing to show" in page


def test_no_row_with_a_time(tmp_path):
    source = write_parquet(tmp_path / "in.parquet", {"text": ["a"], "when": ["soon"]})
    report(source, tmp_path / "out.csv", tmp_path / "page.html", "when")
    assert "No row has a time that can be read in the column &#x27;when&#x27;" in (tmp_path / "page.html").read_text(
        "utf-8"
    )


def test_many_labels_have_colours_for_the_most_frequent(tmp_path):
    class Many(HashClassifier):
        labels = tuple(f"label {i}" for i in range(20))

        def predict_proba(self, texts):
            return super().predict_proba(texts).repeat(4, axis=1)[:, :20] / 4

    source = write_parquet(tmp_path / "in.parquet", {"text": texts(200), "when": ["2024"] * 200})
    report(source, tmp_path / "out.csv", tmp_path / "page.html", "when", classifier=Many())
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "others" in page and all(label in page for label in Many.labels)


@pytest.mark.parametrize("how", ["column", "label"])
def test_neutral_rows_are_counted_as_in_the_table(dated, tmp_path, how):
    options = {"classifier": NeutralClassifier(), "neutral": how}
    summary = report(dated, tmp_path / "out.csv", tmp_path / "page.html", "when", **options)
    page = (tmp_path / "page.html").read_text("utf-8")
    cells = Elements(page).cells
    assert (f"neutral ({summary.neutral})" in cells) is (how == "label")
    assert (".s6 { fill: var(--muted)" in page) is (how == "label")
    words = f"{counted(summary.neutral, 'row')} more likely without emotion, counted by label."
    assert any(words in cell for cell in cells) is (how == "column")


@pytest.mark.parametrize(
    ("time_column", "words"),
    [
        ("nothing", "no column 'nothing'; the columns are"),
        ("text", "the time column is the text column"),
        ("l", "list<"),
    ],
)
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_column_without_times_is_an_error(tmp_path, time_column, words, form):
    if form == "parquet":
        source = write_parquet(tmp_path / "in.parquet", {"text": ["a"], "l": [[1]]})
    elif time_column == "l":
        pytest.skip("CSV has text only")
    else:
        source = tmp_path / "in.csv"
        source.write_text("text,n\na,1\n")
    with pytest.raises(DataError, match=words):
        report(source, tmp_path / "out.csv", tmp_path / "page.html", time_column)
    assert sorted(path.name for path in tmp_path.iterdir()) == [source.name]


def test_row_for_each_sentence_counts_sentences(tmp_path):
    (tmp_path / "in.csv").write_text("text,when\nOne. Two. Three.,2024\n")
    page = tmp_path / "page.html"
    report(tmp_path / "in.csv", tmp_path / "out.csv", page, "when", long="sentences", sentence_rows=True)
    assert "1 row read, 3 written" in page.read_text("utf-8") and "2024-01-01 00:00: 3 rows" in page.read_text("utf-8")


def test_old_name_of_the_report_is_deprecated():
    with pytest.warns(DeprecationWarning, match="emoscope.scoring.Report is now ScoreReport"):
        assert emoscope.scoring.Report is ScoreReport


def test_rows_without_a_time_are_in_the_summary(tmp_path):
    days = ["31.12.2024", "", "1.1.2025", None, "2024-05-06", "soon"]
    source = write_parquet(tmp_path / "in.parquet", {"text": [f"a {i}" for i in range(6)], "when": days})
    summary = report(source, tmp_path / "out.csv", tmp_path / "page.html", "when")
    assert (summary.without_time, summary.first_without_time) == (5, "31.12.2024")
    summary = report(source, tmp_path / "2.csv", tmp_path / "2.html", "when", "%d.%m.%Y")
    assert (summary.without_time, summary.first_without_time) == (4, "2024-05-06")
    assert "4 rows" in (tmp_path / "2.html").read_text("utf-8")
    assert score(source, tmp_path / "3.csv").without_time == 0


def test_rows_with_stray_times_are_in_the_summary(tmp_path):
    days = ["1970-01-01", *(f"2024-05-{day:02}" for day in range(1, 31) for _ in range(50))]
    source = write_parquet(tmp_path / "in.parquet", {"text": ["a"] * len(days), "when": days})
    assert report(source, tmp_path / "out.csv", tmp_path / "page.html", "when").time_outliers == 1


def test_few_rows_are_listed_once(tmp_path):
    source = tmp_path / "few.csv"
    source.write_text("text\none\ntwo\n")
    report(source, tmp_path / "out.csv", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "Most confident" in page and "Least confident" not in page


def test_long_ticks_have_room_on_a_small_screen():
    chart = Columns("", np.ones((3, 1)), ["a"] * 3, 1, "", [(at, "2024-05-06 18:00") for at in (10.0, 50.0, 90.0)])
    drawn = "".join(stacked(chart))
    assert re.findall(r'<text( class="even")? x="(\d+)', drawn) == [("", "10"), (' class="even"', "50"), ("", "90")]
