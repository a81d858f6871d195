"""Classifiers, and a client for the ASGI application: no socket, no server."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import threading
import time

import httpx
import numpy as np

from emoscope import EMOTIONS
from emoscope.serving import listen
from emoscope.serving.server import Server


class HashClassifier:
    """Probabilities that depend on the text alone; remembers what it was asked, and refuses "fail"."""

    labels = EMOTIONS

    def __init__(self):
        self.asked = []

    def predict_proba(self, texts):
        self.asked.append(list(texts))
        if "fail" in texts:
            raise RuntimeError("a broken model")
        return np.array([probabilities(text) for text in texts], np.float32).reshape(len(texts), len(EMOTIONS))


class CalibratedClassifier(HashClassifier):
    """Knows logits, tokens, prediction sets and neutral texts as well."""

    def predict_logits(self, texts):
        return np.log(self.predict_proba(texts)) * 2 + 1

    def token_counts(self, texts):
        return [len(text.split()) + 2 for text in texts]

    def prediction_sets(self, rows, coverage=0.9):
        return rows >= 0.2

    def neutral(self, texts, rows):
        return rows.max(axis=1) <= 0.4


class HeldClassifier(HashClassifier):
    """Takes until it is let go."""

    def __init__(self):
        super().__init__()
        self.go = threading.Event()
        self.begun = threading.Event()

    def predict_proba(self, texts):
        self.begun.set()
        assert self.go.wait(10)
        return super().predict_proba(texts)


def probabilities(text):
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    weights = np.frombuffer(digest[:6], np.uint8).astype(np.float32) + 1
    return (weights / weights.sum()).astype(np.float32)


def emotion(text):
    return EMOTIONS[int(probabilities(text).argmax())]


class Client:
    """Sends requests to an application, all those of one call at once."""

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
        self.server = Server(app, grace=grace)
        self._thread = threading.Thread(target=self.server.run, args=([listener],))
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self.server.started and time.monotonic() < deadline:
            time.sleep(0.01)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def signal(self):
        self.server.handle_exit(signal.SIGTERM, None)

    def end(self):
        """SIGTERM, and wait for the end; the seconds that it took."""
        began = time.monotonic()
        self.signal()
        self._thread.join(20)
        assert not self._thread.is_alive()
        return time.monotonic() - began
