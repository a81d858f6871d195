"""Runs the application in one process: its socket, its signals, and a graceful shutdown."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from ipaddress import ip_address
from socket import AF_INET6, socket
from socket import create_server as listening_socket
from time import monotonic, thread_time
from types import FrameType

import uvicorn

from emoscope.serving.app import App
from emoscope.serving.connection import Connection
from emoscope.serving.logs import ENDED, FIELDS, LOGGER, SERVING
from emoscope.serving.metrics import remove_folder
from emoscope.serving.spool import has_space

logger = logging.getLogger(LOGGER)

OTHER_FILES = 100
"""Open files that a server needs apart from its connections."""
BACKLOG = 2048
"""Connections that the operating system holds until the server accepts them."""


def listen(host: str, port: int) -> socket:
    """A listening socket.

    Raises:
        OSError: the address is in use, or does not belong to this machine.
    """
    family = {"family": AF_INET6} if ":" in host else {}
    try:
        return listening_socket((host, port), backlog=BACKLOG, **family)  # type: ignore[arg-type]
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while attempting")[0]  # which repeats the address
        raise OSError(f"cannot listen on {host}, port {port} ({reason}); choose another --port or --host") from None


def url_of(listener: socket) -> str:
    """The address of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def stop_signals() -> list[signal.Signals]:
    """The signals that end a server: SIGHUP too, when its terminal closes, unless it is ignored as by nohup."""
    signals = [signal.SIGTERM, signal.SIGINT]
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signals.append(signal.SIGHUP)
    return signals


def raise_open_files_limit(connections: int) -> None:
    """Allow this process as many open files as it needs for connections, or log a warning if the system has fewer."""
    if sys.platform == "win32":
        return
    import resource

    needed = connections + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        soft = allowed
    if soft < needed:
        logger.warning(
            "at most %d files can be open, but %d connections need %d; raise the limit (ulimit -n %d), or lower "
            "--max-connections",
            *(soft, connections, needed, needed),
        )


class Server(uvicorn.Server):
    """uvicorn's server with our connections, and a shutdown that loses no request.

    After the first signal the application rejects new requests with 503 for `grace` seconds, so that load balancers can
    notice. Then the socket closes, and the server ends once every accepted request has its response.
    """

    def __init__(self, app: App, *, grace: float, parent: int | None = None) -> None:
        """Starts nothing yet.

        Args:
            app: the application.
            grace: seconds between a signal and closing the listening socket.
            parent: id of the process whose end also ends this one; None for none.
        """
        config = uvicorn.Config(
            app,
            http=partial(Connection, app.service.settings.max_connections),  # type: ignore[arg-type]
            ws="none",
            interface="asgi3",
            lifespan="on",
            proxy_headers=False,
            log_config=None,
            backlog=BACKLOG,
            timeout_graceful_shutdown=int(app.service.settings.timeout) + 5,
        )
        super().__init__(config)
        self._app = app
        self._grace = grace
        self._parent = parent
        self._stops_at = float("inf")

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Shut down gracefully on signals, and let the process exit with status 0 afterwards.

        Outside the main thread there are no signal handlers; call `handle_exit` instead.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in stop_signals()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin the shutdown, on Ctrl-C without the grace period; on a second Ctrl-C, stop at once."""
        interrupted = sig == signal.SIGINT
        if self._app.service.draining and interrupted:
            self.force_exit = self.should_exit = True
        self._app.service.draining = True
        self._stops_at = min(self._stops_at, monotonic() + (0 if interrupted else self._grace))

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: check whether to stop. Once a second: check connections and refresh metrics."""
        now = monotonic()
        service = self._app.service
        service.concurrency_limit.measure(now, thread_time())
        if counter % 10 == 0:
            service.metrics.connections.set(len(self.server_state.connections))
            service.refresh_metrics()
            for connection in list(self.server_state.connections):
                connection.check_timeouts(now)  # type: ignore[union-attr]
            if self._parent not in (None, os.getppid()) and not service.draining:
                self.handle_exit(signal.SIGTERM, None)
        return self.should_exit or now >= self._stops_at


def run(app: App, listener: socket, *, grace: float = 1.0, parent: int | None = None) -> None:
    """Serve on a listening socket until a signal arrives.

    Args:
        app: the application.
        listener: the socket; it is closed at the end.
        grace: see `Server`.
        parent: see `Server`; if it has been killed, the folder of the workers' counts is removed at the end.

    Raises:
        ModelError: the model cannot score a text.
    """
    app.service.warm_up()
    raise_open_files_limit(app.service.settings.max_connections)
    if not has_space():
        logger.warning("the temporary folder has no space; large tables get 507 until it has")
    url = url_of(listener)
    server = Server(app, grace=grace, parent=parent)
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    logger.info(SERVING, extra={FIELDS: {"url": url, "model": app.service.model}})
    server.run([listener])
    logger.info(ENDED, extra={FIELDS: {"url": url}})
    if parent not in (None, os.getppid()):
        remove_folder()
