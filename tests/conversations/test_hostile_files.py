"""Damaged and hostile files: each is read, or is an error of one line, and soon."""

import json
import random
import time
from pathlib import Path

import pytest

from emoscope.conversations import Conversation, parse_conversation
from emoscope.errors import DataError

DATA = Path(__file__).parents[1] / "data" / "conversations"
FILES = sorted(file for file in DATA.rglob("*") if file.is_file())
HEAD, CUE = "13/04/2025, 21:07 - Anna: ", "1\n00:00:01,000 --> 00:00:02,000\n"


def outcome(name, content):
    """The conversation, or the message of the error."""
    try:
        return parse_conversation(name, content)
    except DataError as error:
        assert "\n" not in str(error)
        return str(error)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_damaged_files_are_read_or_refused(file):
    draw = random.Random(file.name)
    for _ in range(60):
        content = bytearray(file.read_bytes())
        for _ in range(draw.randrange(1, 6)):
            at = draw.randrange(len(content))
            edit = draw.choice((b"", b"\xff", b"\n", b'"', b"9", b"\x00", b"<", content[:at]))
            content[at : at + draw.choice((0, 1, 40))] = edit
        assert isinstance(outcome(file.name, bytes(content)), Conversation | str)


VALUES = (None, 5, -1e400, "", "x", [], {}, [{}], "9999-12-31T23:59:59-23:59", True, "1e999")


@pytest.mark.parametrize("name", ["discord.json", "telegram.json", "slack/general/2025-04-12.json"])
def test_any_value_in_json_is_read_or_refused(name):
    def variants(value):
        yield from VALUES
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, inner in items:
            for variant in variants(inner):
                copy = value.copy()
                copy[key] = variant
                yield copy

    for variant in variants(json.loads((DATA / name).read_text())):
        assert isinstance(outcome(Path(name).name, json.dumps(variant).encode()), Conversation | str)


@pytest.mark.parametrize(
    "text",
    [
        *("A" * 200_000, "a b " * 50_000 + ":", "[[[" * 50_000, '"' * 200_000),
        *(CUE + sign * 50_000 for sign in ("<", "<v ", "<v a", "<a ", "{\\", "</")),
        *(
            HEAD + sign * 30_000
            for sign in (" \u200e", "<attached: ", "a.jpg (file attached", "<", "x: ", "Missed voice call")
        ),
        *(
            HEAD + "\u200e" + "left " * 30_000,
            "Anna: " + "(1" * 50_000 + "\nBen: hi",
            "Anna: " + " " * 200_000 + "(\nBen: x",
        ),
    ],
    ids=lambda text: repr(text[-12:]),
)
def test_long_lines_take_time_in_proportion_to_their_length(text):
    began = time.process_time()
    outcome("a.txt", text.encode())
    assert time.process_time() - began < 5  # quadratic time would be minutes
