"""Ask a running `emoscope serve` from Python; the standard library is enough.

    python client.py "i feel so happy" "leave me alone"
    EMOSCOPE_URL=https://emotions.example.org EMOSCOPE_API_KEY=... python client.py < lines.txt

One connection is kept for all requests. A busy server says when to come again (429 or 503 with Retry-After): that is
waited for.
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

TEXTS_A_REQUEST = 256
TRIES = 5


class EmoscopeClient:
    """Scores texts over one keep-alive connection; not for several threads at once."""

    def __init__(self, url: str = "http://127.0.0.1:8000", api_key: str | None = None, timeout: float = 30) -> None:
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "127.0.0.1", parts.port, timeout=timeout)
        self._path = parts.path.rstrip("/")
        self._headers = {"Content-Type": "application/json"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"

    def predict(self, texts: Sequence[str]) -> dict[str, Any]:
        """Labels and scores in columns, as `POST /v1/predict` gives them.

        Raises:
            RuntimeError: the server refused the request; its code and message.
        """
        for last in (False,) * (TRIES - 1) + (True,):
            status, headers, answer = self._post("/v1/predict", {"texts": list(texts)})
            if status == 200:
                return answer
            if status not in (429, 503) or last:
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
    for texts in _groups(iter(lines)):
        answer = client.predict(texts)
        for text, label, score in zip(texts, answer["label"], answer["score"], strict=True):
            print(f"{label:<9} {score:.3f}  {text}")


def _groups(lines: Iterator[str]) -> Iterator[list[str]]:
    """Many texts a request: far fewer round trips."""
    while group := list(islice(lines, TEXTS_A_REQUEST)):
        yield group


if __name__ == "__main__":
    main()
