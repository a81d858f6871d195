"""Tables of a comparison, for a terminal and as Markdown."""

from __future__ import annotations

import json
import re
from typing import Any

from emoscope.data import Examples
from emoscope.evaluation import compare, comparison_markdown, comparison_text


def _renamed(comparison: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    renamed: dict[str, Any] = json.loads(json.dumps(comparison).replace(f'"{old}', f'"{new}'))
    return renamed


def test_text_fits_a_terminal(comparison: dict[str, Any]) -> None:
    text = comparison_text(_renamed(comparison, "good", 9 * "long/" + "end"))
    assert max(map(len, text.splitlines())) <= 120
    measured, tests, cost, reference = text.split("\n\n")
    assert "long/end" in measured
    assert re.search(r"needed +verdict", tests) and "rows would show a difference of" in " ".join(tests.split())
    assert "A better" in tests and "tie" in tests and "Holm corrects it for 3 pairs" in " ".join(tests.split())
    assert "not measured" in cost and "unknown" in cost
    assert reference.startswith("For reference, not measured here")
    assert "published, validation split, best epoch chosen on the same rows" in " ".join(reference.split())
    assert "0.9405" in reference and "0.9405" not in measured


def test_one_model_has_no_pairs(classifier: Any, examples: Examples) -> None:
    comparison = compare({"alone": classifier}, examples, rounds=1)
    assert comparison["pairs"] == []
    assert "Paired tests" not in comparison_text(comparison)


def test_markdown_tables_are_well_formed(comparison: dict[str, Any]) -> None:
    text = comparison_markdown(_renamed(comparison, "good", "a|b" + 50 * "c"))
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert [len(table) - 2 for table in tables] == [3, 3, 3, 4]
    for table in tables:
        assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    assert "a\\|b" + 50 * "c" in tables[0][2]
