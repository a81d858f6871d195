"""Text for people at a terminal: on one line, cut to a width, in colour. Knows no command and no model."""

from __future__ import annotations

import os
import shutil
import sys

_LABEL_COLOURS = {"sadness": "34", "joy": "33", "love": "35", "anger": "31", "fear": "36", "surprise": "32"}
_DEFAULT_COLOUR = "39"


def printable(text: str) -> str:
    """The text on one line, without characters that a terminal would act on."""
    return "".join(char if char.isprintable() else " " if char.isspace() else "\ufffd" for char in text)


def shortened(text: str, width: int, *, keep_end: bool = False) -> str:
    """The text in at most `width` characters, with an ellipsis in place of its end, or of its start if `keep_end`."""
    if len(text) <= width:
        return text
    return f"…{text[1 - width :]}" if keep_end else f"{text[: width - 1]}…"


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 row", "2,000 rows"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def styled(text: str, *codes: str) -> str:
    """The text with ANSI styles, such as "1" and "32"; unchanged if stdout is not a terminal or NO_COLOR is set."""
    if not codes or "NO_COLOR" in os.environ or not sys.stdout.isatty():
        return text
    return f"\x1b[{';'.join(codes)}m{text}\x1b[0m"


def label_colour(label: str) -> str:
    """ANSI code of the colour of an emotion; the terminal's own colour for any other label."""
    return _LABEL_COLOURS.get(label, _DEFAULT_COLOUR)


def terminal_width() -> int:
    """Columns of the terminal, or of the environment variable COLUMNS; 100 where neither is known."""
    return shutil.get_terminal_size((100, 24)).columns
