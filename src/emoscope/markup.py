"""Raw text on an HTML page."""

from __future__ import annotations

import re
from html import escape

_NOT_FOR_HTML = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def escaped(text: str) -> str:
    """The text as HTML shows it; U+FFFD stands for what no page may hold: control characters, lone surrogates."""
    return escape(_NOT_FOR_HTML.sub("\ufffd", text))
