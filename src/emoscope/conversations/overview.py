"""What a conversation is like as a whole: the emotions of each speaker, and its turning points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from datetime import time as clock_time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emoscope.conversations.turning_points import emotional_evidence, turning_points
from emoscope.prediction import MIN_NEUTRAL

NO_NAME = "(no name)"
"""How a speaker is shown whose name is not known."""
MAX_WORDS = 200
"""Maximum number of characters that are kept of the message of a turning point."""


@dataclass(frozen=True)
class Speaker:
    """The messages of a speaker, counted.

    Attributes:
        name: the name; NO_NAME for those without one.
        labels: for each label, the number of messages that have it as the most probable one and express an emotion.
        neutral: number of messages that more likely express no emotion; 0 for a model that cannot tell.
        without_text: number of messages without words.
    """

    name: str
    labels: dict[str, int]
    neutral: int
    without_text: int

    @property
    def messages(self) -> int:
        """Number of all messages."""
        return sum(self.labels.values()) + self.neutral + self.without_text

    @property
    def expressive(self) -> int:
        """Number of messages that express an emotion."""
        return sum(self.labels.values())

    def to_json(self) -> dict[str, Any]:
        """The counts as `json.dumps` takes them."""
        counts = {"messages": self.messages, "neutral": self.neutral, "without_text": self.without_text}
        return {"speaker": self.name, **counts, "labels": self.labels}


@dataclass(frozen=True)
class Turn:
    """A turning point: the message with which another emotion begins to prevail.

    Attributes:
        message: number of the message, from 1.
        conversation: name of the chat, channel or file.
        speaker: who wrote or said it; NO_NAME if unknown.
        time: when, as `shown_time` writes it; None if unknown.
        text: its words, at most MAX_WORDS characters.
        before: the label that prevails before it.
        after: the label that prevails from here on.
    """

    message: int
    conversation: str
    speaker: str
    time: str | None
    text: str
    before: str
    after: str

    @classmethod
    def of(
        cls,
        point: tuple[int, str, str],
        *,
        conversation: str,
        speaker: str | None,
        time: datetime | timedelta | clock_time | None,
        text: str | None,
    ) -> Turn:
        """A point of `turns_of`, with the message that it names."""
        index, before, after = point
        return cls(
            index + 1, conversation, speaker or NO_NAME, shown_time(time), shortened_words(text or ""), before, after
        )

    def to_json(self) -> dict[str, Any]:
        """The turning point as `json.dumps` takes it; the labels are `from` and `to`."""
        told = {"message": self.message, "conversation": self.conversation, "speaker": self.speaker, "time": self.time}
        return told | {"text": self.text, "from": self.before, "to": self.after}


class Scores(NamedTuple):
    """Probabilities of messages.

    Attributes:
        labels: names of the labels.
        probabilities: float32 (messages, labels); of a message without words, anything.
        neutral: probability of no emotion, float32 (messages,); None if the model does not give it.
        has_text: whether each message has words, bool (messages,).
    """

    labels: Sequence[str]
    probabilities: NDArray[np.float32]
    neutral: NDArray[np.float32] | None
    has_text: NDArray[np.bool_]

    @property
    def expresses(self) -> NDArray[np.bool_]:
        """Whether each message has words and expresses an emotion, bool (messages,)."""
        return self.has_text if self.neutral is None else self.has_text & (self.neutral < MIN_NEUTRAL)

    @property
    def evidence(self) -> NDArray[np.float64]:
        """How much each message counts for each label, float64 (messages, labels)."""
        return np.where(self.has_text[:, None], emotional_evidence(self.probabilities, self.neutral), 0.0)


def speakers_of(names: Sequence[str | None], scores: Scores) -> list[Speaker]:
    """The speakers, those with the most messages first.

    Args:
        names: the speaker of each message.
        scores: the probabilities of the messages.
    """
    distinct = list(dict.fromkeys(names))
    at = {name: index for index, name in enumerate(distinct)}
    speaker = np.array([at[name] for name in names], np.int64)
    kinds = len(scores.labels) + 2
    kind = np.full(len(names), kinds - 1, np.int64)
    kind[scores.has_text] = kinds - 2
    kind[scores.expresses] = scores.probabilities.argmax(axis=1)[scores.expresses]
    counts = np.bincount(speaker * kinds + kind, minlength=len(distinct) * kinds).reshape(-1, kinds).tolist()
    found = [
        Speaker(name or NO_NAME, dict(zip(scores.labels, row[:-2], strict=True)), row[-2], row[-1])
        for name, row in zip(distinct, counts, strict=True)
    ]
    return sorted(found, key=lambda one: (-one.messages, one.name))


def turns_of(conversations: Sequence[str], scores: Scores) -> list[tuple[int, str, str]]:
    """Index of the message of each turning point, and the labels before and after it; those of each conversation alone.

    Args:
        conversations: name of the conversation of each message; those of one need not follow one another.
        scores: the probabilities of the messages.
    """
    names, evidence = np.array(conversations, object), scores.evidence
    found = []
    for name in dict.fromkeys(conversations):
        own = np.flatnonzero(names == name)
        for point in turning_points(evidence[own]):
            found.append((int(own[point.message]), scores.labels[point.before], scores.labels[point.after]))
    return sorted(found)


def shown_time(moment: datetime | timedelta | clock_time | None) -> str | None:
    """A time as people read it: "2025-03-12 21:11", or in a recording "0:01:02"; None for None."""
    if isinstance(moment, datetime):
        return moment.strftime("%Y-%m-%d %H:%M")
    if isinstance(moment, clock_time):
        return f"{moment.hour}:{moment.minute:02}:{moment.second:02}"
    if moment is None:
        return None
    seconds = int(moment.total_seconds())
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def shortened_words(text: str) -> str:
    """The words of a message on one line, at most MAX_WORDS characters."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_WORDS else line[: MAX_WORDS - 1].rstrip() + "…"
