"""A shell for the pages: it runs emoscope in this process, and other programs in processes of their own.

A script of plain commands, with pipes and redirections, runs line by line. Any other script (with loops, variables or
globs) goes to bash, where emoscope is a process too. `pip install` and `make` do not run, but what they name must exist
in pyproject.toml and the Makefile.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from cli.processes import Terminal, run_here
from emoscope.cli.parser import build_parser

ROOT = Path(__file__).parents[2]
SECONDS = 180
_QUOTED = re.compile(r"'[^']*'|\"[^\"$`]*\"|(?:^|(?<=\s))#.*", re.MULTILINE)
_NEEDS_BASH = re.compile(r"[$`*~;&(){}]|^\s*(?:until|while|for|if)\b|<<", re.MULTILINE)
_COMMENT = re.compile(r"(?:^|\s)#(?:\s.*)?$")
_EXIT_CODE = re.compile(r"exit code (\d+)")
_PROGRESS_BAR = re.compile(r"\r[^\r\n]*?\][ ]*\n?")
_ENVIRONMENT = re.compile(r"[A-Z_]+=")


class CommandError(Exception):
    """A command does not exist, or has an exit code that its page does not announce."""


@dataclass
class Command:
    """One command of a pipeline.

    Attributes:
        words: the program and its arguments.
        source: file for its standard input; None for the pipe.
        target: file for its standard output; None for the pipe or the terminal.
        environment: variables set before the program.
    """

    words: list[str] = field(default_factory=list)
    source: str | None = None
    target: str | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def emoscope(self) -> list[str] | None:
        """The arguments of emoscope, if the command or its torchrun starts it."""
        if self.words[0] == "emoscope":
            return self.words[1:]
        at = self.words.index("emoscope") if "emoscope" in self.words else 0
        return self.words[at + 1 :] if at and self.words[at - 1] == "-m" else None


def run_script(script: str) -> str:
    """Run a script in the working directory.

    Returns:
        What a terminal shows at the end, without progress bars, which overwrite themselves.

    Raises:
        CommandError: an exit code is not 0, and no comment of the line says "exit code N"; with the output.
    """
    if _NEEDS_BASH.search(_QUOTED.sub("", script)):
        output = _bash(script)
    else:
        output = "".join(_run_line(line) for line in _logical_lines(script))
    return _PROGRESS_BAR.sub("", output)


def check_script(script: str) -> None:
    """Check the commands, flags, extras and targets of a script without running it.

    Raises:
        CommandError: one of them does not exist.
    """
    for line in _logical_lines(script):
        for command in _pipeline(line):
            if command.words[0] in CHECKED:
                CHECKED[command.words[0]](command.words)
            elif command.emoscope is not None:
                _check_flags(command.emoscope)


def _logical_lines(script: str) -> Iterator[str]:
    yield from filter(str.strip, script.replace("\\\n", " ").splitlines())


def _pipeline(line: str) -> list[Command]:
    commands = [Command()]
    words = shlex.shlex(_COMMENT.sub("", line), posix=True, punctuation_chars="|<>")
    words.whitespace_split, words.commenters = True, ""
    for word in words:
        command = commands[-1]
        if word == "|":
            commands.append(Command())
        elif word in {"<", ">"}:
            setattr(command, "source" if word == "<" else "target", next(words))
        elif not command.words and _ENVIRONMENT.match(word):
            name, _, value = word.partition("=")
            command.environment[name] = value
        else:
            command.words.append(word)
    return [command for command in commands if command.words]


def _run_line(line: str) -> str:
    terminal = io.BytesIO()
    commands = _pipeline(line)
    passed = b""
    for command in commands:
        given = Path(command.source).read_bytes() if command.source else passed
        to_terminal = command is commands[-1] and command.target is None
        status, passed = _run_command(command, given, terminal, to_terminal)
        if status and str(status) not in _EXIT_CODE.findall(line):
            output = (terminal.getvalue() + passed).decode()
            raise CommandError(f"unannounced exit code {status} of: {line.strip()}\n{output}")
        if command.target:
            Path(command.target).write_bytes(passed)
        elif to_terminal:
            terminal.write(passed)
    return terminal.getvalue().decode()


def _run_command(command: Command, given: bytes, terminal: io.BytesIO, to_terminal: bool) -> tuple[int, bytes]:
    program = command.words[0]
    if program in CHECKED:
        CHECKED[program](command.words)
        return 0, b""
    if program == "emoscope":
        return _emoscope(command, given, terminal, to_terminal)
    argv = [sys.executable, *command.words[1:]] if program == "python" else command.words
    try:
        done = subprocess.run(
            argv, input=given, capture_output=True, env=environment(command.environment), timeout=SECONDS, check=False
        )
    except FileNotFoundError as error:
        raise CommandError(f"no program {program!r}; mark the block as not run") from error
    terminal.write(done.stderr)
    return done.returncode, done.stdout


def _emoscope(command: Command, given: bytes, terminal: io.BytesIO, to_terminal: bool) -> tuple[int, bytes]:
    passed = terminal if to_terminal else io.BytesIO()
    stdout = (Terminal if to_terminal else io.TextIOWrapper)(passed, "utf-8", write_through=True)
    stderr = Terminal(terminal, "utf-8", write_through=True)
    environment = {"NO_COLOR": "1", "COLUMNS": "100"} | command.environment
    status = run_here(command.words[1:], given, stdout, stderr, environment)
    stdout.detach()
    stderr.detach()
    return status, b"" if to_terminal else passed.getvalue()


def _bash(script: str) -> str:
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=environment({}),
        timeout=SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode and str(done.returncode) not in _EXIT_CODE.findall(script):
        raise CommandError(f"unannounced exit code {done.returncode} of:\n{script}{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def environment(more: dict[str, str]) -> dict[str, str]:
    """Environment of a process: the programs of this Python, the code of this tree, no colours, one thread."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return (
        os.environ
        | {"PATH": programs, "PYTHONPATH": str(ROOT / "src"), "NO_COLOR": "1", "COLUMNS": "100", "OMP_NUM_THREADS": "1"}
        | more
    )


def _check_flags(arguments: list[str]) -> None:
    output = io.StringIO()
    with mock.patch.object(sys, "stderr", output), mock.patch.object(sys, "stdout", output):
        try:
            build_parser().parse_args(arguments)
        except SystemExit as error:
            if error.code:
                raise CommandError(f"emoscope {' '.join(arguments)}: {output.getvalue().splitlines()[-1]}") from error


def _check_pip(words: list[str]) -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    table = project.partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    known = set(re.findall(r"^(\w+) = \[", table, re.MULTILINE))
    for word in words[2:]:
        found = re.fullmatch(r"(?:emoscope|\.)(?:\[([\w,]+)\])?", word)
        if words[1] != "install" or found is None or not set((found[1] or "all").split(",")) <= known:
            raise CommandError(f"not emoscope, or not an extra of pyproject.toml: {' '.join(words)}")


def _check_make(words: list[str]) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in words[1:]:
        if not re.search(rf"^{re.escape(target)}:", makefile, re.M):
            raise CommandError(f"the Makefile has no target {target!r}")


CHECKED = {"pip": _check_pip, "make": _check_make}
"""Programs that are not run, each with the check of its arguments."""
