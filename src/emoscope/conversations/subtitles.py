"""Subtitles: SubRip (.srt) and WebVTT (.vtt), with speakers from `<v Name>` or from "NAME:" at the start of a line."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from emoscope.conversations.documents import Document
from emoscope.conversations.messages import RECORDING, Conversation, Message, words
from emoscope.conversations.speakers import spoken

_STAMP = r"(?:(\d{1,3}):)?(\d{1,2}):(\d\d)[.,](\d{1,3})"
_ARROW = re.compile(rf"\s*{_STAMP}\s+-->\s+{_STAMP}")
_VOICE = re.compile(r"<v(?:\.[\w.-]+)?[ \t]([^<>]+)>")
_TAG = re.compile(r"</?(?:[a-z][\w.-]*)(?:[ \t][^<>]*)?>|<\d[\d:.]*>|\{\\[^{}]*\}", re.IGNORECASE)
_DASH = re.compile(r"[-–—][ \t]?(?=\S)")


class _Cue(NamedTuple):
    line: int
    time: timedelta
    lines: list[str]


def matches(document: Document) -> bool:
    """Whether the file begins as WebVTT does, or with a cue of SubRip."""
    lines = [line.strip() for line in document.lines[:50] if line.strip()][:2]
    if lines and re.match(r"WEBVTT(\s|$)", lines[0]):
        return True
    return len(lines) == 2 and lines[0].isdecimal() and bool(_ARROW.match(lines[1]))


def read(document: Document) -> Conversation:
    """The cues as messages; where a cue has several speakers, a message for each."""
    cues = list(_cues(document))
    names = _names(cues)
    messages = [message for cue in cues for message in _messages(cue, document.stem, names)]
    is_webvtt = document.lines[0].lstrip("\ufeff").startswith("WEBVTT")
    return Conversation("WebVTT" if is_webvtt else "SubRip", messages, RECORDING)


def _cues(document: Document) -> Iterator[_Cue]:
    """The cues; their numbers, and notes, styles and regions between them, are left out."""
    cue: _Cue | None = None
    for number, line in enumerate(document.lines, start=1):
        if arrow := _ARROW.match(line):
            if cue:
                yield cue
            hours, minutes, seconds, fraction = (group or "0" for group in arrow.groups()[:4])
            thousandths = int(fraction.ljust(3, "0"))
            start = timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds), milliseconds=thousandths)
            cue = _Cue(number, start, [])
        elif not line.strip():
            if cue:
                yield cue
            cue = None
        elif cue:
            cue.lines.append(line)
    if cue:
        yield cue


def _names(cues: list[_Cue]) -> set[str]:
    """Names of speakers before a colon: in capitals, or in more than one cue, which "Note:" rarely is."""
    found = Counter(said.name for cue in cues for line in cue.lines if (said := spoken(_plain(line))))
    return {name for name, count in found.items() if count > 1 or name.isupper()}


def _messages(cue: _Cue, conversation: str, names: set[str]) -> Iterator[Message]:
    speaker: str | None = None
    parts: list[str] = []
    for line in cue.lines:
        for voice, piece in _voices(line):
            text = _plain(piece)
            said = spoken(text)
            name = voice or (said.name if said and said.name in names else None)
            begins = name is not None or _DASH.match(text)
            if begins and (found := words("\n".join(parts))):
                yield Message(conversation, speaker, cue.time, found, cue.line)
            if begins:
                speaker, parts = name, []
            parts.append(said.text if said and name == said.name and not voice else _DASH.sub("", text, count=1))
    if found := words("\n".join(parts)):
        yield Message(conversation, speaker, cue.time, found, cue.line)


def _voices(line: str) -> Iterator[tuple[str | None, str]]:
    """The pieces of a line: the name of each voice that begins in it, None for what is before, and what is said."""
    before, *rest = _VOICE.split(line)
    if before.strip() or not rest:
        yield None, before
    for name, piece in zip(rest[::2], rest[1::2], strict=True):
        yield html.unescape(name).strip() or None, piece


def _plain(line: str) -> str:
    return html.unescape(_TAG.sub("", line)).strip()
