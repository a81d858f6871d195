"""Telegram: result.json of "Export chat history", of one chat or of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from emoscope.conversations.documents import Document, plain
from emoscope.conversations.messages import LOCAL, UTC, Conversation, Message, words

DELETED = "Deleted account"
"""Name of who wrote a message and has no account any more, as Telegram shows it."""


def matches(document: Document) -> bool:
    """Whether it is an export of one chat, or of all."""
    return any(True for _ in _chats(document.json))


def read(document: Document) -> Conversation:
    """The messages of all chats of an export; service messages ("Anna joined") are left out.

    Times are in UTC if the export has them, as those of 2022 and later do; else in the zone of who exported it.
    """
    pairs = [(chat, record) for chat in _chats(document.json) for record in chat["messages"]]
    kept = [(chat, record) for chat, record in pairs if isinstance(record, dict) and record.get("type") == "message"]
    clock = UTC if all(_unix(record) is not None for _, record in kept) else LOCAL
    messages = [_message(chat, record, clock) for chat, record in kept]
    return Conversation("Telegram", messages, clock, len(pairs) - len(kept))


def _chats(content: Any) -> Iterator[Mapping[str, Any]]:
    """The chats of an export; none if it is not one."""
    if not isinstance(content, dict):
        return
    listed: Any = content.get("chats")
    several: Sequence[Any] = listed.get("list", []) if isinstance(listed, dict) else [content]
    for chat in several:
        is_chat = isinstance(chat, dict) and "type" in chat and isinstance(chat.get("messages"), list)
        if is_chat and "channel" not in chat:
            yield chat


def _message(chat: Mapping[str, Any], record: Mapping[str, Any], clock: str) -> Message:
    name = plain(chat.get("name")) or "Telegram"
    speaker = plain(record.get("from")) or (DELETED if "from" in record else None)
    time = _unix(record) if clock == UTC else _local(record)
    return Message(name, speaker, time, words(_text(record.get("text"))))


def _text(value: Any) -> str:
    """A text, which may be a list of texts and of entities with a text each."""
    if isinstance(value, list):
        return "".join(plain(part.get("text")) if isinstance(part, dict) else plain(part) for part in value)
    return plain(value)


def _unix(record: Mapping[str, Any]) -> datetime | None:
    try:
        seconds = int(record.get("date_unixtime", ""))
        return datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None)
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _local(record: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(plain(record.get("date"))).replace(tzinfo=None)
    except ValueError:
        return None
