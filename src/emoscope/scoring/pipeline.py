"""Reading, scoring and writing at once, each in a thread of its own."""

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


ScorePart = Callable[[pa.Table], "tuple[int, Scored]"]
"""A part to its number of rows and what comes of it."""

MapParts = Callable[[ScorePart, Iterable[pa.Table]], Iterator["tuple[int, Scored]"]]
"""`map` over the parts, results in order: by one after the other, or with several under way at once."""


def one_after_the_other(score: ScorePart, parts: Iterable[pa.Table]) -> Iterator[tuple[int, Scored]]:
    """Each part in the calling thread, so that an interrupt reaches the model."""
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
        part_rows: rows scored at once. Six parts at most are in memory, more if `map_parts` has several under way: two
            are read, one is scored, three wait for the writer or are with it.
        on_scored: called with each part, in order, in the calling thread.
        on_progress: called after each part.
        map_parts: how the parts are scored.
    """

    def score(part: pa.Table) -> tuple[int, Scored]:
        return part.num_rows, scorer.score(part)

    def scored(parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
        done = 0
        for rows, part in map_parts(score, parts):
            done += rows
            on_scored(part)
            on_progress(Progress(done, reading.expected))
            yield part.table

    with closing(_one_ahead(grouped(reading.tables(), part_rows))) as parts:
        for _ in map_in_threads(writer.write_table, scored(parts), threads=1):
            pass


def _one_ahead(items: Iterable[T]) -> Generator[T, None, None]:
    """The same items, each taken in a second thread while its predecessor is in use."""
    iterator = iter(items)
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="emoscope-read") as pool:
        upcoming = pool.submit(next, iterator, end)
        while (item := upcoming.result()) is not end:
            upcoming = pool.submit(next, iterator, end)
            yield item  # type: ignore[misc]
