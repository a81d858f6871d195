"""Servers that a page starts, each in a process of its own, at a free port in place of the one that the page names."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from doc_shell import CommandError, environment

SECONDS = 180
_START = re.compile(r"^\s*emoscope serve\b(?!.*--(?:new-key|help))")
_PORT = re.compile(r"(?<=127\.0\.0\.1:)\d{4}\b|(?<=localhost:)\d{4}\b|(?<=--port )\d{4}\b")
DEFAULT = "8000"


def split_start(script: str) -> tuple[str, str | None]:
    """A script without the command in its last line that starts a server, and that command.

    Raises:
        CommandError: the command is not the last one, so that the commands after it would never run.
    """
    lines = [line for line in script.replace("\\\n", " ").splitlines() if line.strip()]
    if any(map(_START.match, lines[:-1])):
        raise CommandError("a command that starts a server must be the last of its block")
    return (script, None) if not lines or not _START.match(lines[-1]) else ("\n".join(lines[:-1]), lines[-1])


class Servers:
    """The servers of one page, which `close` stops."""

    def __init__(self) -> None:
        self._ports: dict[str, str] = {}
        self._running: list[subprocess.Popen[bytes]] = []

    def placed(self, code: str) -> str:
        """The code with the ports of this run in place of those that it names."""
        return _PORT.sub(lambda port: self._port(port[0]), code)

    def start(self, line: str) -> None:
        """Start the server of a command.

        Raises:
            CommandError: it exited, or did not answer.
        """
        arguments = shlex.split(line, comments=True)[1:]
        if "--port" not in arguments:
            arguments += ["--port", self._port(DEFAULT)]
        self._start(arguments, line)

    def close(self) -> None:
        """Stop all servers."""
        os.environ.pop("EMOSCOPE_URL", None)
        for server in self._running:
            server.terminate()
        for server in self._running:
            server.wait(SECONDS)

    def _port(self, written: str) -> str:
        if written not in self._ports:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self._ports[written] = str(free.getsockname()[1])
        return self._ports[written]

    def _start(self, arguments: list[str], line: str) -> None:
        log = Path(f"server-{len(self._running)}.log")
        with log.open("wb") as file:
            command = [sys.executable, "-m", "emoscope", *arguments]
            server = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=environment({}))
        self._running.append(server)
        address = f"http://127.0.0.1:{arguments[arguments.index('--port') + 1]}"
        os.environ.setdefault("EMOSCOPE_URL", address)  # what the clients in examples/ read
        until = time.monotonic() + SECONDS
        while time.monotonic() < until and server.poll() is None:
            try:
                with urlopen(f"{address}/health", timeout=1):
                    return
            except (URLError, OSError):
                time.sleep(0.05)
        raise CommandError(f"no answer from {line.strip()}\n{log.read_text('utf-8')}")
