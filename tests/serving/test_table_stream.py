"""Formats of streamed tables: the same output however the bytes arrive, in linear time."""

from __future__ import annotations

import csv
import io

from hypothesis import given, settings
from hypothesis import strategies as st
from serving_fakes import HashClassifier, emotion

from emoscope import EMOTIONS
from emoscope.rows.lines import LineDecoder
from emoscope.serving import table_stream
from emoscope.serving.table_stream import CsvTable, JsonlTable, added_columns

EMOTION_ONLY = added_columns("emotion", EMOTIONS)


cells = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(cells, cells), max_size=12), st.integers(1, 40))
def test_csv_does_not_depend_on_how_its_bytes_arrive(rows, size):
    content = io.StringIO(newline="")
    csv.writer(content).writerows([("id", "text"), *rows])
    data = content.getvalue().encode()
    whole = _score(CsvTable("text", EMOTION_ONLY, EMOTIONS), [data])
    pieces = _score(CsvTable("text", EMOTION_ONLY, EMOTIONS), [data[i : i + size] for i in range(0, len(data), size)])
    assert pieces == whole
    read = list(csv.reader(io.StringIO(whole, newline=""), strict=True))[1:]
    expected = [(*row, emotion(row[1]) if row[1].strip() else "") for row in rows]
    assert [row for row in map(tuple, read) if row] == expected


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.integers(1, 40))
def test_any_bytes_do_not_depend_on_how_they_arrive(data, size):
    for make in (lambda: CsvTable("text", EMOTION_ONLY, EMOTIONS), lambda: JsonlTable("text", EMOTION_ONLY, EMOTIONS)):
        content = b"id,text\n" + data
        pieces = [content[i : i + size] for i in range(0, len(content), size)]
        assert _score(make(), pieces) == _score(make(), [content])


def _score(table, pieces):
    decoder = LineDecoder(table_stream.MAX_ROW_BYTES)
    rows = [row for piece in pieces for row in table.rows(decoder.feed(piece))]
    rows += table.rows(decoder.feed(b"", final=True))
    classifier = HashClassifier()
    lines = []
    for row in rows:
        has_text = row.text and not row.text.isspace() and not row.problem
        values = classifier.predict_proba([row.text])[0] if has_text else None
        scores = None if values is None else (tuple(values.tolist()), int(values.argmax()), None, None)
        lines.append(table.line(row, scores))
    return table.header() + "".join(lines)


def test_open_row_is_not_read_again_with_every_piece(csv_lines_read):
    table, decoder = CsvTable("text", EMOTION_ONLY, EMOTIONS), LineDecoder(table_stream.MAX_ROW_BYTES)
    rows = list(table.rows(decoder.feed(b'text\n"open\n')))
    for _ in range(2000):
        rows += table.rows(decoder.feed(b"a\n"))
    rows += table.rows(decoder.feed(b'end"\n', final=True))
    (row,) = rows
    assert row.text == "open\n" + "a\n" * 2000 + "end"
    assert csv_lines_read() < 5 * 2000


def test_open_row_that_is_too_long_is_given_up_once(csv_lines_read, monkeypatch):
    monkeypatch.setattr(table_stream, "MAX_ROW_BYTES", 1000)
    table, decoder = CsvTable("text", EMOTION_ONLY, EMOTIONS), LineDecoder(table_stream.MAX_ROW_BYTES)
    rows = list(table.rows(decoder.feed(b"text\n")))
    for _ in range(2000):
        rows += table.rows(decoder.feed(b'a","\n'))
    rows += table.rows(decoder.feed(b"", final=True))
    assert len(rows) == 2000
    assert all(row.problem.startswith(f"line {line}: a quote is not closed") for line, row in enumerate(rows, 2))
    assert csv_lines_read() < 10 * 2000
