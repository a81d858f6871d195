"""The code blocks of a Markdown page, in order, with their marks.

A comment on the line before a block marks one that cannot run in the tests, `<!-- not run: needs a GPU -->`, or an
output that differs on other machines, `<!-- not compared: ... -->`. A `text` block right after code is the output of
that code. A block with a title, such as `csv title="reviews.csv"`, is a file of that name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

REASONS = (
    "needs a GPU",
    "needs several GPUs",
    "needs the network",
    "needs a cluster",
    "needs Docker",
    "needs systemd",
    "needs Node",
    "needs another library",
    "takes minutes",
)
SHELL = ("", "bash", "console")
SHOWN = ("text", "csv", "mermaid", "js")  # js/test runs JavaScript
_FENCE = re.compile(r"^( *)(```+)[ ]*([\w+-]*)(.*)$")
_MARK = re.compile(r"<!-- (not run|not compared): (.*?) -->")
_TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True)
class Block:
    """A fenced code block.

    Attributes:
        line: line number of its first line of code, from 1.
        language: language that the fence names; "" for none.
        title: name of the file that it is; None if it is not a file.
        code: its lines, without the indentation of the fence.
        not_run: reason not to run it; None to run it.
        not_compared: reason not to compare it, if it is an output; None to compare it.
        is_output: whether it is a text right after code.
    """

    line: int
    language: str
    title: str | None
    code: str
    not_run: str | None = None
    not_compared: str | None = None
    is_output: bool = False


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page.

    Raises:
        ValueError: a mark has no allowed reason or no block, or a fence is not closed.
    """
    lines = page.read_text("utf-8").splitlines()
    blocks: list[Block] = []
    between = ["start"]
    marks: dict[str, str] = {}
    number = 0
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        if fence is None:
            marks = _marks(lines[number], marks, f"{page.name}, line {number + 1}")
            between += [lines[number]] if lines[number].strip() and not _MARK.search(lines[number]) else []
            number += 1
            continue
        end = _end(lines, number, fence, page)
        after_code = bool(blocks) and not between and blocks[-1].language in {*SHELL, "python"}
        title = _TITLE.search(fence[4])
        blocks.append(
            Block(
                line=number + 2,
                language=fence[3],
                title=title[1] if title else None,
                code="".join(line.removeprefix(fence[1]) + "\n" for line in lines[number + 1 : end]),
                not_run=marks.get("not run"),
                not_compared=marks.get("not compared"),
                is_output=fence[3] == "text" and after_code,
            )
        )
        between, marks, number = [], {}, end + 1
    return blocks


def _marks(line: str, marks: dict[str, str], place: str) -> dict[str, str]:
    found = _MARK.search(line)
    if found is None:
        if marks and line.strip():
            raise ValueError(f"{place}: this line is between a mark and its block; move it away")
        return marks
    if found[1] == "not run" and not found[2].startswith(REASONS):
        raise ValueError(f"{place}: {found[2]!r} is not a reason not to run a block; allowed: {', '.join(REASONS)}")
    return marks | {found[1]: found[2]}


def _end(lines: list[str], start: int, fence: re.Match[str], page: Path) -> int:
    for number in range(start + 1, len(lines)):
        if lines[number].strip() == fence[2]:
            return number
    raise ValueError(f"{page.name}, line {start + 1}: a fence that is not closed")


def with_output(markdown: str, printed: list[tuple[Block, str]]) -> str:
    """The page with printed output in place of some of its blocks."""
    lines = markdown.splitlines()
    for block, output in reversed(printed):
        start = block.line - 1
        indent = " " * (len(lines[start - 1]) - len(lines[start - 1].lstrip()))
        lines[start : start + len(block.code.splitlines())] = [
            indent + line for line in output.rstrip("\n").splitlines()
        ]
    return "\n".join(lines) + "\n"
