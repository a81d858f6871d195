"""Conversations message by message: the scores of each, the emotions of each speaker, and turning points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.conversations import fragments
from emoscope.conversations.fragments import PLAIN_LIST, colours_of, legend, speakers_table, turns_list
from emoscope.conversations.messages import Conversation, Message
from emoscope.conversations.overview import (
    NO_NAME,
    Scores,
    Speaker,
    Turn,
    shown_time,
    speakers_of,
    turns_of,
)
from emoscope.html_page import escaped, html_page, note
from emoscope.prediction import Prediction
from emoscope.protocols import Classifier, neutral_predictor, predict_distinct, split_neutral, thresholds_of
from emoscope.terminal import counted
from emoscope.timeline import MAX_BARS, expressed, marked_style, shown_answer, stacked_bars

MAX_MESSAGES = 5_000
"""Maximum number of messages that a page shows."""


@dataclass(frozen=True)
class ConversationTimeline:
    """A conversation and its scores.

    Attributes:
        conversation: the messages.
        predictions: scores of each message; None for one without words.
        labels: names of the labels.
        speakers: the speakers, those with the most messages first.
        turns: the turning points, in order.
    """

    conversation: Conversation
    predictions: tuple[Prediction | None, ...]
    labels: tuple[str, ...]
    speakers: tuple[Speaker, ...]
    turns: tuple[Turn, ...]

    def to_json(self) -> dict[str, Any]:
        """The timeline as `json.dumps` takes it.

        Returns:
            `format`, `clock`, `labels`; `speakers` with numbers of messages; `turning_points`; and `messages` with
            `conversation`, `speaker`, `time` (ISO 8601, or seconds in a recording), `text`, `label`, `score`, `scores`,
            and `neutral` if the model gives it. Messages without words have no scores.
        """
        return {
            "format": self.conversation.format,
            "clock": self.conversation.clock,
            "labels": list(self.labels),
            "speakers": [speaker.to_json() for speaker in self.speakers],
            "turning_points": [turn.to_json() for turn in self.turns],
            "messages": [
                _message_to_json(message, prediction)
                for message, prediction in zip(self.conversation.messages, self.predictions, strict=True)
            ],
        }

    @property
    def several(self) -> bool:
        """Whether there are several chats or channels."""
        return len({message.conversation for message in self.conversation.messages}) > 1

    def columns(self, max_columns: int) -> NDArray[np.float64]:
        """How much the messages with words count for each label, in order, (columns, labels); means of runs."""
        rows = np.array([expressed(each) for each in self.predictions if each]).reshape(-1, len(self.labels))
        runs = np.array_split(rows, min(len(rows), max_columns)) if len(rows) else []
        return np.array([run.mean(0) for run in runs]).reshape(-1, len(self.labels))

    def summary(self) -> str:
        """Format, and numbers of messages and speakers, in words."""
        messages = self.conversation.messages
        without = sum(message.text is None for message in messages)
        named = [speaker for speaker in self.speakers if speaker.name != NO_NAME]
        parts = [f"{counted(len(messages), 'message')} of {counted(len(named), 'speaker')}"]
        parts += [f"{without:,} without words"] if without else []
        parts += [self.conversation.date_order] if self.conversation.date_order else []
        return f"{self.conversation.format}: {'; '.join(parts)}"

    def _repr_html_(self) -> str:
        """For notebooks and pages: bars in order, speakers, turning points, and the messages."""
        return "".join(self._html())

    def _html(self) -> Iterator[str]:
        yield note(f"{escaped(self.summary())}.")
        yield stacked_bars(self.columns(MAX_BARS), list(colours_of(self.labels).values()), "emotions of the messages")
        yield legend(self.labels)
        yield "<h2>By speaker</h2>"
        yield from speakers_table(self.speakers, self.labels)
        yield "<h2>Turning points</h2>"
        yield from turns_list(self.turns, self.labels, several=self.several)
        yield "<h2>Messages</h2>"
        yield from self._messages()

    def _messages(self) -> Iterator[str]:
        colours, several = colours_of(self.labels), self.several
        yield f'<ol class="messages" style="{PLAIN_LIST}">'
        for message, prediction in list(zip(self.conversation.messages, self.predictions, strict=True))[:MAX_MESSAGES]:
            if not (message.text and prediction):
                continue
            label, score = shown_answer(prediction)
            when = [message.conversation] if several else []
            when += [shown_time(message.time) or ""]
            mark = f'<mark style="{marked_style(label, score, colours)}" title="{escaped(label)} {score:.1%}">'
            yield (
                f'<li><span class="when">{escaped(" ".join(filter(None, when)))}</span> '
                f'<b dir="auto">{escaped(message.speaker or NO_NAME)}</b> '
                f'<span class="words" dir="auto">{mark}{escaped(message.text)}</mark></span></li>'
            )
        yield "</ol>"
        if len(self.predictions) > MAX_MESSAGES:
            yield note(f"and {len(self.predictions) - MAX_MESSAGES:,} more messages")


_STYLE = """
section h2 { margin-top: 1.4rem; } section p.note { font-size: .95rem; line-height: 1.5; white-space: normal; }
section p.legend { font-size: .9rem; line-height: 1.6; white-space: normal; }
section > svg { margin-top: .8rem; }
.messages li { display: grid; grid-template-columns: 9.5rem minmax(5rem, 10rem) 1fr; gap: 0 1rem; padding: .3rem 0;
  border-bottom: 1px solid var(--line); }
.messages .when { color: var(--muted); font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.messages b { overflow-wrap: anywhere; } .messages .words { white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 40rem) { .messages li { grid-template-columns: auto 1fr; }
  .messages .words { grid-column: 1 / -1; } }
""".lstrip()


def page(timeline: ConversationTimeline, title: str) -> str:
    """A whole HTML page of a conversation, which needs nothing else."""
    return html_page(title, [f"<section>{timeline._repr_html_()}</section>"], fragments.STYLE + _STYLE)


def follow(classifier: Classifier, conversation: Conversation) -> ConversationTimeline:
    """Score every message, and find turning points. Equal messages are scored once.

    Args:
        classifier: any classifier.
        conversation: the messages.
    """
    messages, labels = conversation.messages, tuple(classifier.labels)
    has_text = np.array([message.text is not None for message in messages], bool)
    found = predict_distinct(neutral_predictor(classifier), [message.text for message in messages if message.text])
    rows = np.zeros((len(messages), found.shape[1]), np.float32)
    rows[has_text] = found
    probabilities, neutral = split_neutral(rows, len(labels))
    scores = Scores(labels, probabilities, neutral, has_text)
    points = turns_of([message.conversation for message in messages], scores)
    return ConversationTimeline(
        conversation,
        tuple(_predictions(scores, thresholds_of(classifier))),
        labels,
        tuple(speakers_of([message.speaker for message in messages], scores)),
        tuple(_turn(point, messages[point[0]]) for point in points),
    )


def _predictions(scores: Scores, thresholds: Sequence[float] | None) -> Iterator[Prediction | None]:
    neutral = [None] * len(scores.has_text) if scores.neutral is None else scores.neutral.tolist()
    for row, each, has_text in zip(scores.probabilities.tolist(), neutral, scores.has_text.tolist(), strict=True):
        named = dict(zip(scores.labels, row, strict=True))
        yield Prediction.from_scores(named, thresholds, neutral=each) if has_text else None


def _turn(point: tuple[int, str, str], message: Message) -> Turn:
    return Turn.of(
        point, conversation=message.conversation, speaker=message.speaker, time=message.time, text=message.text
    )


def _message_to_json(message: Message, prediction: Prediction | None) -> dict[str, Any]:
    moment = message.time
    time = moment.total_seconds() if isinstance(moment, timedelta) else moment and moment.isoformat()
    told = {"conversation": message.conversation, "speaker": message.speaker, "time": time, "text": message.text}
    if prediction is None:
        return told
    scored = {"label": prediction.label, "score": prediction.score, "scores": list(prediction.scores.values())}
    return told | scored | ({} if prediction.neutral is None else {"neutral": prediction.neutral})
