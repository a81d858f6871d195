"""Write `src/emoscope/page/engine/tables.js`: what Python's library knows of characters and JavaScript's does not."""

from __future__ import annotations

import json
import sys
from html.entities import html5
from pathlib import Path

from emoscope import text, text_damage

TABLES = Path(__file__).parents[1] / "src" / "emoscope" / "page" / "engine" / "tables.js"
BLOCKS = (range(0x2600, 0x27C0), range(0x2B00, 0x2C00), range(0x1F300, 0x1FB00))
"""Where emoji are."""


def emoji_names() -> dict[str, str]:
    """The words for each emoji, as the normalizers write them."""
    chars = (chr(code) for block in BLOCKS for code in block if text._is_emoji(chr(code)))
    return {char: text._emoji_words(char) for char in chars}


def windows_1252() -> str:
    """The characters of the bytes 0x80 to 0x9F; undefined ones as in Latin-1."""
    return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xA0))


def tables() -> dict[str, dict[str, str] | str]:
    """The tables by their names."""
    return {
        "CP1252": windows_1252(),
        "MOJIBAKE": dict(text_damage._MOJIBAKE),
        "ENTITIES": dict(sorted(html5.items())),
        "EMOJI_NAMES": emoji_names(),
    }


def source() -> str:
    """The module."""
    lines = ["// Characters as Python knows them, written by js/make_tables.py.", ""]
    for name, table in tables().items():
        value = json.dumps(table, separators=(",", ":"))
        content = value if isinstance(table, str) else f"new Map(Object.entries({value}))"
        lines.append(f"export const {name} = {content};")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TABLES.write_text(source(), "utf-8")
    sys.stdout.write(f"{TABLES} written\n")
