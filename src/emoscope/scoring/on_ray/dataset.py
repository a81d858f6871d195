"""Scoring as a step of Ray Data, which reads, distributes and writes the rows; this adds the emotions."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import ray.data

from emoscope.scoring.core import Scorer, Scoring
from emoscope.scoring.model import Workers
from emoscope.scoring.on_ray.cluster import worker_places


class DatasetScorer:
    """A `Scorer` that loads its model in the worker; an actor of Ray Data."""

    def __init__(self, workers: Workers, scoring: Scoring) -> None:
        """Load the model."""
        self._scorer = Scorer(workers.load().classifier, scoring)

    def __call__(self, table: pa.Table) -> pa.Table:
        """The table with the added columns."""
        return self._scorer(table)


def score_dataset(dataset: ray.data.Dataset, scoring: Scoring, workers: Workers | None = None) -> ray.data.Dataset:
    """Add emotions to a dataset, as `Scorer` does to a table. Nothing runs before the dataset is used.

    The dataset is divided into blocks of `scoring.part_rows` rows: a few large blocks would leave workers idle.
    If the order of rows matters, set `ray.data.DataContext.get_current().execution_options.preserve_order = True`.

    Args:
        dataset: a dataset with a column of texts.
        scoring: how rows are scored.
        workers: what the workers load, and their maximum number; None for the bundled model on every core. A worker
            without a GPU has one core unless `workers` says otherwise.

    Raises:
        ModelError: the cluster has no room for a worker.
    """
    workers = workers or Workers()
    if not workers.gpus:
        workers = replace(workers, cores=workers.cores or 1)  # one core each: Ray Data decides how many of them run
    count, cores = worker_places(workers, spare=1)
    return dataset.repartition(target_num_rows_per_block=scoring.part_rows).map_batches(
        DatasetScorer,
        fn_constructor_args=(workers, scoring),
        batch_size=scoring.part_rows,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=count),
        num_cpus=cores,
        num_gpus=workers.gpus or None,
    )
