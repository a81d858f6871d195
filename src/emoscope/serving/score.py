"""`POST /v1/score`: a table of any length, scored while it comes, in memory that does not grow with it."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from itertools import islice
from typing import IO

from emoscope.serving.errors import RequestError
from emoscope.serving.messages import Request, Response
from emoscope.serving.service import Service
from emoscope.serving.tables import CsvTable, JsonlTable, Lines, Table, TableError, TableRow, added_columns

ROWS = 256
"""Scored at once."""
MEMORY_BYTES = 1024 * 1024
"""Of the answer that the client has not taken yet; what is more goes to a temporary file."""
MAX_STREAMS = 16
"""At once; each has one part of its rows in the queue at a time."""
MEDIA_TYPES = {
    "text/csv": "csv",
    "application/csv": "csv",
    "application/x-ndjson": "jsonl",
    "application/ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "application/x-jsonlines": "jsonl",
}
ANSWERS = {"csv": b"text/csv; charset=utf-8", "jsonl": b"application/x-ndjson"}


async def score(service: Service, request: Request) -> Response:
    """Rows in, the same rows with emotions out."""
    kind, table = _table(service, request)
    if service.streams >= MAX_STREAMS:
        raise RequestError(
            "overloaded", f"{MAX_STREAMS} tables are being scored; try again later", ((b"retry-after", b"5"),)
        )
    answer = _spooled(service, _parts(service, request, table))
    await anext(answer)
    return Response(answer, media_type=ANSWERS[kind])


def _table(service: Service, request: Request) -> tuple[str, Table]:
    query = request.query
    allowed = ("text_column", "columns", "format")
    if unknown := [name for name in query if name not in allowed]:
        raise RequestError("invalid_request", f"no parameter {unknown[0]!r:.80}; allowed: {', '.join(allowed)}")
    text_column = query.get("text_column")
    if not text_column:
        raise RequestError(
            "invalid_request", "the name of the column of texts is missing; ask /v1/score?text_column=text"
        )
    kind = query.get("format") or MEDIA_TYPES.get(request.media_type)
    if query.get("format", "csv") not in ANSWERS:
        raise RequestError("invalid_request", f"format must be csv or jsonl, got {query['format']!r:.80}")
    if kind is None:
        raise RequestError(
            "unsupported_media_type",
            f"the Content-Type is {request.media_type or 'none'!r}; send 'text/csv' or 'application/x-ndjson', or say "
            "format=csv or format=jsonl",
        )
    try:
        added = added_columns(query.get("columns"), service.labels)
    except TableError as error:
        raise RequestError("invalid_request", str(error)) from None
    if kind == "csv":
        return kind, CsvTable(text_column, added, service.labels)
    return kind, JsonlTable(text_column, added, service.labels)


async def _parts(service: Service, request: Request, table: Table) -> AsyncIterator[bytes]:
    """The answer, part by part; the first one has the head."""
    begun = False
    async for lines, final in _lines(request):
        rows = table.rows(lines, final=final)
        while (part := _first(rows)) or (final and not begun):
            scored = await _scored(service, request, table, part)
            yield (scored if begun else table.head() + scored).encode()
            begun = True
            await asyncio.sleep(0)  # others get their turn, also where no row has a text that waits for its score


def _first(rows: Iterator[TableRow]) -> list[TableRow]:
    try:
        return list(islice(rows, ROWS))
    except TableError as error:
        raise RequestError("invalid_request", str(error)) from None


async def _lines(request: Request) -> AsyncIterator[tuple[list[str], bool]]:
    """Whole lines as they come, and whether they are the last."""
    reader = Lines()
    async for chunk in request.stream():
        yield reader.feed(chunk, final=False), False
    yield reader.feed(b"", final=True), True


async def _scored(service: Service, request: Request, table: Table, rows: list[TableRow]) -> str:
    """Lines of the answer."""
    most = service.settings.max_characters
    rows = [
        row._replace(text=None, problem=f"the text has {len(row.text):,} characters, at most {most:,} are allowed")
        if row.text and len(row.text) > most
        else row
        for row in rows
    ]
    texts = [row.text for row in rows if row.text and not row.text.isspace()]
    service.metrics.texts.inc(len(texts))
    scored = iter(await service.rows(request, texts, patient=True))
    return "".join(table.line(row, next(scored) if row.text and not row.text.isspace() else None) for row in rows)


async def _spooled(service: Service, parts: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Nothing as soon as the answer may begin, and then the parts.

    They are read and scored on while the client does not take any: many send all before they read.
    """
    service.streams += 1
    spool = _Spool()
    writer = asyncio.create_task(spool.fill(parts))
    try:
        part = await spool.read()
        if not part:
            await writer
        yield b""
        while part:
            yield part
            part = await spool.read()
        await writer
    finally:
        writer.cancel()
        spool.close()
        service.streams -= 1


class _Spool:
    """Bytes between one that writes and one that reads, the most of them in a temporary file."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115
        self._read = self._written = 0
        self._ended = False
        self._news = asyncio.Event()

    def write(self, part: bytes) -> None:
        if self._read == self._written:
            self._read = self._written = 0
            self._file.seek(0)
            self._file.truncate()
        self._file.seek(self._written)
        self._written += self._file.write(part)
        self._news.set()

    async def fill(self, parts: AsyncIterator[bytes]) -> None:
        try:
            async for part in parts:
                self.write(part)
        finally:
            self._ended = True
            self._news.set()

    async def read(self) -> bytes:
        """What is there, a piece of it; nothing at the end."""
        while self._read == self._written and not self._ended:
            self._news.clear()
            await self._news.wait()
        self._file.seek(self._read)
        part = self._file.read(min(self._written - self._read, 256 * 1024))
        self._read += len(part)
        return part

    def close(self) -> None:
        self._file.close()
