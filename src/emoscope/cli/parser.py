"""The parser of the program: its commands, and how its help is laid out.

A command is a module of this package: its docstring is the help text, `add_arguments` adds its flags, `run` runs it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from importlib import import_module
from itertools import groupby
from textwrap import fill
from types import ModuleType
from typing import Any

from emoscope import __version__
from emoscope.terminal import terminal_width

COMMANDS = {
    "classify texts": ("predict", "explain", "timeline", "score", "serve", "page", "mcp"),
    "measure shares": ("sample", "estimate"),
    "test models and data": ("evaluate", "compare", "bias", "audit"),
    "make models": ("train", "distill", "export", "calibrate", "push"),
}
"""The commands, by the heading that they have in the help."""

DESCRIPTION = "Classify English text by emotion: sadness, joy, love, anger, fear or surprise."

EPILOG = """examples:
  emoscope predict "i feel so happy today"
  emoscope predict < texts.txt > scores.jsonl
  emoscope score reviews.csv scored.parquet --text-column review
  emoscope evaluate --data DIR
  emoscope train recipes/compact.toml --data DIR --output runs/compact

emoscope COMMAND --help describes a command.
"""

MAX_WIDTH = 100
"""Maximum number of columns of a help text."""


class HelpFormatter(argparse.HelpFormatter):
    """Fills paragraphs to the width of the terminal, and keeps indented lines as they are."""

    def __init__(self, prog: str, width: int | None = None) -> None:
        """Lay out the help of one parser.

        Args:
            prog: name of the program.
            width: columns of the text; None for those of the terminal, at most MAX_WIDTH.
        """
        super().__init__(prog, width=width or min(terminal_width(), MAX_WIDTH))

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(_filled(text.splitlines(), width))


def _filled(lines: Iterable[str], width: int) -> Iterator[str]:
    for is_kept, group in groupby(lines, lambda line: line.startswith("  ") or not line):
        part = list(group)
        yield from part if is_kept else [fill(" ".join(part), width)]


class Parser(argparse.ArgumentParser):
    """A parser that suggests what a mistyped command, flag or choice may mean, below its own usage."""

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """As in `argparse`, but what is left over is an error here, not in the parser of the whole program."""
        strings = list(sys.argv[1:] if args is None else args)
        if self._subparsers is None:
            self._check_flags(strings)
        found, unknown = super().parse_known_args(strings, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def _check_flags(self, strings: Sequence[str]) -> None:
        """Name an unknown flag before a required one is missed. Flags may be abbreviated."""
        flags = [flag for action in self._actions if action.help != argparse.SUPPRESS for flag in action.option_strings]
        before_dashes = strings[: strings.index("--")] if "--" in strings else strings
        for name in (string.partition("=")[0] for string in before_dashes if string.startswith("--")):
            if " " not in name and not any(flag.startswith(name) for flag in self._option_string_actions):
                self.error(f"unrecognized arguments: {name}{_suggestion(name, flags)}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            suggestion = "" if "meant" in error.message else _suggestion(str(value), map(str, action.choices or ()))
            raise argparse.ArgumentError(action, error.message + suggestion) from None


def _suggestion(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, list(names), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser of the program, with a subparser for each command.

    Args:
        command: the only command to add the flags of, which is quicker; None for all.
    """
    modules = {name: import_module(f"emoscope.cli.{name}") for names in COMMANDS.values() for name in names}
    parser = Parser(
        prog="emoscope",
        usage="emoscope COMMAND ...",
        description=f"{DESCRIPTION}\n\n{_listing(modules)}",
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"emoscope {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", help=argparse.SUPPRESS)
    for name, module in modules.items():
        subparser = commands.add_parser(
            name, prog=f"emoscope {name}", description=module.__doc__, formatter_class=HelpFormatter
        )
        if command in (None, name):
            module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    return parser


def _listing(modules: dict[str, ModuleType]) -> str:
    """The commands with the first line of their help, under their headings."""
    summaries = {name: (module.__doc__ or "").partition("\n")[0].rstrip(".") for name, module in modules.items()}
    return "\n\n".join(
        "\n".join([f"{heading}:", *(f"  {name:<11}{summaries[name]}" for name in names)])
        for heading, names in COMMANDS.items()
    )
