"""The command emoscope, run in this process, which is quick, or in a process of its own."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from collections.abc import Mapping, Sequence
from unittest import mock

from emoscope.cli import main

EMOSCOPE = [sys.executable, "-m", "emoscope"]


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def run_here(
    arguments: Sequence[str],
    stdin: bytes,
    stdout: io.TextIOWrapper,
    stderr: io.TextIOWrapper,
    environment: Mapping[str, str],
) -> int:
    """Run in this process with these streams, the environment extended; returns the exit code."""
    streams = {"stdin": io.TextIOWrapper(io.BytesIO(stdin)), "stdout": stdout, "stderr": stderr}
    with mock.patch.multiple(sys, **streams), mock.patch.dict(os.environ, environment):
        try:
            return main(arguments)
        except SystemExit as error:
            return int(error.code or 0)
        finally:
            stdout.flush()
            stderr.flush()


def run(*arguments: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run in this process with pipes as standard input and output."""
    return _run(io.TextIOWrapper(io.BytesIO(), "utf-8"), arguments, stdin, environment)


def on_terminal(*arguments: str, **environment: str) -> str:
    """What a terminal shows as standard output of a run in this process."""
    return _run(Terminal(io.BytesIO(), "utf-8"), arguments, b"", environment).stdout.decode()


def _run(
    stdout: io.TextIOWrapper, arguments: Sequence[str], stdin: bytes, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[bytes]:
    stderr = io.TextIOWrapper(io.BytesIO(), "utf-8")
    status = run_here(arguments, stdin, stdout, stderr, environment)
    output, errors = (stream.buffer.getvalue() for stream in (stdout, stderr))
    return subprocess.CompletedProcess(list(arguments), status, output, errors)


def run_process(*arguments: str | bytes, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run in a process of its own with pipes as standard input and output."""
    return subprocess.run([*EMOSCOPE, *arguments], input=stdin, capture_output=True, check=False)


def process_on_terminal(*arguments: str) -> str:
    """What a terminal shows as standard output of a process."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([*EMOSCOPE, *arguments], stdout=theirs, stdin=subprocess.DEVNULL):
        os.close(theirs)
        shown = b""
        while block := _read(ours):
            shown += block
    os.close(ours)
    return shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
