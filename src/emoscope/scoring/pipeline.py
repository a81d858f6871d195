"""Reading, scoring and writing at the same time, each in its own thread."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pyarrow as pa

from emoscope.parallel import map_in_threads
from emoscope.scoring.core import Scored, Scorer
from emoscope.scoring.writing import Writer

MapParts = Callable[[Callable[[pa.Table], Scored], Iterable[pa.Table]], Iterator[Scored]]
"""Calls a function with each part, results in order: `map`, or several parts at the same time.

With `map` the model runs in the calling thread, so that an interrupt reaches it.
"""


def score_all(
    parts: Iterable[pa.Table], scorer: Scorer, writer: Writer, on_scored: Callable[[Scored], None], map_parts: MapParts
) -> None:
    """Score every row.

    Args:
        parts: the rows. At most six parts are in memory: two are read, one is scored, three are written or wait for
            it; more if `map_parts` scores several at the same time.
        scorer: adds the emotions.
        writer: takes the scored rows; it is not closed.
        on_scored: called with each part, in order, in the calling thread.
        map_parts: how the parts are scored.
    """

    def scored(parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
        for part in map_parts(scorer.score, parts):
            on_scored(part)
            yield part.table

    with closing(_one_ahead(parts)) as parts_ahead:
        for _ in map_in_threads(writer.write_table, scored(parts_ahead), threads=1):
            pass


def _one_ahead(tables: Iterable[pa.Table]) -> Generator[pa.Table, None, None]:
    """The same tables, each taken in a second thread while the one before it is used."""
    iterator = iter(tables)
    with ThreadPoolExecutor(1, thread_name_prefix="emoscope-read") as pool:
        upcoming = pool.submit(next, iterator, None)
        while (table := upcoming.result()) is not None:
            upcoming = pool.submit(next, iterator, None)
            yield table
