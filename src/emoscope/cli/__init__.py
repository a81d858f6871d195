"""The command line: each command is a file that parses flags, calls the library and prints the result."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from emoscope.cli.parser import build_parser
from emoscope.errors import EmoscopeError
from emoscope.terminal import printable

TRY_AGAIN = 75
"""Exit code after a failure that may pass: EX_TEMPFAIL of sysexits.h."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0 for success; 1 if the job failed and would fail again; 2 for wrong usage; TRY_AGAIN if the
        machine or the network failed; 130 if interrupted.
    """
    _encode_as_utf8()
    arguments = sys.argv[1:] if argv is None else list(argv)
    parser = build_parser(arguments[0] if arguments else None)
    args = parser.parse_args(arguments)
    if args.command is None:
        parser.print_help()
        return 0
    try:
        status: int = args.run(args)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (EmoscopeError, OSError) as error:
        print(f"emoscope {args.command}: error: {printable(str(error))}", file=sys.stderr)
        return TRY_AGAIN if isinstance(error, EmoscopeError) and error.temporary else 1
    except KeyboardInterrupt as error:
        print(f"emoscope {args.command}: interrupted{printable(f'; {error}') if error.args else ''}", file=sys.stderr)
        return 130
    return status


def _encode_as_utf8() -> None:
    """Let standard output and error take any text, whatever the locale."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
