"""A server on a free port whose requests a test can record, delay and refuse."""

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
"""Status, message, and headers in addition."""


class Interceptor:
    """ASGI middleware that acts on requests to /v1 before an application gets them.

    Attributes:
        requests: path and JSON body of every request, in order.
        refusals: responses that the next requests get instead of an answer.
        is_holding: whether responses wait.
        keys: accepted API keys; empty to accept every request.
        max_concurrent: maximum number of requests under way at the same time, by path.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.reset()

    def reset(self) -> None:
        self.requests: list[tuple[str, Any]] = []
        self.refusals: list[Refusal] = []
        self.is_holding = False
        self.keys: set[str] = set()
        self.max_concurrent: Counter[str] = Counter()
        self._concurrent: Counter[str] = Counter()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self.app(scope, receive, send)
            return
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        body = b"".join(message.get("body", b"") for message in messages)
        path = scope["path"]
        self.requests.append((path, json.loads(body)))
        self._concurrent[path] += 1
        self.max_concurrent[path] = max(self.max_concurrent[path], self._concurrent[path])
        try:
            await self._respond(scope, messages, receive, send)
        finally:
            self._concurrent[path] -= 1

    async def _respond(self, scope: Any, messages: list[Any], receive: Any, send: Any) -> None:
        while self.is_holding:
            await asyncio.sleep(0.01)
        refusal = self._refusal(scope)
        if refusal:
            await _refuse(send, *refusal)
            return

        async def replay() -> Any:
            return messages.pop(0) if messages else await receive()

        await self.app(scope, replay, send)

    def texts(self, path: str) -> list[str]:
        """Every text that was sent to a path."""
        bodies = (body for requested, body in self.requests if requested == path)
        return [text for body in bodies for text in body.get("texts", [body.get("text")])]

    def _refusal(self, scope: Any) -> Refusal | None:
        key = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
        if self.keys and key not in self.keys:
            return 401, "a key is needed", {}
        return self.refusals.pop(0) if self.refusals else None


async def _refuse(send: Any, status: int, message: str, headers: dict[str, str]) -> None:
    body = json.dumps({"error": {"code": "refused", "message": message}}).encode()
    headers = {"Content-Type": "application/json", **headers}
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
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
