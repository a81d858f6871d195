"""Small tables whose bytes are changed, and what scoring must do with them. Used by tests and benchmarks."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from emoscope.errors import DataError
from emoscope.scoring import Job, ScoreReport, Scoring, Summary, score_table
from emoscope.terminal import counted

FORMATS = ("csv", "jsonl", "parquet")
PIECES = (
    *(b'"', b'""', b"\n", b"\r\n", b"\r", b",", b"{", b"}", b"[", b"\\", b":", b"\0", b" "),
    *(b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"null", b"-1", b"1e999", b"text", b"joy"),
    *(b"\\ud800", b'"text": 5', b'", "\\ud800": "'),
)
"""Bytes that are inserted into a table."""


class Mutation(NamedTuple):
    """A change of some bytes.

    Attributes:
        kind: "flip", "cut", "repeat", "insert" or "truncate".
        place: where, from 0 to 1.
        size: bytes, or which bit or piece.
    """

    kind: str
    place: float
    size: int


def mutated(content: bytes, mutations: Sequence[Mutation]) -> bytes:
    """The content with all changes, one after the other."""
    for kind, place, size in mutations:
        at = int(place * len(content))
        before, rest = content[:at], content[at:]
        if kind == "flip" and rest:
            rest = bytes([rest[0] ^ (1 << size % 8)]) + rest[1:]
        elif kind == "cut":
            rest = rest[size:]
        elif kind == "repeat":
            rest = rest[:size] + rest
        elif kind == "insert":
            rest = PIECES[size % len(PIECES)] + rest
        elif kind == "truncate":
            rest = b""
        content = before + rest
    return content


def table(form: str) -> bytes:
    """A valid table of 24 rows, with everything that makes its format difficult."""
    texts = [f"i feel {i}, so 😀 caf\u00e9" if i % 3 else f'say "{i}"\nand more' for i in range(24)]
    rows = [{"id": i, "text": text if i % 7 else None, "n": {"x": [i]}} for i, text in enumerate(texts)]
    if form == "parquet":
        written = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), written, row_group_size=9, compression="none")
        return written.getvalue()
    if form == "jsonl":
        return "".join(json.dumps(row, ensure_ascii=row["id"] % 2 == 0) + "\n" for row in rows).encode()
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["id", "text", "n"], *([row["id"], row["text"], "x"] for row in rows)])
    return text.getvalue().encode()


def check(
    form: str, content: bytes, folder: Path, target: str, classifier: object, time_column: str | None = None
) -> Summary | None:
    """Score a damaged table: either it is an error of one line and nothing is left, or every row is accounted for.

    Args:
        form: one of FORMATS.
        content: content of the file to read.
        folder: the folder for the files.
        target: format of the output.
        classifier: any classifier.
        time_column: column of times for the report, which is written in any case.

    Returns:
        The summary; None if the table was an error.
    """
    source, output = folder / f"in.{form}", folder / f"out.{target}"
    source.write_bytes(content)
    rejected_file = folder / f"out.{target}.rejected.jsonl"
    rejected_file.unlink(missing_ok=True)
    try:
        report = ScoreReport(folder / "report.html", time_column)
        job = Job(source, output, Scoring("text", part_rows=10), overwrite=True, report=report, allow_rejected=True)
        summary = score_table(job, classifier)
    except DataError as error:
        assert "\n" not in str(error), error
        assert not (folder / f"out.{target}.parts").exists()
        return None
    rejected = [json.loads(line) for line in rejected_file.read_text().splitlines()] if rejected_file.exists() else []
    assert summary.rejected == sum(entry["rows"] for entry in rejected)
    assert summary.rows == rows_of(output)
    assert summary.rows + summary.rejected == rows_in(form, content), (summary, rejected)
    assert f"{counted(summary.rows_in, 'row')} read, {summary.rows:,} written" in report.output.read_text("utf-8")
    output.unlink()
    return summary


def rows_of(output: Path) -> int:
    """Number of rows written, counted by other readers than emoscope's."""
    if output.suffix == ".parquet":
        return pq.ParquetFile(output).metadata.num_rows
    content = output.read_bytes().decode()
    if output.suffix == ".jsonl":
        return len([json.loads(line) for line in content.split("\n")[:-1]])
    rows = list(csv.reader(io.StringIO(content, newline=""), strict=True))
    assert len({len(row) for row in rows}) == 1
    return len(rows) - 1


def rows_in(form: str, content: bytes) -> int:
    """Number of rows read, by the documented meaning of a row."""
    if form == "parquet":
        metadata = pq.ParquetFile(pa.BufferReader(content)).metadata
        return sum(metadata.row_group(i).num_rows for i in range(metadata.num_row_groups))
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    if form == "jsonl":
        return sum(1 for line in lines if line.strip())
    return csv_rows(lines[:-1] if not lines[-1] else lines)


def csv_rows(lines: list[str]) -> int:
    """Number of rows of a CSV file with several columns, without the header, counted by a state machine.

    A row whose quotes are broken counts only with its first line.
    """
    count, start = -1, 0
    while start < len(lines):
        end = _end_of_row(lines, start)
        blank = end is not None and lines[start].rstrip("\r\n") == ""
        count += not blank
        start = end or start + 1
    return count


def _end_of_row(lines: list[str], start: int) -> int | None:
    """The line behind a row; None if its quotes are broken, or there is a carriage return without a newline."""
    state = "field"
    for number in range(start, len(lines)):
        for char in lines[number]:
            if state == "quoted":
                state = "behind" if char == '"' else "quoted"
            elif state == "return":
                if char not in "\r\n":
                    return None
            elif state == "behind" and char == '"':
                state = "quoted"
            elif char == ",":
                state = "field"
            elif char == "\r":
                state = "return"
            elif char == "\n":
                return number + 1
            elif state == "behind":
                return None
            elif state == "field":
                state = "quoted" if char == '"' else "plain"
        if state != "quoted":
            return number + 1
    return None
