"""Runs the application: one process on a socket, its signals, and how it ends."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from socket import socket
from time import monotonic
from types import FrameType

import uvicorn

from emoscope.serving.app import App
from emoscope.serving.connection import Connection


class Server(uvicorn.Server):
    """uvicorn's server with our connections, which it looks after, and an end that loses no request.

    The first signal makes the application refuse what is new with 503 for `grace` seconds, during which whoever
    routes requests to it may notice; then the socket closes, and when what was accepted is answered, all ends.
    """

    def __init__(self, app: App, *, grace: float = 1.0, host: str = "127.0.0.1", port: int = 8000) -> None:
        """Nothing is running yet.

        Args:
            app: the application.
            grace: seconds between a signal and the end of listening.
            host: address to listen at.
            port: likewise.
        """
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            http=partial(Connection, app.service.settings.max_connections),  # type: ignore[arg-type]
            ws="none",
            interface="asgi3",
            lifespan="on",
            proxy_headers=False,
            log_config=None,
            backlog=2048,
            timeout_graceful_shutdown=int(app.service.settings.timeout) + 5,
        )
        super().__init__(config)
        self._app = app
        self._grace = grace
        self._ends_at = float("inf")

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals end the server in good order, and then the process ends as if by itself."""
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end; on a second Ctrl-C, end."""
        if self._app.service.draining and sig == signal.SIGINT:
            self.force_exit = self.should_exit = True
        self._app.service.draining = True
        self._ends_at = min(self._ends_at, monotonic() + self._grace)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: part with slow clients, and see whether it is time to end."""
        now = monotonic()
        if counter % 10 == 0:
            for connection in list(self.server_state.connections):
                connection.check(now)  # type: ignore[union-attr]
        return self.should_exit or now >= self._ends_at


def run(app: App, host: str, port: int, sockets: list[socket] | None = None) -> None:
    """Serve until a signal comes."""
    Server(app, host=host, port=port).run(sockets)
