"""The file section of the page: formats, encodings, scoring in batches, downloads, the chart, drops and pastes."""

from __future__ import annotations

import csv
import io
import json
import random
import re

import numpy as np
import pytest
from playwright.sync_api import expect

from emoscope import EMOTIONS
from page_actions import downloaded, upload


def messy_csv():
    rows = [["id", "date", "review, in full"]]
    texts = [
        "I am so happy with it, truly",
        'He said "never", I am furious',
        "two\r\nlines, I am sad",
        "",
        "  ",
        "naïve 😀 joy;tab\there",
    ]
    rows += [[str(i), "2024-01-0" + str(i), text] for i, text in enumerate(texts, 1)]
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    broken = ["7,2024,too,many", '8,2024-01-08,"it is ""amazing"""', '9,2024,"stray" quote', "10,2024-01-10,scared"]
    return (out.getvalue() + "\r\n".join(broken)).encode()


def test_scored_file_equals_that_of_the_command_line(page, classifier, tmp_path):
    pytest.importorskip("pyarrow", reason="needs the extra score")
    from emoscope.scoring import Job, Scoring, score_table

    upload(page, "reviews.csv", messy_csv())
    assert page.locator("#column option:checked").inner_text() == "review, in full"
    name, text = downloaded(page)
    (tmp_path / "in.csv").write_bytes(messy_csv())
    score_table(Job(str(tmp_path / "in.csv"), str(tmp_path / "out.csv"), Scoring("review, in full")), classifier)
    got, expected = (
        list(csv.reader(io.StringIO(each, newline=""))) for each in (text, (tmp_path / "out.csv").read_bytes().decode())
    )
    assert name == "reviews.scored.csv"
    assert [row[:4] for row in got] == [row[:4] for row in expected]
    assert got[0] == expected[0]
    values = [np.array([row[4:] for row in rows[1:] if row[4]], float) for rows in (got, expected)]
    assert np.allclose(*values, atol=1e-6)
    assert len(values[0]) == 6
    for row in (
        '1,2024-01-01,"I am so happy with it, truly"',
        '3,2024-01-03,"two\r\nlines, I am sad"',
        "5,2024-01-05,  ",
    ):
        assert f"\n{row}," in text
    _, rejected = downloaded(page, "#download-rejected")
    theirs = [json.loads(line)["line"] for line in (tmp_path / "out.csv.rejected.jsonl").read_text().splitlines()]
    assert [json.loads(line)["line"] for line in rejected.splitlines()] == theirs == [9, 11]


FILES = [
    ("a.tsv", "when\tnote\n1\tI am so happy about this\n2\tI am sad, really sad\n", "\t", "note", 2),
    ("a.csv", "note;n\nI am so happy, about this;1\nI am sad, really sad;2\n", ";", "note", 2),
    (
        "a.txt",
        "i am so happy about this;joy\ni am sad today;sadness\ni was sad;sadness\nso glad;joy\n",
        ";",
        "column 1",
        4,
    ),
    ("a.txt", "I am so happy, about this\nI am sad.\n\nAfraid, too, very much\n", "lines", None, 3),
    ("a.jsonl", '{"id": "x1", "body": "I am so happy"}\n{"id": "x2", "body": "i am sad"}\n', "jsonl", "body", 2),
    ("a.csv", "text\nI am so happy\n\nI am sad\n", ",", "text", 2),
]


def test_formats_and_text_columns_are_guessed(page, classifier):
    for name, content, form, column, count in FILES:
        upload(page, name, content.encode())
        expect(page.locator("#scored")).to_have_text(f"{count} texts")
        assert page.locator("#format").input_value() == form, name
        if column:
            assert page.locator("#column option:checked").inner_text() == column, name
        first = page.locator("#rows tr").first.locator("td").nth(1).inner_text()
        assert page.locator("#rows tr").first.locator("td").nth(2).inner_text() == classifier.predict([first])[0].label


def test_encodings_and_files_that_are_not_text(page):
    for encoding, note in [("utf-8-sig", ""), ("utf-16", ""), ("cp1252", "Windows-1252")]:
        upload(page, "a.csv", "text,n\nich fühle – nichts,1\nna ja,2\n".encode(encoding))
        expect(page.locator("#rows tr").first).to_contain_text("ich fühle – nichts")
        expect(page.locator("#encoding")).to_contain_text(note)
    for content, words in [
        (b"PK\\x03\\x04", "spreadsheet"),
        (b"", "empty"),
        (b"a\0b", "not a text file"),
        (b"\x1f\x8b", "Unpack"),
    ]:
        upload(page, "a.csv", content, wait=False)
        expect(page.locator("#file-error")).to_contain_text(words)
        expect(page.locator("#result")).to_be_hidden()


def test_json_lines_keep_their_fields(page, classifier):
    lines = [
        '{"n": 1.50, "text": "i am happy", "emotion": "?"}',
        '{"text": null}',
        '{"text": 3}',
        "{",
        "[1]",
        '{"text": "sad"}',
    ]
    upload(page, "a.jsonl", "\n".join(lines).encode())
    name, text = downloaded(page)
    rows = [json.loads(line) for line in text.splitlines()]
    assert name == "a.scored.jsonl"
    assert text.startswith('{"n": 1.50, "text": "i am happy", "emotion": "?", "predicted_emotion": "joy"')
    assert [row["predicted_emotion"] for row in rows] == ["joy", None, "sadness"]
    assert rows[0]["predicted_joy"] == pytest.approx(classifier.predict(["i am happy"])[0].scores["joy"], abs=1e-6)
    page.get_by_text("Why rows were rejected").click()
    assert page.locator("#rejected-rows").inner_text().split("\n") == [
        "Line 3: text is not a string",
        "Line 4: not JSON",
        "Line 5: not a JSON object",
    ]


def test_choosing_another_column_scores_again(page, classifier):
    upload(
        page,
        "a.csv",
        b"title,review\nI hate it,I am so happy with this one\nsad,I am so happy, really\n".replace(
            b"happy, r", b"happy r"
        ),
    )
    expect(page.locator("#rows tr").first).to_contain_text("joy")
    page.get_by_label("Column with the texts").select_option("title")
    expect(page.locator("#rows tr").first).to_contain_text("anger")
    page.get_by_label("The first row has the column names").uncheck()
    expect(page.locator("#rows tr").first).to_contain_text("title")
    expect(page.locator("#scored")).to_have_text("3 texts")


def test_csv_is_read_as_python_reads_it(page):
    generator = random.Random(7)
    cells = ["", "a", 'say ""', "two\nlines", "semi;colon", ",", '"', "é😀", " x ", "\t"]
    cases = []
    for _ in range(300):
        out = io.StringIO()
        width = generator.randint(2, 4)
        writer = csv.writer(out, delimiter=generator.choice(",;\t"), lineterminator=generator.choice(["\n", "\r\n"]))
        writer.writerows([generator.choices(cells, k=width) for _ in range(generator.randint(1, 5))])
        cases.append((out.getvalue(), writer.dialect.delimiter))
    program = """async (cases) => {
      const { record } = await import("/page/records.js");
      return cases.map(([text, delimiter]) => {
        const lines = text.split("\\n").slice(0, -1);
        const rows = [];
        for (let at = 0; at < lines.length; ) {
          const { fields, end } = record(lines, at, delimiter);
          rows.push(fields);
          at = end;
        }
        return rows;
      });
    }"""
    expected = [list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)) for text, delimiter in cases]
    assert page.evaluate(program, cases) == expected


def test_large_file_is_streamed_and_the_page_stays_responsive(page, interceptor):
    rows = 24_000
    content = "id,text\n" + "".join(f"{i},i feel happy and fine about day number {i}\n" for i in range(rows))
    assert len(content) > 1 << 20
    upload(page, "large.csv", content.encode(), wait=False)
    expect(page.get_by_role("button", name="Score the file")).to_be_visible()
    assert interceptor.requests == []
    page.evaluate("window.ticks = 0; setInterval(() => window.ticks++, 5)")
    page.get_by_role("button", name="Score the file").click()
    expect(page.locator("#progress-text")).to_contain_text("row")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#file-error")).to_contain_text("Stopped.")
    page.get_by_role("button", name="Score the file").click()
    expect(page.locator("#scored")).to_have_text("24,000 texts")
    expect(page.locator("#downloads")).to_be_visible(timeout=20_000)
    assert page.evaluate("window.ticks") > 50
    assert page.locator("#rows tr").count() == 50
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("#rows tr")).to_have_count(100)
    _, text = downloaded(page)
    got = list(csv.reader(io.StringIO(text)))
    assert [row[0] for row in got[1:]] == [str(i) for i in range(rows)]
    assert max(len(body["texts"]) for path, body in interceptor.requests if path == "/v1/predict") <= 256


def test_scoring_continues_after_refusals_and_rejects_only_the_row_that_is_too_long(visit, interceptor):
    page = visit(expected_error="Failed to load resource")
    interceptor.refusals = [(429, "full", {"Retry-After": "0"})] * 3 + [(503, "soon", {"Retry-After": "0"})]
    texts = [f"i am happy {i}" for i in range(40)]
    texts[17] = "x" * 100_001
    upload(page, "a.jsonl", "".join(json.dumps({"text": text}) + "\n" for text in texts).encode())
    expect(page.locator("#other-rows")).to_have_text("40 rows in all: 1 row rejected.")
    page.get_by_text("Why rows were rejected").click()
    expect(page.locator("#rejected-rows")).to_contain_text("Line 18: Texts has 100,001 characters, at most 100,000")
    _, text = downloaded(page)
    assert [json.loads(line)["text"] for line in text.splitlines()] == texts[:17] + texts[18:]
    expect(page.locator("#caption")).to_have_text("All 39 rows")
    shares = {
        row.locator(".name").inner_text(): row.locator(".portion").inner_text()
        for row in page.locator("#chart li").all()
    }
    assert shares == {label: "100.0%" if label == "joy" else "0.0%" for label in (*EMOTIONS, "no emotion")}


def test_chart_counts_labels_and_filters_the_table(page, classifier):
    page.get_by_role("button", name="Try an example table").click()
    expect(page.locator("#downloads")).to_be_visible()
    _, text = downloaded(page)
    labels = [row["emotion"].replace("neutral", "no emotion") for row in csv.DictReader(io.StringIO(text))]
    shown = {
        row.locator(".name").inner_text(): row.locator(".value").inner_text() for row in page.locator("#chart li").all()
    }
    assert "no emotion" in labels
    assert shown == {label: str(labels.count(label)) for label in (*EMOTIONS, "no emotion")}
    button = page.locator("#chart").get_by_role("button", name="anger")
    button.click()
    expect(page.locator("#rows tr")).to_have_count(labels.count("anger"))
    expect(page.locator("#caption")).to_have_text(f"All {labels.count('anger')} anger rows")
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(page.locator("#rows tr")).to_have_count(len(labels))


TRANSFER = """([type, name, content]) => {
  const data = new DataTransfer();
  if (name) data.items.add(new File([content], name)); else data.setData("text/plain", content);
  const options = { bubbles: true, cancelable: true, dataTransfer: data, clipboardData: data };
  const event = type === "paste" ? new ClipboardEvent(type, options) : new DragEvent(type, options);
  return !(type === "paste" ? document.activeElement : document.body).dispatchEvent(event);
}"""


def test_files_can_be_dropped_and_tables_pasted(page):
    table = "n\ttext\n1\tI am so happy about it\n2\tI am so sad about it\n"
    assert page.evaluate(TRANSFER, ["dragover", "t.tsv", table])
    expect(page.locator("#drop-zone")).to_have_class(re.compile("over"))
    assert page.evaluate(TRANSFER, ["drop", "t.tsv", table])
    expect(page.locator("#scored")).to_have_text("2 texts")
    assert page.evaluate(TRANSFER, ["paste", "", table + "3\tI am afraid of it\n"])
    expect(page.locator("#scored")).to_have_text("3 texts")
    page.get_by_label("Your text").focus()
    assert not page.evaluate(TRANSFER, ["paste", "", table])
    page.get_by_label("Your text").fill(table)
    page.get_by_role("button", name="Score its rows instead").click()
    expect(page.locator("#file-name")).to_contain_text("pasted.csv")
    expect(page.locator("#scored")).to_have_text("2 texts")
    page.get_by_label("Your text").fill("One, two.\nThree, four.\nFive, six.")
    expect(page.locator("#offer")).to_be_hidden()


def test_text_file_can_be_read_as_one_text(page):
    upload(page, "diary.txt", b"I was so sad in the morning.\nThen I laughed and was happy.\nNow I am afraid.\n")
    page.get_by_role("button", name="Read it as one text instead").click()
    expect(page.locator(".position")).to_have_text("Sentence 1 of 3")


def test_one_text_has_the_encoding_of_its_file(page):
    text = "Ich war traurig – sehr.\nNa ja, naïve Freude."
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        upload(page, "diary.txt", text.encode(encoding))
        page.get_by_role("button", name="Read it as one text instead").click()
        expect(page.get_by_label("Your text")).to_have_value(text)
        page.get_by_label("Your text").fill("")
