"""The rows of texts that were scored recently, in a bounded amount of memory."""

from __future__ import annotations

import sys
from collections import OrderedDict

Row = tuple[tuple[float, ...], int, tuple[str, ...] | None, float | None]
"""The prediction for one text: scores in index order, index of the highest score, labels of the prediction set (None
without prediction sets), and the probability of neutral (None where the model cannot tell).

Plain tuples, because the garbage collector stops tracking them: a full cache costs it nothing.
"""

MAX_ENTRIES = 200_000
"""Maximum number of texts in a cache."""
ENTRY_BYTES = 400
"""Approximate size of a row with few labels and of an entry's bookkeeping, in bytes."""
LABEL_BYTES = 32
"""Approximate size that each label adds to a row, in bytes."""


class ScoreCache:
    """An LRU cache from texts to rows, bounded in bytes and entries."""

    def __init__(self, max_bytes: int, labels: int) -> None:
        """An empty cache.

        Args:
            max_bytes: approximate memory for texts, rows and their bookkeeping; 0 for no cache.
            labels: number of labels in a row.
        """
        self.bytes = 0
        self._max_bytes = max_bytes
        self._rows: OrderedDict[str, Row] = OrderedDict()
        self._row_bytes = ENTRY_BYTES + labels * LABEL_BYTES

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, text: str) -> Row | None:
        """The row of a text, or None."""
        row = self._rows.get(text)
        if row is not None:
            self._rows.move_to_end(text)
        return row

    def put(self, text: str, row: Row) -> None:
        """Keep a row, unless its text would take more than a sixteenth of the cache."""
        size = self._size(text)
        if size > self._max_bytes // 16:
            return
        if text not in self._rows:
            self.bytes += size
        self._rows[text] = row
        while self.bytes > self._max_bytes or len(self._rows) > MAX_ENTRIES:
            oldest, _ = self._rows.popitem(last=False)
            self.bytes -= self._size(oldest)

    def _size(self, text: str) -> int:
        return sys.getsizeof(text) + self._row_bytes
