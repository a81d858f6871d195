"""An audit on a terminal."""

from __future__ import annotations

from audit.made_rows import clean, rows
from emoscope.audit import audit, audit_text
from emoscope.labels import Labels


def test_the_report_names_the_errors_in_at_most_110_columns() -> None:
    found = audit({"train": rows(*clean(), ("x" * 200, "calm"), ("x" * 200, "cross"))})
    shown = audit_text(found)
    assert "ERROR  texts with more than one label in train: 1" in shown
    assert max(map(len, shown.splitlines())) == 110


def test_a_terminal_gets_no_control_characters_from_the_data() -> None:
    labels = Labels(("calm", "cross"))
    text = "\x1b[2J\x1b]0;title\x07gone\r\nnext\ttab\u202e"
    pairs = [*((text, label) for label in labels.names), *((f"row {number}", "calm") for number in range(100))]
    shown = audit_text(audit({"\x9btrain": rows(*pairs, labels=labels)}))
    assert "labels with very few rows: cross 1" in shown
    assert "\ufffd[2J\ufffd]0;title\ufffdgone  next tab\ufffd" in shown
    assert [line for line in shown.split("\n") if not line.isprintable()] == []
