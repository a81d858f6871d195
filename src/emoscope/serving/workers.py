"""Several processes on one socket, kept alive and ended together."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from socket import socket
from subprocess import Popen
from types import FrameType

from prometheus_client.multiprocess import mark_process_dead

from emoscope.encoding import usable_cores
from emoscope.serving.logs import FIELDS, LOGGER
from emoscope.serving.metrics import FOLDER_VARIABLE

logger = logging.getLogger(LOGGER)

EARLY_SECONDS = 5.0
"""A worker that ends by itself sooner than this has not got as far as serving, more likely than not."""
MAX_EARLY = 3
"""So many of them in a row, and all ends."""


@dataclass
class _Worker:
    process: Popen[bytes]
    since: float


class Workers:
    """Worker processes that take requests from one listening socket."""

    def __init__(self, command: Sequence[str], count: int, listener: socket) -> None:
        """Nothing is started yet.

        Args:
            command: arguments of `emoscope` that serve; a worker is told of its socket besides.
            count: workers.
            listener: the socket.
        """
        self._command = [sys.executable, "-m", "emoscope", *command]
        self._count = count
        self._listener = listener
        self._workers: list[_Worker] = []
        self._ending = 0
        self._passed = signal.SIGTERM
        self._early = 0

    def run(self) -> int:
        """Serve until a signal comes.

        Returns:
            0, or 1 where workers end as soon as they are started.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        with tempfile.TemporaryDirectory(prefix="emoscope-metrics-") as folder:
            environment = os.environ | {FOLDER_VARIABLE: folder}
            environment.setdefault("OMP_NUM_THREADS", str(max(1, usable_cores() // self._count)))
            while len(self._workers) < self._count and not self._ending:
                self._start(environment)
            logger.info("serving", extra={FIELDS: {"workers": [worker.process.pid for worker in self._workers]}})
            while self._workers:
                time.sleep(0.1)
                self._look_after(environment, folder)
        return 1 if self._early >= MAX_EARLY else 0

    def _start(self, environment: dict[str, str]) -> None:
        """Start a worker; one that a signal came too early for is told of it."""
        descriptor = self._listener.fileno()
        command = [*self._command, "--worker", str(descriptor), str(os.getpid())]
        process = Popen(command, env=environment, pass_fds=[descriptor], start_new_session=True)
        self._workers.append(_Worker(process, time.monotonic()))
        if self._ending:
            self._pass_on()

    def _look_after(self, environment: dict[str, str], folder: str) -> None:
        for worker in [worker for worker in self._workers if worker.process.poll() is not None]:
            self._workers.remove(worker)
            mark_process_dead(worker.process.pid, folder)  # type: ignore[no-untyped-call]
            if self._ending:
                continue
            fields = {"worker": worker.process.pid, "exit_status": worker.process.returncode}
            logger.error("a worker ended", extra={FIELDS: fields})
            self._early = self._early + 1 if time.monotonic() - worker.since < EARLY_SECONDS else 0
            if self._early >= MAX_EARLY:
                self._end(signal.SIGTERM, None)
            else:
                self._start(environment)

    def _end(self, number: int, frame: FrameType | None) -> None:
        """Pass a signal on; the second Ctrl-C does not wait for answers."""
        self._ending += 1
        self._passed = signal.SIGINT if number == signal.SIGINT and self._ending > 1 else signal.SIGTERM
        self._pass_on()

    def _pass_on(self) -> None:
        for worker in self._workers:
            with suppress(ProcessLookupError):
                worker.process.send_signal(self._passed)
