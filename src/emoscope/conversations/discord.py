"""Discord: channels as DiscordChatExporter writes them, in JSON and in CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

from emoscope.conversations.dates import YEAR_FIRST, DateOrder, Written, date_order, written_time
from emoscope.conversations.documents import Document, plain
from emoscope.conversations.messages import LOCAL, UTC, Conversation, Message, words
from emoscope.errors import DataError
from emoscope.rows.csv_records import csv_records

_COLUMNS = ["AuthorID", "Author", "Date", "Content"]
_OF_PEOPLE = ("Default", "Reply", "19", "ThreadStarterMessage", "ContextMenuCommand", "ChatInputCommand")
_OLD_TIME = "%d-%b-%y %I:%M %p"


def matches(document: Document) -> bool:
    """Whether it is an export in JSON or CSV."""
    if isinstance(document.json, dict):
        return isinstance(document.json.get("messages"), list) and isinstance(document.json.get("channel"), dict)
    head = document.lines[0][:100].replace('"', "") if document.lines else ""
    return head.split(",")[: len(_COLUMNS)] == _COLUMNS


def read(document: Document, chosen_order: str | None = None) -> Conversation:
    """The messages of a channel; notes of Discord, such as "joined the server", are left out.

    Args:
        document: the file.
        chosen_order: see `date_order`; for times in CSV that are not in ISO form.

    Raises:
        DataError: the file is damaged, or the order of day and month cannot be told.
    """
    if document.json is None:
        return _of_csv(document, chosen_order)
    records = [record for record in document.json["messages"] if isinstance(record, dict)]
    kept = [record for record in records if record.get("type", "Default") in _OF_PEOPLE]
    channel = plain(document.json["channel"].get("name")) or document.stem
    messages = [
        Message(channel, _author(record), _iso(plain(record.get("timestamp"))), words(plain(record.get("content"))))
        for record in kept
    ]
    return Conversation("Discord", messages, UTC, len(records) - len(kept))


def _author(record: dict[str, Any]) -> str | None:
    author = record.get("author")
    if not isinstance(author, dict):
        return None
    return plain(author.get("nickname")) or plain(author.get("name")) or None


def _of_csv(document: Document, chosen_order: str | None) -> Conversation:
    rows = list(_rows(document))
    texts = [row[2] for _, row in rows]
    written = [found for text in texts if (found := written_time(text))]
    order = date_order(written, document.name, chosen_order) if written else DateOrder(YEAR_FIRST, None)
    times = [_time(text, order.order) for text in texts]
    messages = [
        Message(document.stem, row[1] or None, time, words(row[3]), line)
        for (line, row), time in zip(rows, times, strict=True)
    ]
    clock = UTC if any(_iso(text) for text in texts) else LOCAL
    return Conversation("Discord", messages, clock, date_order=order.why)


def _rows(document: Document) -> Iterator[tuple[int, Sequence[str]]]:
    """Number of the line where each row begins, and the row, without the header."""
    for row in csv_records([f"{line}\n" for line in document.lines], ",", start=1, longest=0, final=True):
        if row.problem:
            raise DataError(f"{document.name}, line {row.begin + 1}: {row.problem}")
        if len(row.fields) >= len(_COLUMNS):
            yield row.begin + 1, row.fields


def _time(text: str, order: str) -> datetime | None:
    if found := _iso(text):
        return found
    written: Written | None = written_time(text)
    if written:
        return written.time(order)
    try:
        return datetime.strptime(text, _OLD_TIME)
    except ValueError:
        return None


def _iso(text: str) -> datetime | None:
    """A time with a zone, in UTC; None for anything else. Python 3.10 reads at most six digits of a second."""
    head, dot, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    zone = rest[len(digits) :].replace("Z", "+00:00")
    try:
        found = datetime.fromisoformat(head + zone if dot else head.replace("Z", "+00:00"))
        return found.astimezone(timezone.utc).replace(tzinfo=None) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None
