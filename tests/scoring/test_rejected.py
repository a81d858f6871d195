"""Records of rejected rows."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from emoscope.scoring import rejected
from emoscope.scoring.rejected import RejectedRows


def records_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    file = io.BytesIO()
    found = RejectedRows(lambda: file)
    for row in rows:
        found.add(**row)
    found.flush()
    assert found.count == sum(row.get("rows", 1) for row in rows)
    return [json.loads(line) for line in file.getvalue().splitlines()]


def test_each_row_has_a_record() -> None:
    rows = [{"file": "a", "reason": "broken", "line": line} for line in range(1, 9)]
    assert records_of(rows) == [{**row, "rows": 1} for row in rows]
    assert records_of([]) == []


def test_many_rows_that_follow_one_another_share_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejected, "LISTED", 3)
    rows = [{"file": "a", "reason": "broken", "line": line} for line in (1, 2, 3, 4, 5, 6, 9, 10)]
    rows += [{"file": "b", "reason": "broken", "row": 11, "rows": 5}, {"file": "b", "reason": "cut", "row": 16}]
    lines = [(record.get("line", record.get("row")), record["rows"]) for record in records_of(rows)]
    assert lines == [(1, 1), (2, 1), (3, 1), (4, 3), (9, 2), (11, 6)]
    assert records_of(rows)[-1]["reason"] == "broken; for some of these rows other reasons"
    assert records_of(rows)[3]["reason"] == "broken"


def test_text_behind_a_stray_quote_stays_small() -> None:
    rows = [{"file": "a", "reason": f"{line % 7} fields", "line": line} for line in range(1, 50_000)]
    assert len(records_of(rows)) == rejected.LISTED + 1
