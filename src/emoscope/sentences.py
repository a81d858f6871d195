"""Splits a text into sentences, each with its position in the text. Knows no classifier."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

# Every pattern runs in linear time on any text.
_END = re.compile(r"(?<![.!?…])(?<!\bno(?=\.\s+\d))[.!?…]+[\"'”’»)\]]*(?=\s)", re.IGNORECASE)
_ABBREVIATION = re.compile(r"(?:^|[\s(\"'“‘])(?:mr|mrs|ms|dr|prof|sr|jr|st|vs|[b-hj-z]|\w(?:\.\w)+)$", re.IGNORECASE)
_MAX_ABBREVIATION = 12


class Sentence(NamedTuple):
    """A sentence and its position in a text.

    Attributes:
        text: the sentence without surrounding white space.
        start: index of its first character (code point) in the text.
        end: index after its last character.
    """

    text: str
    start: int
    end: int


def sentences(text: str) -> list[Sentence]:
    """The sentences of a text, none of them blank.

    A sentence ends at a line break, or at full stops, exclamation marks and question marks before a space. It does not
    end after abbreviations such as "Dr.", "e.g." and "J.", or after "No." before a digit. The next sentence may begin
    with a lower-case letter.
    """
    found = []
    start = 0
    for line in text.splitlines(keepends=True):
        for begin, end in pairwise(_cuts(line)):
            piece = line[begin:end]
            if sentence := piece.strip():
                first = start + begin + len(piece) - len(piece.lstrip())
                found.append(Sentence(sentence, first, first + len(sentence)))
        start += len(line)
    return found


def _cuts(line: str) -> Iterator[int]:
    """Positions at which the sentences of a line begin, and the end of the last one."""
    last = 0
    yield last
    for end in _END.finditer(line):
        before = line[max(last, end.start() - _MAX_ABBREVIATION) : end.start()]
        if end[0] != "." or not _ABBREVIATION.search(before):
            last = end.end()
            yield last
    yield len(line)
