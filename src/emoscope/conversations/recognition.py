"""Which format a conversation has, told by its content; and the reading of files and folders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from emoscope.conversations import discord, slack, subtitles, telegram, transcripts, whatsapp
from emoscope.conversations.dates import DATE_ORDERS
from emoscope.conversations.documents import (
    FOR_TABLES,
    MAX_BYTES,
    TOO_LARGE,
    Document,
    documents_of,
    is_document,
    packed,
)
from emoscope.conversations.messages import Conversation
from emoscope.errors import DataError
from emoscope.rows.lines import UTF_8, check_encoding

ALLOWED = (
    "an export of WhatsApp (.txt, .zip), Telegram (result.json), Slack (folder or .zip) or DiscordChatExporter "
    "(.json, .csv), subtitles (.srt, .vtt), or a transcript with lines such as 'ANNA: text'"
)
"""What is read, in words."""


class ReadOptions(NamedTuple):
    """How a conversation is read.

    Attributes:
        date_order: "day-first" or "month-first", for dates that may be either; None to tell it from all dates.
        encoding: name of the encoding of text files.
    """

    date_order: str | None = None
    encoding: str = UTF_8


class _Format(NamedTuple):
    name: str
    matches: Callable[[Document], bool]
    read: Callable[[Document, str, ReadOptions], Conversation]


_FORMATS = (
    _Format("WhatsApp", whatsapp.matches, lambda document, name, o: whatsapp.read(document, name, o.date_order)),
    _Format("Discord", discord.matches, lambda document, name, o: discord.read(document, o.date_order)),
    _Format("Telegram", telegram.matches, lambda document, name, o: telegram.read(document)),
    _Format("subtitles", subtitles.matches, lambda document, name, o: subtitles.read(document)),
    _Format("transcript", transcripts.matches, lambda document, name, o: transcripts.read(document)),
)
"""The formats of one file each."""


def read_conversation(path: str | Path, *, date_order: str | None = None, encoding: str = UTF_8) -> Conversation:
    """The messages of a conversation: a file, a zip file, or the folder of a Slack export.

    Args:
        path: the file or folder.
        date_order: "day-first" or "month-first", for dates such as 03/04/2025; None to tell it from all dates.
        encoding: name of the encoding of text files.

    Raises:
        DataError: it cannot be read, is not a conversation, or may be read in several ways.
    """
    path = Path(path)
    try:
        content = folder_content(path) if path.is_dir() else _file(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    return parse_conversation(str(path), content, ReadOptions(date_order, encoding))


def parse_conversation(name: str, content: bytes, options: ReadOptions | None = None) -> Conversation:
    """The messages of a file.

    Args:
        name: its name, for errors, and for the name of the conversation.
        content: its bytes; a zip file may be a folder.
        options: how it is read.

    Raises:
        DataError: as `read_conversation`.
    """
    options = options or ReadOptions()
    if options.date_order not in (None, *DATE_ORDERS):
        raise DataError(f"there is no date order {options.date_order!r}; allowed: {', '.join(DATE_ORDERS)}")
    documents = documents_of(name, content, check_encoding(options.encoding))
    if slack.matches(documents):
        conversation = slack.read(documents, Path(name).stem)
    else:
        conversation = _one(documents, name, options)
    if not conversation.messages:
        raise DataError(
            f"{name}: an export of {conversation.format} without any message; export the conversation again"
        )
    return conversation


def _one(documents: Sequence[Document], name: str, options: ReadOptions) -> Conversation:
    """The conversation of the only file."""
    if len(documents) > 1:
        fitting = [document for document in documents if _fitting(document)]
        if len(fitting) > 1:
            names = ", ".join(document.name for document in fitting[:5])
            raise DataError(
                f"{name}: it has {len(fitting)} conversations ({names}); unpack it, and give them one by one"
            )
        documents = fitting or documents
    document = documents[0]
    found = _fitting(document)
    if len(found) > 1:
        several = " or ".join(form.name for form in found)
        raise DataError(f"{document.name}: it may be {several}; export it in another format, or as a table")
    if not found:
        raise DataError(f"{name}: not a conversation ({_beginning(document)}); allowed: {ALLOWED}; {FOR_TABLES}")
    return found[0].read(document, name, options)


def _fitting(document: Document) -> list[_Format]:
    return [form for form in _FORMATS if form.matches(document)]


def _beginning(document: Document) -> str:
    """What a file begins with, in words."""
    if isinstance(document.json, dict):
        return f"JSON with {', '.join(map(repr, list(document.json)[:5])) or 'no keys'}"
    if document.json is not None:
        return "JSON with a list that no known program writes"
    if not document.content.strip():
        return "it is empty"
    first = next((line for line in document.lines if line.strip()), "")
    text = first.encode("utf-8", "replace").decode()
    return f"it begins with {text[:60]!r}"


def _file(path: Path) -> bytes:
    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"{path}: {TOO_LARGE}")
    return path.read_bytes()


def folder_files(path: Path) -> list[Path]:
    """The files of the folder of a Slack export; for the folder of one channel, with the users beside it.

    Raises:
        DataError: there are none.
    """
    files = sorted(file for file in path.rglob("*.json") if is_document(file.relative_to(path).as_posix()))
    if not files:
        raise DataError(
            f"{path}: a folder without a Slack export (no .json in it); give the files in it one by one; {FOR_TABLES}"
        )
    users = path.parent / slack.USERS
    return files if (path / slack.USERS).exists() or not users.is_file() else [*files, users]


def folder_content(path: Path) -> bytes:
    """The same files as the zip file that would hold them."""
    above = path.resolve().parent
    return packed([(file.resolve().relative_to(above).as_posix(), _file(file)) for file in folder_files(path)])
