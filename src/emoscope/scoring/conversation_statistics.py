"""The emotions of each speaker of scored conversations, and their turning points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from emoscope.conversations.overview import (
    Scores,
    Speaker,
    Turn,
    speakers_of,
    turns_of,
)
from emoscope.scoring.conversation_reader import NAME, SPEAKER, TEXT, TIME
from emoscope.scoring.core import Scored


class Overview(NamedTuple):
    """What scored conversations are like as a whole.

    Attributes:
        labels: names of the labels.
        speakers: the speakers, those with the most messages first.
        turns: the turning points, in order.
        several: whether there are several conversations.
    """

    labels: Sequence[str]
    speakers: Sequence[Speaker]
    turns: Sequence[Turn]
    several: bool


_COLUMNS = [SPEAKER, TIME, TEXT, NAME]


class ConversationStatistics:
    """Gathers messages and their probabilities as they pass; a conversation is in memory as a whole anyway.

    Attributes:
        labels: names of the labels.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        """No messages yet."""
        self.labels = tuple(labels)
        self._messages: list[pa.Table] = []
        self._probabilities: list[NDArray[np.float32]] = []
        self._neutral: list[NDArray[np.float32]] = []
        self._has_text: list[NDArray[np.bool_]] = []

    def add(self, scored: Scored) -> None:
        """Take the messages of a part."""
        self._messages.append(scored.table.select(_COLUMNS))
        has_text: NDArray[np.bool_] = pc.is_valid(scored.text_of_row).to_numpy(zero_copy_only=False)
        texts = scored.text_of_row.fill_null(0).to_numpy()
        shape = len(texts), len(self.labels)
        found = scored.probabilities[texts] if len(scored.probabilities) else np.zeros(shape, np.float32)
        self._probabilities.append(found)
        if scored.neutral is not None:
            self._neutral.append(scored.neutral[texts] if len(scored.neutral) else np.zeros(len(texts), np.float32))
        self._has_text.append(has_text)

    def overview(self) -> Overview:
        """What all messages so far are like."""
        if not self._messages:
            return Overview(self.labels, [], [], several=False)
        table = pa.concat_tables(self._messages)
        neutral = np.concatenate(self._neutral) if self._neutral else None
        scores = Scores(self.labels, np.concatenate(self._probabilities), neutral, np.concatenate(self._has_text))
        speakers = speakers_of(table.column(SPEAKER).to_pylist(), scores)
        conversations = table.column(NAME).to_pylist()
        turns = [_turn(table, point) for point in turns_of(conversations, scores)]
        return Overview(self.labels, speakers, turns, several=len(set(conversations)) > 1)


def _turn(table: pa.Table, point: tuple[int, str, str]) -> Turn:
    (row,) = table.slice(point[0], 1).to_pylist()
    return Turn.of(point, conversation=row[NAME], speaker=row[SPEAKER], time=row[TIME], text=row[TEXT])
