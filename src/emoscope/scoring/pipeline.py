"""Reading, scoring and writing at once, each in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa

from emoscope.encoding import in_order
from emoscope.scoring.core import Scorer, grouped
from emoscope.scoring.reading import Reading
from emoscope.scoring.writing import Writer

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """Where a job stands.

    Attributes:
        rows: rows read and scored.
        total: about how many there will be, by how much of the files is read; None for a pipe.
    """

    rows: int
    total: int | None


OnProgress = Callable[[Progress], None]


def no_progress(progress: Progress) -> None:
    """Tells nobody."""


def score_all(reading: Reading, scorer: Scorer, writer: Writer, part_rows: int, on_progress: OnProgress) -> int:
    """Score every row; the model is in the calling thread, so that an interrupt reaches it.

    Args:
        reading: the rows.
        scorer: adds the emotions.
        writer: takes the scored rows; it is not closed.
        part_rows: rows scored at once. Six parts at most are in memory: two are read, one is scored, three wait for
            the writer or are with it.
        on_progress: called after each part.

    Returns:
        Rows written.
    """

    def write(table: pa.Table) -> int:
        writer.write_table(table)
        rows: int = table.num_rows
        return rows

    with closing(_one_ahead(grouped(reading.tables(), part_rows))) as parts:
        return sum(in_order(write, _scored(parts, scorer, reading, on_progress), threads=1))


def _scored(parts: Iterable[pa.Table], scorer: Scorer, reading: Reading, on_progress: OnProgress) -> Iterator[pa.Table]:
    done = 0
    for part in parts:
        yield scorer(part)
        done += part.num_rows
        on_progress(Progress(done, reading.expected))


def _one_ahead(items: Iterable[T]) -> Generator[T, None, None]:
    """The same items, each taken in a second thread while its predecessor is in use."""
    iterator = iter(items)
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="emoscope-read") as pool:
        upcoming = pool.submit(next, iterator, end)
        while (item := upcoming.result()) is not end:
            upcoming = pool.submit(next, iterator, end)
            yield item  # type: ignore[misc]
