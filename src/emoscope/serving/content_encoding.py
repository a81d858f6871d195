"""The body of a request without its Content-Encoding, in pieces of a limited size."""

from __future__ import annotations

import asyncio
import zlib

from starlette.types import Message, Receive

from emoscope.serving.errors import RequestError

PIECE_BYTES = 64 * 1024
"""Maximum size of a decoded piece: a small body can decode to a thousand times its size."""
_GZIP = 16 + zlib.MAX_WBITS


def decoded(receive: Receive, encoding: bytes) -> Receive:
    """ASGI's `receive` with the body decoded.

    Raises:
        RequestError: the encoding is neither gzip nor identity; or, when the body is received, it is not gzip.
    """
    name = encoding.strip().lower()
    if name in (b"", b"identity"):
        return receive
    if name not in (b"gzip", b"x-gzip"):
        shown = name.decode("latin-1")
        raise RequestError(
            "unsupported_media_type",
            f"the Content-Encoding is {shown!r:.80}; allowed: gzip; send the body as gzip, or as it is",
            {"accept-encoding": "gzip"},
        )
    return _Gunzip(receive)


class _Gunzip:
    """Decodes gzip, also of several members."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._decoder = zlib.decompressobj(_GZIP)
        self._encoded = b""
        self._has_more, self._is_pending = True, False

    async def __call__(self) -> Message:
        if self._is_pending:
            await asyncio.sleep(0)  # other requests have a turn: a few bytes can decode to many pieces
        else:
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            self._encoded, self._has_more = message.get("body", b""), bool(message.get("more_body"))
        body = self._decode()
        if not (self._has_more or self._is_pending or self._decoder.eof):
            raise RequestError("invalid_request", "the gzip of the body is cut off; send all of it")
        return {"type": "http.request", "body": body, "more_body": self._has_more or self._is_pending}

    def _decode(self) -> bytes:
        if self._decoder.eof and self._encoded:
            self._decoder = zlib.decompressobj(_GZIP)
        try:
            body = self._decoder.decompress(self._encoded, PIECE_BYTES)
        except zlib.error as error:
            raise RequestError(
                "invalid_request", f"the Content-Encoding is gzip, but the body is not ({error})"
            ) from None
        self._encoded = self._decoder.unconsumed_tail or self._decoder.unused_data
        self._is_pending = bool(self._encoded) or len(body) == PIECE_BYTES
        return body
