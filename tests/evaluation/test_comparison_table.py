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
    assert re.search(r"needed +verdict", tests) and "Ties: 300 rows show " not in tests
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


def test_a_verdict_and_the_note_agree(comparison: dict[str, Any]) -> None:
    """What the rows cannot show is said of ties alone."""

    def note(verdict: str, detectable: float | None) -> str:
        pair = comparison["pairs"][0]
        changed = pair | {"verdict": verdict, "sample_size": {"rows": 10, "detectable": detectable}}
        return " ".join(comparison_text(comparison | {"pairs": [changed]}).split())

    assert "300 rows show" not in note("good better", None) and "A better" in note("good better", None)
    assert "Ties: 300 rows show a difference of 2.0 points that often" in note("tie", 0.02)
    assert "A tie does not prove that two models are equal: 300 rows show hardly any difference" in note("tie", None)


def test_other_data_has_no_published_models(comparison: dict[str, Any], several_comparison: dict[str, Any]) -> None:
    for other in (comparison | {"published": None}, several_comparison):
        for text in (comparison_text(other), comparison_markdown(other)):
            assert "public model card" not in text and "bhadresh" not in text
