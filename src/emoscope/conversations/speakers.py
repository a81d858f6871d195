"""Lines that begin with the name of who speaks: "ANNA: text"."""

from __future__ import annotations

import re
from typing import NamedTuple

_WORD = r"[^\W\d_][\w.'’&-]*"
_NAME = re.compile(
    rf"[ \t]*(?:-[ \t]?|>>[ \t]?)?((?:{_WORD}[ \t]){{0,3}}{_WORD}(?:[ \t]\d{{1,3}})?)[ \t]?:(?:[ \t]+|$)(?!//)"
)
_NOT_NAMES = frozenset(
    ("http", "https", "note", "ps", "p.s", "re", "fwd", "subject", "from", "to", "date", "cc", "bcc")
)


class Spoken(NamedTuple):
    """A name, and what follows it in its line."""

    name: str
    text: str


def spoken(line: str) -> Spoken | None:
    """The name at the beginning of a line and the words behind it; None if there is no name.

    A name has at most four words, of which the first begins with a capital letter, and perhaps a number ("Speaker 2").
    """
    match = _NAME.match(line)
    if not match or not match[1][0].isupper() or match[1].lower() in _NOT_NAMES:
        return None
    return Spoken(match[1], line[match.end() :])
