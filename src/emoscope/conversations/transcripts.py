"""Transcripts: lines such as "ANNA: text", perhaps with a time before them, and lines that continue them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from emoscope.conversations.documents import Document
from emoscope.conversations.messages import NO_TIMES, RECORDING, Conversation, Message, words
from emoscope.conversations.speakers import spoken

_TIME = re.compile(r"[ \t]*[\[(]?(?:(\d{1,3}):)?(\d{1,2}):(\d\d)(?:[.,](\d{1,3}))?[\])]?[ \t]+(?:-[ \t]+)?")
_TIME_BEHIND = re.compile(r"[\[(](?:(\d{1,3}):)?(\d{1,2}):(\d\d)(?:[.,](\d{1,3}))?[\])][ \t]*(?=:)")


class _Line(NamedTuple):
    number: int
    name: str | None
    time: timedelta | None
    text: str


def matches(document: Document) -> bool:
    """Whether the first line with words has a name, and at least two lines and half of all do."""
    lines = [line for line in _lines(document) if line.text.strip() or line.name]
    named = sum(line.name is not None for line in lines)
    return bool(lines) and lines[0].name is not None and named >= 2 and 2 * named >= len(lines)


def read(document: Document) -> Conversation:
    """The messages of a transcript."""
    found: list[list[_Line]] = []
    for line in _lines(document):
        if line.name is not None or not found:
            found.append([line])
        else:
            found[-1].append(line)
    messages = [
        Message(document.stem, one[0].name, one[0].time, words("\n".join(line.text for line in one)), one[0].number)
        for one in found
    ]
    has_times = any(message.time is not None for message in messages)
    return Conversation("transcript", messages, RECORDING if has_times else NO_TIMES)


def _lines(document: Document) -> Iterator[_Line]:
    for number, line in enumerate(document.lines, start=1):
        time = _TIME.match(line)
        rest = line[time.end() :] if time else line
        if not time and (time := _TIME_BEHIND.search(line)):
            rest = line[: time.start()].rstrip() + line[time.end() :]
        said = spoken(rest)
        if said:
            yield _Line(number, said.name, _offset(time) if time else None, said.text)
        else:
            yield _Line(number, None, None, line)


def _offset(time: re.Match[str]) -> timedelta:
    hours, minutes, seconds, fraction = (group or "0" for group in time.groups())
    thousandths = int(fraction.ljust(3, "0"))
    return timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds), milliseconds=thousandths)
