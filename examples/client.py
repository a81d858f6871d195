"""A client of `emoscope serve` in Python that needs only the standard library.

    python client.py "i feel so happy" "leave me alone"
    EMOSCOPE_URL=https://emotions.example.org EMOSCOPE_API_KEY=... python client.py < lines.txt

It keeps one connection open for all requests. If the server is busy (429 or 503), it waits for as many seconds as
Retry-After says and tries again.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

TEXTS_PER_REQUEST = 256
MAX_TRIES = 5


class EmoscopeClient:
    """Scores texts over one keep-alive connection; not thread-safe."""

    def __init__(self, url: str = "http://127.0.0.1:8000", api_key: str | None = None, timeout: float = 30) -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "127.0.0.1", parts.port, timeout=timeout)
        self._path = parts.path.rstrip("/")
        self._headers = {"Content-Type": "application/json"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"

    def predict(self, texts: Sequence[str]) -> dict[str, Any]:
        """Labels and scores in columns, from `POST /v1/predict`.

        Raises:
            RuntimeError: the server rejected the request; the message has its code and message.
        """
        for is_last in (False,) * (MAX_TRIES - 1) + (True,):
            status, headers, answer = self._post("/v1/predict", {"texts": list(texts)})
            if status == 200:
                return answer
            if status not in (429, 503) or is_last:
                raise RuntimeError(f"{status} {answer['error']['code']}: {answer['error']['message']}")
            time.sleep(float(headers.get("Retry-After", 1)))
        raise AssertionError

    def _post(self, path: str, body: dict[str, Any]) -> tuple[int, http.client.HTTPMessage, dict[str, Any]]:
        self._connection.request("POST", self._path + path, json.dumps(body).encode(), self._headers)
        answer = self._connection.getresponse()
        return answer.status, answer.headers, json.loads(answer.read())


def main() -> None:
    """Label the texts of the command line, or the lines of standard input."""
    client = EmoscopeClient(os.environ.get("EMOSCOPE_URL", "http://127.0.0.1:8000"), os.environ.get("EMOSCOPE_API_KEY"))
    lines = sys.argv[1:] or (line.rstrip("\n") for line in sys.stdin)
    for texts in _batches(iter(lines)):
        answer = client.predict(texts)
        for text, label, score in zip(texts, answer["label"], answer["score"], strict=True):
            print(f"{label:<9} {score:.3f}  {text}")


def _batches(lines: Iterator[str]) -> Iterator[list[str]]:
    """The texts of each request."""
    while batch := list(islice(lines, TEXTS_PER_REQUEST)):
        yield batch


if __name__ == "__main__":
    main()
