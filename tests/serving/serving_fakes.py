"""Fake classifiers, a client that calls the ASGI application directly, and a server in a thread."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import socket
import threading
import time

import httpx
import numpy as np

from emoscope import EMOTIONS
from emoscope.serving import listen
from emoscope.serving.server import Server
from waiting import DEADLINE, wait_until

JSON = {"content-type": "application/json"}
SCORING = ["/", "/models/x", "/predict", "/classify", "/v1/classify", "/v1/predict", "/v1/explain", "/v1/sentences"]
"""Paths that take JSON and use the model."""


def message(answer):
    """The message of an error, whatever its shape."""
    error = answer.json()["error"]
    return error if isinstance(error, str) else error["message"]


class HashClassifier:
    """Gives probabilities that depend only on the text; records its calls, and fails on the text "fail"."""

    labels = EMOTIONS

    def __init__(self):
        self.calls = []

    def predict_proba(self, texts):
        self.calls.append(list(texts))
        if "fail" in texts:
            raise RuntimeError("a broken model")
        return np.array([probabilities(text) for text in texts], np.float32).reshape(len(texts), len(EMOTIONS))


class CalibratedClassifier(HashClassifier):
    """Has logits, token counts, prediction sets and neutral texts as well."""

    def predict_logits(self, texts):
        return np.log(self.predict_proba(texts)) * 2 + 1

    def token_counts(self, texts):
        return [len(text.split()) + 2 for text in texts]

    def prediction_sets(self, rows, coverage, *, texts):
        return rows >= 0.2

    def predict_with_neutral(self, texts):
        rows = self.predict_proba(texts)
        return np.column_stack([rows, 1 - rows.max(axis=1, initial=0)])


class HeldClassifier(HashClassifier):
    """Holds every call until `go` is set."""

    def __init__(self):
        super().__init__()
        self.go = threading.Event()
        self.begun = threading.Event()

    def predict_proba(self, texts):
        self.begun.set()
        assert self.go.wait(DEADLINE)
        return super().predict_proba(texts)


def probabilities(text):
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    weights = np.frombuffer(digest[:6], np.uint8).astype(np.float32) + 1
    return (weights / weights.sum()).astype(np.float32)


def emotion(text):
    return EMOTIONS[int(probabilities(text).argmax())]


class Client:
    """Sends requests to an application; all requests of one call run at the same time."""

    def __init__(self, app):
        self.app = app

    def many(self, *requests):
        async def send():
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await asyncio.gather(*(client.request(method, path, **kw) for method, path, kw in requests))

        return asyncio.run(send())

    def request(self, method, path, **options):
        return self.many((method, path, options))[0]

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, json=None, **options):
        return self.request("POST", path, **(options if json is None else {"json": json, **options}))


class RunningServer:
    """A server of an application on a free port, in a thread."""

    def __init__(self, app, *, grace=0.0):
        listener = listen("127.0.0.1", 0)
        self.port = listener.getsockname()[1]
        self._server = Server(app, grace=grace)
        self._thread = threading.Thread(target=self._server.run, args=([listener],))
        self._thread.start()
        wait_until(lambda: self._server.started or not self._thread.is_alive())
        assert self._server.started

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def accepts_connections(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE).close()
        except ConnectionRefusedError:
            return False
        return True

    def signal(self):
        """SIGTERM."""
        self._server.handle_exit(signal.SIGTERM, None)

    def end_grace(self):
        """The grace period after SIGTERM is over."""
        self._server._stops_at = 0.0

    def end(self):
        """Send SIGTERM and wait for the end; the seconds that it took."""
        began = time.monotonic()
        self.signal()
        self.end_grace()
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()
        return time.monotonic() - began
