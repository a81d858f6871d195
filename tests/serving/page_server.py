"""The server on a port of its own, in moods: a test may have it wait, refuse and want keys."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

Refusal = tuple[int, str, dict[str, str]]
"""Status, message, further headers."""


class Moods:
    """Stands before an application and does what it is told with requests to /v1.

    Attributes:
        asked: path and body of every request that came, in their order.
        refusals: what the next requests get instead of an answer, the first first.
        holding: answers wait while this is true.
        keys: keys that are let in; empty for everybody.
        max_at_once: of each path, most requests that were under way together.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.reset()

    def reset(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.refusals: list[Refusal] = []
        self.holding = False
        self.keys: set[str] = set()
        self.max_at_once: Counter[str] = Counter()
        self._now: Counter[str] = Counter()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self.app(scope, receive, send)
            return
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        body = b"".join(message.get("body", b"") for message in messages)
        path = scope["path"]
        self.asked.append((path, json.loads(body)))
        self._now[path] += 1
        self.max_at_once[path] = max(self.max_at_once[path], self._now[path])
        try:
            await self._answer(scope, messages, receive, send)
        finally:
            self._now[path] -= 1

    async def _answer(self, scope: Any, messages: list[Any], receive: Any, send: Any) -> None:
        while self.holding:
            await asyncio.sleep(0.01)
        refusal = self._refusal(scope)
        if refusal:
            await _refuse(send, *refusal)
            return

        async def again() -> Any:
            return messages.pop(0) if messages else await receive()

        await self.app(scope, again, send)

    def texts(self, path: str) -> list[str]:
        """Every text that came to a path."""
        return [text for asked, body in self.asked if asked == path for text in body.get("texts", [body.get("text")])]

    def _refusal(self, scope: Any) -> Refusal | None:
        given = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
        if self.keys and given not in self.keys:
            return 401, "a key is needed", {}
        return self.refusals.pop(0) if self.refusals else None


async def _refuse(send: Any, status: int, message: str, headers: dict[str, str]) -> None:
    body = json.dumps({"error": {"code": "refused", "message": message}}).encode()
    pairs = [
        (name.lower().encode(), value.encode())
        for name, value in {"Content-Type": "application/json", **headers}.items()
    ]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


@contextmanager
def running(app: Any) -> Iterator[str]:
    """The address of the application, while it is served from a thread."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, ws="none", log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the server did not start")
            thread.join(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
