"""Slack: the folder or zip file of an export, with a folder for each channel and a JSON file for each day."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import Any

from emoscope.conversations.documents import Document, plain
from emoscope.conversations.messages import UTC, Conversation, Message, words
from emoscope.errors import DataError

USERS = "users.json"
"""Name of the file with the names of users."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d\.json")
_OF_PEOPLE = (None, "thread_broadcast", "me_message", "file_share", "bot_message", "reply_broadcast")
_MARKUP = re.compile(r"<([@#!]?)([^|<>]*)(?:\|([^<>]*))?>")


def matches(documents: Sequence[Document]) -> bool:
    """Whether one of the files is a day of a channel."""
    return any(_is_day(document) and _records(document) is not None for document in documents)


def read(documents: Sequence[Document], name: str) -> Conversation:
    """The messages of all channels, by channel and day; notes of Slack ("has joined") are left out.

    Args:
        documents: the files of an export; without users.json, speakers have their ids.
        name: name of the export.

    Raises:
        DataError: a day cannot be read.
    """
    users = _users(documents)
    days = sorted((document for document in documents if _is_day(document)), key=lambda document: document.name)
    messages: list[Message] = []
    system = 0
    for day in days:
        channel = PurePosixPath(day.name.replace("\\", "/")).parent.name or name
        records = _records(day)
        if records is None:
            raise DataError(f"{name}: {day.name} is not a list of messages in JSON; export it again, or remove it")
        kept = [r for r in records if r.get("type") == "message" and r.get("subtype") in _OF_PEOPLE]
        system += len(records) - len(kept)
        messages += [_message(channel, record, users) for record in kept]
    return Conversation("Slack", messages, UTC, system)


def _is_day(document: Document) -> bool:
    return bool(_DAY.fullmatch(PurePosixPath(document.name.replace("\\", "/")).name))


def _records(document: Document) -> list[dict[str, Any]] | None:
    """The records of a day; None if it is not one."""
    content = document.json
    if not isinstance(content, list) or not all(isinstance(record, dict) and "ts" in record for record in content):
        return None
    return content


def _users(documents: Sequence[Document]) -> dict[str, str]:
    """The names of users by id."""
    content = next((d.json for d in documents if PurePosixPath(d.name.replace("\\", "/")).name == USERS), None)
    users = content if isinstance(content, list) else []
    return dict(_named(users))


def _named(users: Sequence[Any]) -> Iterator[tuple[str, str]]:
    for user in users:
        if isinstance(user, dict) and (name := _name(user)):
            yield plain(user.get("id")), name


def _name(user: Mapping[str, Any]) -> str:
    profile = user.get("profile")
    profile = profile if isinstance(profile, dict) else {}
    found = (profile.get("display_name"), user.get("real_name"), profile.get("real_name"), user.get("name"))
    return next((name for name in map(plain, found) if name), "")


def _message(channel: str, record: Mapping[str, Any], users: Mapping[str, str]) -> Message:
    profile = record.get("user_profile")
    own = _name({**profile, "profile": profile}) if isinstance(profile, dict) else ""
    user = plain(record.get("user"))
    speaker = users.get(user) or own or plain(record.get("username")) or user or plain(record.get("bot_id")) or None
    return Message(channel, speaker, _time(record), words(_text(plain(record.get("text")), users)))


def _text(text: str, users: Mapping[str, str]) -> str:
    """The text as Slack shows it: names for ids, the words of links, no entities."""

    def shown(match: re.Match[str]) -> str:
        kind, target, label = match.groups()
        if kind == "@":
            return f"@{label or users.get(target, target)}"
        return ("#" if kind == "#" else "@" if kind == "!" else "") + (label or target)

    return html.unescape(_MARKUP.sub(shown, text))


def _time(record: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(str(record["ts"]).partition(".")[0]), timezone.utc).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return None
