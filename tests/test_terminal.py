"""Text for a terminal: on one line, in a width, in colour only where there is a terminal."""

import pytest

from emoscope import terminal
from emoscope.terminal import counted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc", "a b c"),
        ("\x1b[31mred", "\ufffd[31mred"),
        ("right-to-left \u202e", "right-to-left \ufffd"),
        ("é 😀", "é 😀"),
    ],
)
def test_nothing_that_a_terminal_acts_on_is_printed(text, shown):
    assert terminal.printable(text) == shown


def test_long_text_is_shortened_to_the_width():
    assert terminal.shortened("abcdef", 6) == "abcdef"
    assert terminal.shortened("abcdefg", 6) == "abcde…"
    assert terminal.shortened("abcdefg", 6, keep_end=True) == "…cdefg"


def test_colour_needs_a_terminal_that_wants_it(monkeypatch):
    assert terminal.styled("joy", "33") == "joy"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert terminal.styled("joy", "1", terminal.label_colour("joy")) == "\x1b[1;33mjoy\x1b[0m"
    assert terminal.styled("joy") == "joy"
    monkeypatch.setenv("NO_COLOR", "")
    assert terminal.styled("joy", "33") == "joy"


def test_a_number_agrees_with_its_noun() -> None:
    assert [counted(n, "row") for n in (0, 1, 2, 2000)] == ["0 rows", "1 row", "2 rows", "2,000 rows"]
