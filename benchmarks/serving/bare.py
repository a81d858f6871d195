"""A server that does nothing: it sends the same bytes in response to anything.

The results of a load generator against it are those of the generator itself.

Run: python benchmarks/serving/bare.py PORT
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
import live_server

BODY = b'{"labels": ["joy"], "label": ["joy"], "score": [1.0]}'
RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY


class Bare(asyncio.Protocol):
    """Sends one response for each piece of data that arrives: a request of the load generator is one piece."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def data_received(self, _: bytes) -> None:
        """Respond."""
        self._transport.write(RESPONSE)  # type: ignore[attr-defined]


@contextmanager
def running(log: Path) -> Iterator[live_server.Server]:
    """This server in a process of its own."""
    with live_server.serve([sys.executable, __file__, "{port}"], log) as server:
        live_server.wait_until_ok(server, "/")
        yield server


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
