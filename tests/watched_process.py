"""Runs a command and lists the files that it opens and the addresses that it uses, in all its processes.

`strace` sees system calls, so those of libraries in C too; where it is missing, Python's audit events show what Python
itself does.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from waiting import wait_until

CALLS = "open,openat,openat2,creat,socket,connect,bind,sendto,sendmsg,sendmmsg"
OPENED = re.compile(r"^(.*) = \d+<(/[^>]*)>$")
INTERNET = re.compile(r"sin6?_port=htons\((\d+)\).*?inet_(?:addr\(|pton\(AF_INET6, )\"([^\"]+)\"")
LOCAL = re.compile(r"sa_family=AF_UNIX, sun_path=@?\"([^\"]+)\"")
FOR_WRITING = re.compile("O_WRONLY|O_RDWR|O_CREAT|^[0-9]+ +creat")
HOOK = """
import json, os, sys

def watch(event, arguments):
    try:
        record = None
        if event == "open" and isinstance(arguments[0], (str, bytes)):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            writes = arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            record = ["written" if writes else "read", path] if writes or os.path.exists(path) else None
        elif event in ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"):
            record = ["address", arguments[1] if isinstance(arguments[1], str) else arguments[1][:2]]
        elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
            record = ["address", arguments[:2]]
        if record:
            os.write(output, json.dumps(record).encode() + b"\\n")
    except Exception as error:
        os.write(output, json.dumps(["error", repr(error)]).encode() + b"\\n")

output = os.open(os.environ["WATCHED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
sys.addaudithook(watch)
"""


@dataclass
class Uses:
    """What a command used.

    Attributes:
        read: real paths of the files and folders that it opened to read.
        written: real paths of those that it opened to write.
        addresses: hosts and ports that it connected, sent or was bound to; for a local socket, its path and 0.
    """

    read: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    addresses: set[tuple[str, int]] = field(default_factory=set)


@dataclass(frozen=True)
class Watch:
    """A way to watch a command.

    Attributes:
        command: put before the command.
        environment: variables of the command.
        read: returns what was used, when the process with this id has ended.
    """

    command: Sequence[str]
    environment: dict[str, str]
    uses: Callable[[int], Uses]


def strace(folder: Path) -> Watch | None:
    """Watch system calls; None where `strace` is missing or not allowed."""
    program, log = shutil.which("strace"), folder / "strace.log"
    if not program or subprocess.run([program, "-o", os.devnull, "true"], capture_output=True, check=False).returncode:
        return None

    def uses(process: int) -> Uses:
        wait_until(lambda: re.search(rf"^{process} +\+\+\+ ", log.read_text(), re.M) is not None)
        return _of_calls(log.read_text())

    # -D: the watched process is the one that is started, so that it gets the signals
    return Watch([program, "-D", "-f", "-y", "-s", "256", "-e", f"trace={CALLS}", "-o", str(log)], {}, uses)


def audit(folder: Path) -> Watch:
    """Watch Python's audit events, with a module that each Python process imports when it starts."""
    hook, log = folder / "hook", folder / "audit.log"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(HOOK)
    path = os.pathsep.join(filter(None, [str(hook), os.environ.get("PYTHONPATH")]))

    def uses(_: int) -> Uses:
        found = Uses()
        for kind, value in map(json.loads, log.read_text().splitlines()):
            if kind == "address":
                found.addresses.add((value, 0) if isinstance(value, str) else (str(value[0]), int(value[1] or 0)))
            elif kind == "error":
                raise RuntimeError(f"the audit hook failed: {value}")
            elif Path(value).parent != hook:
                (found.written if kind == "written" else found.read).add(value)
        return found

    return Watch([], {"PYTHONPATH": path, "WATCHED": str(log)}, uses)


def _of_calls(log: str) -> Uses:
    found = Uses()
    for line in log.splitlines():
        if opened := OPENED.match(line):
            (found.written if FOR_WRITING.search(opened[1]) else found.read).add(opened[2].removesuffix(" (deleted)"))
        found.addresses |= {(host, int(port)) for port, host in INTERNET.findall(line)}
        if (local := LOCAL.search(line)) and "ENOENT" not in line:
            found.addresses.add((local[1], 0))
    return found


def run(watch: Watch, command: Sequence[str], folder: Path, environment: dict[str, str]) -> Uses:
    """What a command used that runs in a folder to its end.

    Raises:
        AssertionError: it failed.
    """
    with subprocess.Popen(
        [*watch.command, *command],
        cwd=folder,
        env=environment | watch.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        output = process.communicate()[0].decode()
    assert process.returncode == 0, output
    return watch.uses(process.pid)
