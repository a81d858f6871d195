"""Worker processes that serve from one socket: started, replaced when they die, and stopped together."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from socket import socket
from subprocess import Popen
from types import FrameType

from prometheus_client.multiprocess import mark_process_dead

from emoscope.parallel import usable_cores
from emoscope.serving.logs import FIELDS, LOGGER, SERVING
from emoscope.serving.metrics import FOLDER_VARIABLE
from emoscope.serving.server import stop_signals, url_of

logger = logging.getLogger(LOGGER)

EARLY_SECONDS = 5.0
"""A worker that ends by itself within this time has most likely failed before it could serve."""
MAX_EARLY = 3
"""Number of such workers in a row after which others are started only after a delay. If then no worker is left, the
supervisor gives up."""
MAX_DELAY = 60.0
"""Maximum delay, in seconds."""


class Supervisor:
    """Runs worker processes that accept requests from the same listening socket."""

    def __init__(self, command: Sequence[str], count: int, listener: socket) -> None:
        """Starts nothing yet.

        Args:
            command: arguments of `emoscope` that serve; a worker gets `--worker` with its socket in addition.
            count: number of workers.
            listener: the listening socket.
        """
        self._command = [sys.executable, "-m", "emoscope", *command]
        self._count = count
        self._listener = listener
        self._workers: dict[Popen[bytes], float] = {}
        """Running workers, and the time when each was started."""
        self._starts_at: list[float] = []
        """Times when further workers are to be started."""
        self._gave_up = False
        self._stop_signals = 0
        self._forwarded = signal.SIGTERM
        self._early = 0

    def run(self) -> int:
        """Serve until a signal arrives.

        Returns:
            0, or 1 if workers end as soon as they are started.
        """
        for number in stop_signals():
            signal.signal(number, self._stop)
        with tempfile.TemporaryDirectory(prefix="emoscope-metrics-") as folder:
            environment = os.environ | {FOLDER_VARIABLE: folder}
            environment.setdefault("OMP_NUM_THREADS", str(max(1, usable_cores() // self._count)))
            while len(self._workers) < self._count and not self._stop_signals:
                self._start(environment)
            workers = [worker.pid for worker in self._workers]
            logger.info(SERVING, extra={FIELDS: {"address": url_of(self._listener), "workers": workers}})
            while self._workers:
                time.sleep(0.1)
                self._replace_dead(environment, folder)
        return 1 if self._gave_up else 0

    def _start(self, environment: dict[str, str]) -> None:
        """Start a worker, and forward a signal that arrived while it was starting."""
        descriptor = self._listener.fileno()
        command = [*self._command, "--worker", str(descriptor), str(os.getpid())]
        process = Popen(command, env=environment, pass_fds=[descriptor], start_new_session=True)
        self._workers[process] = time.monotonic()
        if self._stop_signals:
            self._forward()

    def _replace_dead(self, environment: dict[str, str], folder: str) -> None:
        for worker in [worker for worker in self._workers if worker.poll() is not None]:
            started = self._workers.pop(worker)
            mark_process_dead(worker.pid, folder)  # type: ignore[no-untyped-call]
            if self._stop_signals:
                continue
            fields = {"worker": worker.pid, "exit_status": worker.returncode}
            logger.error("a worker ended", extra={FIELDS: fields})
            now = time.monotonic()
            self._early = self._early + 1 if now - started < EARLY_SECONDS else 0
            excess = self._early - MAX_EARLY
            self._starts_at.append(now + (0.0 if excess < 0 else min(MAX_DELAY, EARLY_SECONDS * 2 ** min(excess, 9))))
        self._gave_up = self._early >= MAX_EARLY and not self._workers and not self._stop_signals
        if self._gave_up or self._stop_signals:
            return
        due = [start for start in self._starts_at if start <= time.monotonic()]
        self._starts_at = [start for start in self._starts_at if start not in due]
        for _ in due:
            if not self._stop_signals:
                self._start(environment)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """Signal handler: stop all workers; on a second Ctrl-C, without waiting for responses."""
        self._stop_signals += 1
        self._forwarded = signal.SIGINT if number == signal.SIGINT and self._stop_signals > 1 else signal.SIGTERM
        self._forward()

    def _forward(self) -> None:
        for worker in self._workers:
            with suppress(ProcessLookupError):
                worker.send_signal(self._forwarded)
