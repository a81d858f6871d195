"""Raw text where people read it: on an HTML page, on a terminal."""

from __future__ import annotations

import re
from html import escape

_NOT_FOR_HTML = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def escaped(text: str) -> str:
    """The text as HTML shows it; U+FFFD stands for what no page may hold: control characters, lone surrogates."""
    return escape(_NOT_FOR_HTML.sub("\ufffd", text))


def printable(text: str) -> str:
    """The text on one line, without characters that a terminal would act on."""
    return "".join(char if char.isprintable() else " " if char.isspace() else "\ufffd" for char in text)
