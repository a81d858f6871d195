"""Scoring for people who are in Ray Data already: it reads, spreads and writes; this adds the emotions."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import ray.data

from emoscope.scoring.core import Scorer, Scoring
from emoscope.scoring.model import Workers
from emoscope.scoring.on_ray.cluster import room


class DatasetScorer:
    """A `Scorer` that loads its model where it is; an actor of Ray Data."""

    def __init__(self, workers: Workers, scoring: Scoring) -> None:
        """Load the model."""
        self._scorer = Scorer(workers.load().classifier, scoring)

    def __call__(self, table: pa.Table) -> pa.Table:
        """The table with the added columns."""
        return self._scorer(table)


def score_dataset(dataset: ray.data.Dataset, scoring: Scoring, workers: Workers | None = None) -> ray.data.Dataset:
    """Add emotions to a dataset, as `Scorer` does to a table. Nothing runs before the dataset is used.

    It is cut into blocks of `scoring.part_rows` rows, so that a few large ones keep all workers busy. Where the order
    of the rows matters, say so: `ray.data.DataContext.get_current().execution_options.preserve_order = True`.

    Args:
        dataset: with a column of texts.
        scoring: how.
        workers: what they load, and how many there are at most; None for the bundled model on every core. A worker
            without a GPU has one core, if no other number is said.

    Raises:
        ModelError: the cluster has no room for a worker.
    """
    workers = workers or Workers()
    if not workers.gpus:
        workers = replace(workers, cores=workers.cores or 1)  # small ones: Ray Data shares out the cores as it goes
    count, cores = room(workers, spare=1)
    return dataset.repartition(target_num_rows_per_block=scoring.part_rows).map_batches(
        DatasetScorer,
        fn_constructor_args=(workers, scoring),
        batch_size=scoring.part_rows,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=count),
        num_cpus=cores,
        num_gpus=workers.gpus or None,
    )
