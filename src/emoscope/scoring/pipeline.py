"""Reading, scoring and writing at the same time, each in its own thread."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

import pyarrow as pa

from emoscope.parallel import map_in_threads
from emoscope.scoring.core import Scored, Scorer, grouped
from emoscope.scoring.reading import Reading
from emoscope.scoring.writing import Writer

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        rows: number of rows read and scored.
        total: estimated number of rows, from how much of the files has been read; None for a pipe.
    """

    rows: int
    total: int | None


OnProgress = Callable[[Progress], None]


def no_progress(progress: Progress) -> None:
    """Does nothing."""


ScorePart = Callable[[pa.Table], Scored]

MapParts = Callable[[ScorePart, Iterable[pa.Table]], Iterator[Scored]]
"""`map` over the parts, with results in order: one part after the other, or several at the same time."""


def one_after_the_other(score: ScorePart, parts: Iterable[pa.Table]) -> Iterator[Scored]:
    """Score each part in the calling thread, so that an interrupt reaches the model."""
    return map(score, parts)


def score_all(
    reading: Reading,
    scorer: Scorer,
    writer: Writer,
    part_rows: int,
    *,
    on_scored: Callable[[Scored], None],
    on_progress: OnProgress = no_progress,
    map_parts: MapParts = one_after_the_other,
) -> None:
    """Score every row.

    Args:
        reading: the rows.
        scorer: adds the emotions.
        writer: takes the scored rows; it is not closed.
        part_rows: number of rows scored at once. At most six parts are in memory: two are read, one is scored, three
            are written or wait for it; more if `map_parts` scores several at the same time.
        on_scored: called with each part, in order, in the calling thread.
        on_progress: called after each part.
        map_parts: how the parts are scored.
    """

    def scored(parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
        done = 0
        for part in map_parts(scorer.score, parts):
            done += part.rows_in
            on_scored(part)
            on_progress(Progress(done, reading.expected))
            yield part.table

    with closing(_one_ahead(grouped(reading.tables(), part_rows))) as parts:
        for _ in map_in_threads(writer.write_table, scored(parts), threads=1):
            pass


def _one_ahead(items: Iterable[T]) -> Generator[T, None, None]:
    """The same items, each taken in a second thread while the one before it is used."""
    iterator = iter(items)
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="emoscope-read") as pool:
        upcoming = pool.submit(next, iterator, end)
        while (item := upcoming.result()) is not end:
            upcoming = pool.submit(next, iterator, end)
            yield item  # type: ignore[misc]
