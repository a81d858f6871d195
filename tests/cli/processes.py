"""The command emoscope in processes of its own."""

import os
import pty
import subprocess
import sys

EMOSCOPE = [sys.executable, "-m", "emoscope"]


def run(*args, stdin=b"", **environment):
    """Run with pipes as standard input and output, the environment extended."""
    return subprocess.run(
        [*EMOSCOPE, *args], input=stdin, capture_output=True, env=os.environ | environment, check=False
    )


def on_terminal(*args, **environment):
    """What a terminal shows that is the standard output."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([*EMOSCOPE, *args], stdout=theirs, stdin=subprocess.DEVNULL, env=os.environ | environment):
        os.close(theirs)
        shown = b""
        while block := _read(ours):
            shown += block
    os.close(ours)
    return shown.decode()


def _read(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
