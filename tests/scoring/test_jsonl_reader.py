"""JSON lines to tables: broken lines are rejected alone, columns get types."""

import json

import pyarrow.parquet as pq
import pytest
from scoring_fakes import emotion, kept_and_rejected, read, rejected, score

from emoscope.rows import blocks
from emoscope.scoring import ScoreReport
from emoscope.scoring.jsonl_reader import JsonlReader


def report(source, output, page, time_column=None, **options):
    return score(source, output, report=ScoreReport(page, time_column), **options)


def test_columns_get_the_types_of_their_values(tmp_path):
    rows = [{"text": "a", "i": 1, "f": 1, "s": {"x": [1]}}, {"f": 0.5, "text": "b", "extra": True}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    score(tmp_path / "in.jsonl", tmp_path / "out.parquet", columns=("emotion",))
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == [
        {"text": "a", "i": 1, "f": 1.0, "s": {"x": [1]}, "extra": None, "emotion": emotion("a")},
        {"text": "b", "i": None, "f": 0.5, "s": None, "extra": True, "emotion": emotion("b")},
    ]


@pytest.mark.parametrize("first", ["", "\n", "nonsense\n"])
@pytest.mark.parametrize("target", ["parquet", "jsonl"])
def test_first_file_without_an_object(tmp_path, first, target):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/0.jsonl").write_text(first)
    (tmp_path / "in/1.jsonl").write_text('{"id": 1, "text": "a"}\n{"id": 2, "text": "b"}\n')
    (tmp_path / "in/2.jsonl").write_text("")
    summary = score(tmp_path / "in", tmp_path / f"out.{target}")
    assert [(row["id"], row["text"]) for row in read(tmp_path / f"out.{target}")] == [(1, "a"), (2, "b")]
    assert summary.rejected == len(first.strip()) // 8


def test_files_without_any_object(tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(2):
        (tmp_path / f"in/{i}.jsonl").write_text("\n")
    assert score(tmp_path / "in", tmp_path / "out.parquet").rows == 0


def test_objects_with_any_fields_become_a_row_for_each_sentence(tmp_path, monkeypatch):
    for name in ("BLOCK_BYTES", "_SLICE_BYTES"):
        monkeypatch.setattr(f"emoscope.rows.blocks.{name}", 10)
    lines = ['{"text": "One. Two.", "n": 1, "when": "2024"}', '{"n": 1.5, "m": {"é": []}, "text": "Three."}']
    (tmp_path / "in.jsonl").write_text("\n".join([*lines, '{"k": 1}', "{}"]))
    options = {"long": "sentences", "sentence_rows": True, "columns": ("emotion",)}
    page = ScoreReport(tmp_path / "page.html", "when")
    assert score(tmp_path / "in.jsonl", tmp_path / "out.jsonl", report=page, **options).rejected == 0
    assert (tmp_path / "out.jsonl").read_text().splitlines() == [
        f'{{"n": 1, "when": "2024", "text": "One.", "emotion": "{emotion("One.")}"}}',
        f'{{"n": 1, "when": "2024", "text": "Two.", "emotion": "{emotion("Two.")}"}}',
        f'{{"n": 1.5, "m": {{"é": []}}, "text": "Three.", "emotion": "{emotion("Three.")}"}}',
        '{"k": 1, "text": null, "emotion": null}',
        '{"text": null, "emotion": null}',
    ]
    assert "2024-01-01 00:00: 2 rows" in page.output.read_text("utf-8")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not JSON ("),
        ("nonsense", "not JSON ("),
        ('["a"]', "a JSON list, not an object"),
        ('"a"', "a JSON str, not an object"),
        ('{"text": 5}', "'text' is int; allowed: a string, or null"),
        ('{"text": ["a"]}', "'text' is list"),
        ("[" * 100_000, "not JSON"),
        ('{"text": "a", "joy": 1}', "there is a column 'joy' already"),
        ('{"text": "a"} x', "not JSON (Extra data)"),
    ],
)
def test_broken_lines_are_rejected_alone(tmp_path, line, words):
    first = '{"text": "a"}\n' * 3
    lines = f"{first}\n  \n{line}\n" + '{"text": "b"}'
    if "joy" in line:
        lines = lines.replace(
            line, "x" * (1 << 20) + "\n" + line
        )  # behind the first block, where columns are looked at
    found, rejected_rows = kept_and_rejected(tmp_path, "in.jsonl", lines)
    assert found == ["a", "a", "a", "b"]
    assert rejected_rows[-1][0] == (7 if "joy" in line else 6) and words in rejected_rows[-1][1]


def test_lines_with_broken_utf8(tmp_path):
    found, rejected_rows = kept_and_rejected(
        tmp_path, "in.jsonl", b'{"text": "a"}\n{"text": "\xff"}\n{"text": "b", "n": "\xe9"}\n'
    )
    assert found == ["a"]
    assert [line for line, _ in rejected_rows] == [2, 3]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"text": "b", "new": 1}, "the first rows have no field 'new'"),
        ({"text": "b", "deep": {"x": 1, "z": 2}}, "the first rows have no field 'deep.z'"),
        ({"text": "b", "n": 1.5}, "the field 'n' is float, among the first rows int64"),
        ({"text": "b", "n": "1"}, "the field 'n' is str"),
        ({"text": "b", "n": True}, "the field 'n' is bool"),
        ({"text": "b", "deep": 5}, "the field 'deep' is int"),
        ({"text": "b", "many": [{"y": "s"}]}, "the field 'many.y' is str"),
        ({"text": "b", "n": 10**30}, "does not fit its column"),
        ({"text": "b", "f": 2**60 + 1}, "does not fit its column"),
    ],
)
def test_object_that_does_not_fit_the_columns_is_rejected(tmp_path, monkeypatch, row, words):
    for name in ("BLOCK_BYTES", "_SLICE_BYTES"):
        monkeypatch.setattr(blocks, name, 10)
    first = {"text": "a", "n": 1, "f": 0.5, "deep": {"x": 1}, "many": [{"y": 1}]}
    rows = [first, {"text": "ok", "n": None, "deep": {"x": None}, "many": []}, row, first]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    summary = score(tmp_path / "in.jsonl", tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").column("text").to_pylist() == ["a", "ok", "a"]
    assert (summary.rows_in, summary.rejected) == (4, 1)
    (rejected_rows,) = rejected(tmp_path / "out.parquet")
    assert rejected_rows["line"] == 3 and words in rejected_rows["reason"]


@pytest.mark.parametrize("target", ["jsonl", "parquet", "csv"])
def test_a_lone_surrogate_and_nan_do_not_reject_a_row(tmp_path, target):
    lines = [r'{"text": "so happy \ud83d", "x": 1.5}', '{"text": "b", "x": NaN}']
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    summary = score(tmp_path / "in.jsonl", tmp_path / f"out.{target}", columns=("emotion",))
    assert (summary.rows, summary.rejected) == (2, 0)
    rows = read(tmp_path / f"out.{target}")
    assert [row["emotion"] for row in rows] == [emotion("so happy \ufffd"), emotion("b")]
    if target == "jsonl":
        first, second = (tmp_path / "out.jsonl").read_text().splitlines()
        assert first.startswith(lines[0][:-1]) and '"x": null' in second


def test_wide_rows_share_tables(tmp_path, monkeypatch):
    """Each table costs time for each column, so tables of few rows would cost the square of the columns."""
    tables = []
    table_of = JsonlReader._table_of
    monkeypatch.setattr(JsonlReader, "_table_of", lambda self, rows: tables.append(len(rows)) or table_of(self, rows))
    monkeypatch.setattr(blocks, "BLOCK_BYTES", blocks._SLICE_BYTES)
    row = {"text": "a"} | {f"column {i}": i for i in range(2_000)}
    (tmp_path / "in.jsonl").write_text(f"{json.dumps(row)}\n" * 150)
    score(tmp_path / "in.jsonl", tmp_path / "out.parquet")
    assert sum(tables) == 150 and len(tables) <= 3
