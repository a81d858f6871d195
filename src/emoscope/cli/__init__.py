"""The command line: one file a command, which parses flags, makes one library call and prints."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from emoscope import __version__
from emoscope.errors import EmoscopeError

COMMANDS = (
    *("predict", "explain", "timeline", "evaluate", "compare", "bias", "audit"),
    *("train", "distill", "export", "calibrate", "score", "serve", "push"),
)

EPILOG = """examples:
  emoscope predict "i feel so happy today"
  emoscope predict --json < texts.txt > scores.jsonl
  emoscope explain "i feel so happy today"
  emoscope timeline < letter.txt
  emoscope evaluate --data DIR
  emoscope compare bundled owner/name --data DIR
  emoscope score reviews.csv scored.parquet --text-column review
  emoscope train recipes/compact.toml --data DIR --output runs/compact
  emoscope distill --teachers runs/bert runs/roberta --data DIR --output runs/student
  emoscope calibrate runs/model --data DIR
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 fine, 1 the job failed, 2 wrong use, 130 interrupted.
    """
    _print_any_text()
    args = build_parser().parse_args(argv)
    try:
        status: int = args.run(args)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (EmoscopeError, OSError) as error:
        print(f"emoscope {args.command}: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"emoscope {args.command}: interrupted", file=sys.stderr)
        return 130
    return status


def build_parser() -> argparse.ArgumentParser:
    """The parser of the program, with a subparser for each command."""
    parser = argparse.ArgumentParser(
        prog="emoscope",
        description="Which emotion an English text expresses: sadness, joy, love, anger, fear or surprise.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"emoscope {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = import_module(f"emoscope.cli.{name}")
        summary, _, details = (module.__doc__ or "").partition("\n")
        command = commands.add_parser(
            name,
            help=summary,
            description=summary + "\n" + details,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


def _print_any_text() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
