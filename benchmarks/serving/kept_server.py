"""emoscope's application in a server of another project: uvicorn with its own HTTP protocol, or Granian.

servers.py compares them with emoscope's own server. Each is configured as close to it as its options allow.

Run: python benchmarks/serving/kept_server.py uvicorn|granian PORT
"""

from __future__ import annotations

import gc
import os
import sys

MAX_CONNECTIONS = 10_000
BACKLOG = 2048
HEAD_SECONDS = 10
KEEP_ALIVE_SECONDS = 75


def application():
    """The application with the bundled model, with the garbage collector set as `emoscope.serving.run` does."""
    from emoscope import EmotionClassifier
    from emoscope.parallel import usable_cores
    from emoscope.serving import Settings, create_app
    from emoscope.serving.api_keys import read_keys
    from emoscope.serving.logs import configure_logging
    from emoscope.serving.server import raise_open_files_limit

    configure_logging()
    classifier = EmotionClassifier.from_pretrained(threads=usable_cores())
    hosts = ("localhost", "127.0.0.1", "[::1]")
    app = create_app(classifier, Settings(allowed_hosts=hosts), keys=read_keys(None, os.environ))
    app.service.warm_up()
    raise_open_files_limit(MAX_CONNECTIONS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    return app


def _uvicorn(port: int) -> None:
    import uvicorn

    uvicorn.run(
        application(),
        host="127.0.0.1",
        port=port,
        http="httptools",
        loop="uvloop",
        ws="none",
        interface="asgi3",
        proxy_headers=False,
        access_log=False,
        log_level="error",
        backlog=BACKLOG,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )


def _granian(port: int) -> None:
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces, Loops
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    Granian(
        "kept_server:application",
        factory=True,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGI,
        workers=1,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEAD_SECONDS * 1000, max_buffer_size=64 * 1024),
        websockets=False,
        backlog=BACKLOG,
        backpressure=MAX_CONNECTIONS,
        log_level=LogLevels.error,
    ).serve()


if __name__ == "__main__":
    {"uvicorn": _uvicorn, "granian": _granian}[sys.argv[1]](int(sys.argv[2]))
