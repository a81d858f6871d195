"""What was said of texts seen lately."""

from __future__ import annotations

import sys
from collections import OrderedDict

Row = tuple[tuple[float, ...], int, tuple[str, ...] | None, bool | None]
"""Scores in index order, index of the highest, the labels that may be true, whether the text shows an emotion clearly.

Plain tuples, because the garbage collector stops looking at these: a full cache costs it nothing.
"""

MAX_ENTRIES = 200_000
ENTRY_BYTES = 400
"""Of a row of a few labels and the book-keeping of the entry, about; a further label is some bytes more."""
LABEL_BYTES = 32


class ScoreCache:
    """Texts to rows, the least recently used forgotten first; bounded in entries and bytes."""

    def __init__(self, max_bytes: int, labels: int) -> None:
        """An empty cache.

        Args:
            max_bytes: memory that texts, rows and their book-keeping may take, about; 0 for no cache.
            labels: of a row.
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
        """Remember a row; that of a text as long as a sixteenth of the cache is not worth it."""
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
