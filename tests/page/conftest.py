"""A static site that is served from a folder, and a browser that visits it."""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from emoscope import EmotionClassifier

ROOT = Path(__file__).parents[2]


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without a log, as any file server does: it compresses nothing and sends no special headers."""

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def serve_folder():
    """Function: serves a folder on loopback and returns its address."""
    servers = []

    def serve(folder: Path) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
        threading.Thread(target=partial(server.serve_forever, 0.02)).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def classifier():
    return EmotionClassifier.from_pretrained()
