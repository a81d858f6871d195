"""`POST /v1/score`: a table of any length, scored while it arrives, in a bounded amount of memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from itertools import islice

from emoscope.errors import DataError
from emoscope.inputs import is_blank
from emoscope.prediction import NO_NEUTRAL
from emoscope.rows.lines import Block, LineDecoder
from emoscope.serving.checks import length_problem
from emoscope.serving.decoding import convert
from emoscope.serving.errors import RequestError
from emoscope.serving.requests import Request
from emoscope.serving.responses import TableResponse
from emoscope.serving.schemas import ScoreQuery
from emoscope.serving.service import Service
from emoscope.serving.spool import Spool, has_space
from emoscope.serving.table_stream import MAX_ROW_BYTES, CsvTable, JsonlTable, Table, TableRow, added_columns

ROWS = 256
"""Number of rows that are scored together."""
MAX_STREAMS = 16
"""Maximum number of tables that are scored at the same time; each has one batch of its rows in the queue."""
SMALL_BYTES = 128 * 1024
"""Size of a body that is accepted without space for a temporary file: most of its response fits into memory."""
FORMATS = {
    "text/csv": "csv",
    "application/csv": "csv",
    "application/x-ndjson": "jsonl",
    "application/ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "application/x-jsonlines": "jsonl",
}
"""Format of a request by its media type."""
MEDIA_TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson"}
"""Media type of the response by format."""


async def score(service: Service, request: Request) -> TableResponse:
    """Rows in, the same rows with emotions out."""
    table_format, table = _table(service, request)
    if service.streams >= MAX_STREAMS:
        raise RequestError(
            "overloaded", f"{MAX_STREAMS} tables are being scored; try again later", {"retry-after": "5"}
        )
    if not (_is_small(request) or has_space()):
        raise RequestError(
            "insufficient_storage",
            f"the server has no space for a temporary file; send at most {SMALL_BYTES:,} bytes with a Content-Length, "
            "or try again later",
            {"retry-after": "60"},
        )
    body = _spooled(service, _scored_parts(service, request, table))
    await anext(body)
    return TableResponse(body, media_type=MEDIA_TYPES[table_format])


def _is_small(request: Request) -> bool:
    """Whether the body says that it is small, as it is and not compressed."""
    length = request.headers.get(b"content-length", b"")
    return length.isdigit() and int(length[:20]) <= SMALL_BYTES and b"content-encoding" not in request.headers


def _table(service: Service, request: Request) -> tuple[str, Table]:
    given = request.query
    if not given.get("text_column"):
        convert(given | {"text_column": "text"}, ScoreQuery, field="parameter")
        raise RequestError(
            "invalid_request",
            "the name of the text column is missing; write /v1/score?text_column=text (for a CSV without a header its "
            "number, from 0)",
        )
    query = convert(given, ScoreQuery, field="parameter")
    neutral_as_label = query.neutral == "label"
    if neutral_as_label and not service.has_neutral:
        raise RequestError("invalid_request", NO_NEUTRAL)
    table_format = query.format or FORMATS.get(request.media_type)
    if table_format is None:
        raise RequestError(
            "unsupported_media_type",
            f"the Content-Type is {request.media_type or 'none'!r}; send 'text/csv' or 'application/x-ndjson', or add "
            "format=csv or format=jsonl",
        )
    try:
        added = added_columns(query.columns, service.labels, has_neutral=service.has_neutral)
    except DataError as error:
        raise RequestError("invalid_request", str(error)) from None
    table = CsvTable if table_format == "csv" else JsonlTable
    return table_format, table(query.text_column, added, service.labels, neutral_as_label=neutral_as_label)


async def _scored_parts(service: Service, request: Request, table: Table) -> AsyncIterator[bytes]:
    """The response in parts; the first part has the header of the table."""
    has_begun, allow_rejected = False, request.query.get("allow_rejected") == "true"
    first: list[TableRow] = []
    async for block in _blocks(request):
        rows = table.rows(block)
        while (part := list(islice(rows, ROWS))) or (block.final and not has_begun):
            if not has_begun:
                part = first = first + part
                if not (allow_rejected or _mostly_sound(part, ended=block.final)):
                    continue
            scored = await _scored(service, request, table, part)
            yield (scored if has_begun else table.header() + scored).encode()
            has_begun = True
            await asyncio.sleep(0)  # let other requests run, even if no row of this part has to wait for its score


def _mostly_sound(rows: list[TableRow], *, ended: bool) -> bool:
    """Whether at least half of the first rows can be read; if not, more are waited for, up to ROWS of them.

    Raises:
        DataError: more than half of ROWS rows, or of all, cannot be read: it is not the table that it seems to be.
    """
    problems = [row.problem for row in rows if row.problem]
    if 2 * len(problems) <= len(rows):
        return True
    if ended or len(rows) >= ROWS:
        raise DataError(
            f"{len(problems)} of the first {len(rows)} rows cannot be read; the first is {problems[0]}; fix the table, "
            "or add allow_rejected=true to get these rows with their reasons"
        )
    return False


async def _blocks(request: Request) -> AsyncIterator[Block]:
    """Complete lines as they arrive."""
    decoder = LineDecoder(MAX_ROW_BYTES)
    async for chunk in request.stream():
        yield decoder.feed(chunk)
    yield decoder.feed(b"", final=True)


async def _scored(service: Service, request: Request, table: Table, rows: list[TableRow]) -> str:
    """The rows with their new cells."""
    rows = [
        row._replace(text=None, problem=f"the text {problem}")
        if row.text and (problem := length_problem(row.text, service.settings))
        else row
        for row in rows
    ]
    texts = [row.text for row in rows if row.text and not is_blank(row.text)]
    service.metrics.texts.inc(len(texts))
    scored = iter(await service.rows(request, texts, wait_if_full=True))
    return "".join(table.line(row, next(scored) if row.text and not is_blank(row.text) else None) for row in rows)


async def _spooled(service: Service, parts: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """First an empty chunk once the response may begin, then the parts.

    Rows are read and scored even while the client reads nothing: many clients send everything before they read. But
    they wait for it once there is no room for more of the response.
    """
    service.streams += 1
    spool = Spool(service.spools)
    writer = asyncio.create_task(spool.fill(parts))
    try:
        chunk = await spool.read()
        if not chunk:
            await writer
        yield b""
        while chunk:
            yield chunk
            chunk = await spool.read()
        await writer
    except DataError as error:
        raise RequestError("invalid_request", str(error)) from None
    finally:
        writer.cancel()
        spool.close()
        service.streams -= 1
