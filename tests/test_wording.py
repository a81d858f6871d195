"""Docstrings, messages, help and pages are in everyday English: words that made readers stop are not used again."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
AVOIDED = {
    r"\bstands?\b(?! out)": "is, stays",
    r"(?<![Tt]here )\b(?:is|are|was|were) no (?!longer|more|less|fewer|better|worse|different|one\b)": "is not a",
    r"\bnobody\b": "no one",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\bspoil": "damage, overwrite",
    r"\bheed": "observe, use",
    r"\bdea(?:l|ls|lt) (?:\w+ )?(?:out|anew)\b": "distribute",
    r"\b(?:is|are) (?:told|wanted)\b": "is reported, is requested",
    r"\bc[ao]me?s? of it\b": "results",
    r"\bwhile which\b": "while",
    r"\bits like\b": "such as",
    r"\bbesides\b": "also, as well",
    r"\blies (?:in|at|on|about|beside)\b": "is",
}
"""What to avoid, as a pattern, and what to write."""
DATA = {"src/emoscope/export/reference_texts.py", "src/emoscope/page/static/examples.js"}
"""Files whose strings are texts to classify."""


def passages(file: Path) -> Iterator[tuple[int, str]]:
    """Line and content of each string of a module, or of each line of a page but those of its code blocks."""
    source = file.read_text("utf-8")
    if file.suffix != ".py":
        in_block = False
        for number, line in enumerate(source.splitlines(), 1):
            in_block ^= line.lstrip().startswith("```")
            if not in_block:
                yield number, line
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def avoidable(file: Path) -> list[str]:
    return [
        f"{file.relative_to(ROOT)}, line {line}: {match[0]!r}; write {better!r}"
        for line, text in passages(file)
        for pattern, better in AVOIDED.items()
        for match in re.finditer(pattern, text)
    ]


def test_source_and_pages_use_everyday_words() -> None:
    package = ROOT / "src" / "emoscope"
    readmes = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "js" / "README.md"]
    pages = [*readmes, *(ROOT / "docs").rglob("*.md"), package / "serving" / "openapi.json"]
    static = [file for file in (package / "page").rglob("*") if file.suffix in (".html", ".js")]
    files = [
        file for file in (*package.rglob("*.py"), *pages, *static) if file.relative_to(ROOT).as_posix() not in DATA
    ]
    assert len(static) > 20
    assert [found for file in files for found in avoidable(file)] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A text that stands alone.", True),
        ("the value is no number", True),
        ("there are no rows", False),
        ("it is no longer there", False),
        ("deals them out", True),
        ("the standard deviation", False),
    ],
)
def test_an_avoided_word_is_found(text: str, found: bool) -> None:
    assert any(re.search(pattern, text) for pattern in AVOIDED) is found
