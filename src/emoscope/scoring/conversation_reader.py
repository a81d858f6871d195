"""The reader of conversations: a row for each message, with the columns speaker, time, text and conversation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import pyarrow as pa

from emoscope.conversations import Message, ReadOptions, parse_conversation
from emoscope.conversations.documents import MAX_BYTES, TOO_LARGE
from emoscope.conversations.messages import LOCAL, RECORDING, UTC
from emoscope.errors import DataError
from emoscope.rows.blocks import MAX_ROW_BYTES
from emoscope.rows.lines import row_problem
from emoscope.scoring.reader import Reader
from emoscope.terminal import counted

SPEAKER, TIME, TEXT, NAME = "speaker", "time", "text", "conversation"
"""Names of the columns."""

_ROWS = 16_384  # rows of a table
_TIMES = {UTC: pa.timestamp("s", "UTC"), LOCAL: pa.timestamp("s"), RECORDING: pa.time32("ms")}
_CLOCKS = {UTC: "times in UTC", LOCAL: "times of the phone or computer, without a zone"}
_MIDNIGHT = datetime(1970, 1, 1)
_DAY = timedelta(days=1)


class ConversationReader(Reader):
    """Reads a conversation as a whole; messages with bytes that are not text are rejected."""

    def _begin(self, schema: pa.Schema | None) -> None:
        source = self._source
        if (source.size or 0) > MAX_BYTES:
            raise DataError(f"{source.name}: {TOO_LARGE}")
        content = self._content.read()
        options = ReadOptions(source.format.date_order, source.format.encoding)
        conversation = parse_conversation(source.name, content, options)
        self._messages, self._done = conversation.messages, 0
        types = pa.string(), _TIMES.get(conversation.clock, pa.null()), pa.string(), pa.string()
        self.schema = pa.schema(zip((SPEAKER, TIME, TEXT, NAME), types, strict=True))
        self.columns = self.schema.names
        self._projection.check(source.name, self.columns)
        parts = [conversation.format, *([conversation.date_order] if conversation.date_order else [])]
        parts += [_CLOCKS[conversation.clock]] if conversation.clock in _CLOCKS else []
        parts += [f"{counted(conversation.system, 'system message')} left out"] if conversation.system else []
        self.note = "; ".join(parts)
        size = len(content)
        self.position = lambda: size * self._done / len(self._messages)

    def tables(self) -> Iterator[pa.Table]:
        """The messages as Arrow tables."""
        for start in range(0, len(self._messages), _ROWS):
            part = self._messages[start : start + _ROWS]
            self._done += len(part)
            yield self._table([message for message in part if self._is_sound(message)])

    def _is_sound(self, message: Message) -> bool:
        for value in (message.speaker, message.text):
            if problem := row_problem(value or "", MAX_ROW_BYTES, self._source.format.encoding):
                self._reject(problem, line=message.line)
                return False
        return True

    def _table(self, messages: Sequence[Message]) -> pa.Table:
        columns = (
            [message.speaker for message in messages],
            [_arrow_time(message.time) for message in messages],
            [message.text for message in messages],
            [message.conversation.encode("utf-8", "replace").decode() for message in messages],
        )
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self.schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=self.schema)


def _arrow_time(moment: datetime | timedelta | None) -> object:
    """A time as Arrow takes it; one in a recording as a time of day, and None from 24 hours on."""
    if not isinstance(moment, timedelta):
        return moment
    return (_MIDNIGHT + moment).time() if moment < _DAY else None
