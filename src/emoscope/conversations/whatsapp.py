"""WhatsApp: the text of "Export chat" on iOS and Android, in any of the forms in which phones write dates and times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from emoscope.conversations.dates import DATE, TIME, Written, date_order
from emoscope.conversations.documents import Document
from emoscope.conversations.messages import LOCAL, Conversation, Message, words

_MARKS = "\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff"  # invisible, for the direction of text
_GAP = "[ \u00a0\u2009\u202f]"
_DAY_AND_TIME = rf"{DATE}[,،]?{_GAP}(?:[^\W\d]{{1,4}}{_GAP})?{TIME}"
_IOS = re.compile(rf"[{_MARKS}]*\[{_DAY_AND_TIME}\][ \u00a0]?")
_ANDROID = re.compile(rf"[{_MARKS}]*{_DAY_AND_TIME}[ \u00a0][-–][ \u00a0]")
_NAME = re.compile(r"(.{1,100}?):(?: |$)")
_SYSTEM_NAME = re.compile(
    r" (?:created (?:this )?group|added|removed|left|joined|was added|changed|deleted|turned (?:on|off)|is now|are now|"
    r"pinned|started|reset|updated|blocked|unblocked|requested|invited|set)\b"
    r"|^Your security code|end-to-end encrypted"
)
_GENERATED = re.compile(  # what WhatsApp writes after a name; on iOS a mark for the direction of text is before it
    r"<?(?:Media|(?:image|video|video note|audio|sticker|GIF|document|Contact card|photo|view once \w+)) omitted>?|"
    r"This message was deleted(?: by admin .*)?\.?|You deleted this message(?: as admin)?\.?|"
    r"(?:Missed |Silenced )(?:group )?(?:voice|video) call\.?(?: at .*|,? tap to call back)?|"
    r"(?:voice|video) call, (?:\d+ \w+|no answer)|null|<View once .*>|"
    r"location: https?://\S+|Waiting for this message\..*|"
    r"<[^<>\n]{5,40}>",  # "<Media omitted>" in other languages
    re.IGNORECASE,
)
_FOR_THE_GROUP = re.compile(
    r"Messages (?:and calls|to this (?:chat|group))\b.*end-to-end|"
    r".* (?:created (?:this )?group|added|removed|left|joined|changed|turned (?:on|off)|is now|pinned)\b",
    re.IGNORECASE,
)
_ATTACHED = re.compile("<attached: [^<>]*>")
_EDITED = "<This message was edited>"
_FILE_LINE = re.compile(
    r"^(?:[^\n]*\.\w{2,4} \(file attached\)|[A-Z]{3}-\d{8}-WA\d{4}\.\w{2,4} \([^()\n]{3,30}\))$", re.MULTILINE
)
_FILE_NAME = re.compile(r"WhatsApp Chat (?:with|-) (.+)")


class _Entry(NamedTuple):
    line: int
    written: Written
    rest: list[str]


def matches(document: Document) -> bool:
    """Whether the first line with words begins as a line of an export."""
    first = next((line for line in document.lines if line.strip(_MARKS_AND_SPACE)), "")
    return bool(_IOS.match(first) or _ANDROID.match(first))


def read(document: Document, file_name: str, chosen_order: str | None = None) -> Conversation:
    """The messages of an export; lines without a speaker are left out, and messages without words have no text.

    Args:
        document: the text.
        file_name: name of the file that was given, which may be a zip file around the text.
        chosen_order: see `date_order`.

    Raises:
        DataError: the order of day and month cannot be told.
    """
    entries = list(_entries(document))
    order = date_order([entry.written for entry in entries], document.name, chosen_order)
    found = [_message(entry, order.order, _chat_name(document, file_name)) for entry in entries]
    messages = [message for message in found if message]
    return Conversation("WhatsApp", messages, LOCAL, len(found) - len(messages), order.why)


_MARKS_AND_SPACE = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff \t"


def _entries(document: Document) -> Iterator[_Entry]:
    """What begins with a date, each with the lines that continue it."""
    head = _IOS if any(map(_IOS.match, document.lines[:50])) else _ANDROID
    entry: _Entry | None = None
    for number, line in enumerate(document.lines, start=1):
        if match := head.match(line):
            if entry:
                yield entry
            entry = _Entry(number, Written.of(match.groups()), [line[match.end() :]])
        elif entry:
            entry.rest.append(line)
    if entry:
        yield entry


def _message(entry: _Entry, order: str, chat: str) -> Message | None:
    """The message of an entry; None for one that is not a message of a person."""
    content = "\n".join(entry.rest)
    named = _NAME.match(content)
    if not named or _SYSTEM_NAME.search(named[1]):
        return None
    text, is_marked = content[named.end() :], content[named.end() :].startswith("\u200e")
    text = _ATTACHED.sub("", _without_marks(text)).strip().removesuffix(_EDITED).rstrip()
    if _GENERATED.fullmatch(text):
        text = ""
    elif is_marked and _FOR_THE_GROUP.match(text):
        return None
    speaker = _without_marks(named[1]).strip("~ \u00a0\u202f") or None
    return Message(chat, speaker, entry.written.time(order), words(_FILE_LINE.sub("", text)), entry.line)


def _without_marks(text: str) -> str:
    return re.sub(f"[{_MARKS}]", "", text)


def _chat_name(document: Document, file_name: str) -> str:
    """The name of the chat, which the name of the file or of the zip file around it has."""
    outer = Document(file_name, b"").stem
    name = outer if document.stem == "_chat" else document.stem
    named = _FILE_NAME.fullmatch(name)
    return named[1] if named else name
