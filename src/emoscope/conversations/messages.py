"""What a conversation is: messages with a speaker, a time and a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

UTC, LOCAL, RECORDING, NO_TIMES = "UTC", "local", "recording", "none"
"""What the times of a conversation count from: the clock of UTC, a clock whose zone is not known, or the start of a
recording; or there are none."""


class Message(NamedTuple):
    """A message, or what someone says without interruption.

    Attributes:
        conversation: name of the chat, channel or file.
        speaker: who wrote or said it; None if that is not known.
        time: when; without a zone, which `Conversation.clock` names. A timedelta in a recording. None if unknown.
        text: the words; None for a message without any, such as a picture.
        line: number of the line where it begins in a text file, from 1; None in other files.
    """

    conversation: str
    speaker: str | None
    time: datetime | timedelta | None
    text: str | None
    line: int | None = None


@dataclass(frozen=True)
class Conversation:
    """The messages of a file or folder, in its order.

    Attributes:
        format: where it is from, such as "WhatsApp".
        messages: the messages.
        clock: UTC, LOCAL, RECORDING or NO_TIMES.
        system: number of lines or records that the program wrote itself ("Anna joined"), which are left out.
        date_order: how days and months were told apart, in words; None where the dates say it by themselves.
    """

    format: str
    messages: Sequence[Message]
    clock: str
    system: int = 0
    date_order: str | None = None


def words(text: str) -> str | None:
    """A text without surrounding white space; None if nothing is left."""
    return text.strip() or None
