"""What commands write: reports and other files."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, TextIO

from emoscope.terminal import printable


def add_report_arguments(parser: argparse.ArgumentParser, name: str = "report") -> argparse._MutuallyExclusiveGroup:
    """Add --report and --json, in the words of a command that calls its report `name`.

    Returns:
        The group of --json, for other formats of what is printed.
    """
    parser.add_argument("--report", type=Path, metavar="FILE.json", help=f"write the whole {name} to this file")
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help=f"print the whole {name} as JSON instead of tables")
    return formats


def show(text: str, file: TextIO | None = None) -> None:
    """Print lines of plain text that contain names or texts of files, without characters that a terminal acts on.

    Args:
        text: the lines.
        file: where to; None for standard output.
    """
    print("\n".join(map(printable, text.split("\n"))), file=file)


def write_report(args: argparse.Namespace, report: Any) -> str:
    """Write a report to the file that --report names, if there is one.

    Returns:
        The report as JSON, as --json prints it.
    """
    text = json.dumps(report, indent=2, allow_nan=False)
    if args.report:
        write_output(args.report, text + "\n")
    return text


def write_output(path: Path, text: str) -> None:
    """Write a file in one step, in a folder that is made if it is missing.

    Raises:
        OSError: the file cannot be written.
    """
    from emoscope.files import write_atomically

    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)
