"""The model in workers on a Ray cluster, which a job uses like any other classifier.

The process that runs the job reads, writes, and keeps the scores; it sends texts to the workers and receives
probabilities. So rows, their order, rejected rows and resumed runs are the same as without Ray. A worker that is lost,
alone or with its machine, is replaced, and its texts go to another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import numpy as np
import ray
from numpy.typing import NDArray
from ray.exceptions import RayError, RayTaskError

import emoscope
from emoscope.errors import EmoscopeError, ModelError, first_line, temporary
from emoscope.parallel import map_in_threads
from emoscope.protocols import has_neutral, is_multi_label, neutral_predictor, prediction_sets_of
from emoscope.scoring.model import Workers
from emoscope.scoring.on_ray.cluster import connect, worker_places

T = TypeVar("T")
R = TypeVar("R")

MAX_WAIT_SECONDS = 600.0
"""Seconds without any worker after which the job fails: a cluster that grows on demand takes some minutes."""

MAX_LOSSES = 5
"""Number of workers that one call may lose before its texts, or the model, are considered the cause."""

_ENDED = "the workers have ended"


class Loaded(NamedTuple):
    """What a worker reports about its model, and its version of emoscope."""

    labels: tuple[str, ...]
    identity: str
    multi_label: bool
    has_neutral: bool
    version: str


class Worker:
    """Holds a model; an actor of Ray."""

    def load(self, workers: Workers) -> Loaded:
        """Load the model."""
        model = workers.load()
        classifier = self._classifier = model.classifier
        features = is_multi_label(classifier), has_neutral(classifier)
        return Loaded(tuple(classifier.labels), model.identity, *features, emoscope.__version__)

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Probabilities, float32 (texts, labels)."""
        return self._classifier.predict_proba(texts)

    def predict_with_neutral(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """What the classifier's `neutral_predictor` returns."""
        return neutral_predictor(self._classifier)(texts)

    def prediction_sets(
        self, probabilities: NDArray[Any], coverage: float, texts: Sequence[str]
    ) -> NDArray[np.bool_] | None:
        """Prediction sets of the classifier."""
        return prediction_sets_of(self._classifier, probabilities, texts, coverage)


class ClusterClassifier:
    """A classifier whose model is in workers on a cluster; many threads may call it at once, one for each worker.

    A context manager: it starts the workers, and Ray if necessary, and ends them.

    Attributes:
        count: number of workers that there should be.
        lost: number of workers lost so far.
    """

    count: int

    def __init__(self, workers: Workers | None = None, address: str | None = None) -> None:
        """Nothing is connected or started yet.

        Args:
            workers: what the workers load, and their number; None for the bundled model, as often as there is room.
            address: address of a cluster: "host:6379", "ray://host:10001", or "auto" for the one on this machine;
                None for that in RAY_ADDRESS, else for workers on this machine. An existing connection is kept.
        """
        self.lost = 0
        self._loaded: Loaded | None = None
        self._workers, self._address = workers or Workers(), address
        self._idle: SimpleQueue[Any] = SimpleQueue()
        self._lock = Lock()
        self._actors: set[Any] = set()
        self._threads: list[Thread] = []
        self._ready = 0
        self._ended = self._connected = False

    def __enter__(self) -> ClusterClassifier:
        """Connect, start the workers, and wait for the first of them.

        Raises:
            EmoscopeError: there is no such cluster, it has no room, or the model cannot be loaded.
        """
        try:
            self._connected = connect(self._address)
            self.count, cores = worker_places(self._workers)
            self._actor = ray.remote(Worker).options(num_cpus=cores, num_gpus=self._workers.gpus, max_restarts=0)
            for _ in range(self.count):
                self._start()
            self._idle.put(self._take())
        except BaseException:
            self.__exit__()
            raise
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names in index order."""
        return self._known.labels

    @property
    def identity(self) -> str:
        """Identity of the model, as in `LoadedModel`."""
        return self._known.identity

    @property
    def multi_label(self) -> bool:
        """Whether each label has a probability of its own."""
        return self._known.multi_label

    @property
    def _known(self) -> Loaded:
        if self._loaded is None:
            raise RuntimeError("the workers are not started; use `with ClusterClassifier(...) as classifier:`")
        return self._loaded

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """End the workers, and disconnect if this connected."""
        self.abandon()
        for thread in self._threads:
            thread.join(timeout=5)
        if self._connected:
            ray.shutdown()

    def abandon(self) -> None:
        """End the workers at once; calls that wait for one raise an error."""
        with self._lock:
            self._ended = True
            actors, self._actors = self._actors, set()
        for actor in actors:
            with suppress(Exception):  # it may be gone, together with the cluster
                ray.kill(actor)

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """`map` with results in order, in a thread for each worker and one that waits for the next free worker.

        Args:
            function: calls this classifier.
            items: its arguments, taken in the calling thread shortly before they are needed.
        """
        return map_in_threads(function, items, threads=self.count + 1, abandon=self.abandon)

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Probabilities, float32 (len(texts), len(labels)), all from one worker; errors of `predict_with_neutral`."""
        scores: NDArray[np.float32] = self._ask(lambda worker: worker.predict_proba.remote(texts), len(texts))
        return scores

    def predict_with_neutral(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Probabilities of the labels and, if the model gives it, of neutral, float32 (len(texts), columns).

        Raises:
            EmoscopeError: the model fails, or there is no worker.
        """
        if not texts:
            return np.empty((0, len(self.labels) + self._known.has_neutral), np.float32)
        scores: NDArray[np.float32] = self._ask(lambda worker: worker.predict_with_neutral.remote(texts), len(texts))
        return scores

    def prediction_sets(
        self, probabilities: NDArray[Any], coverage: float, *, texts: Sequence[str]
    ) -> NDArray[np.bool_] | None:
        """Prediction sets of the model, bool (texts, labels), or None; errors of `predict_with_neutral`."""
        sets: NDArray[np.bool_] | None = self._ask(
            lambda worker: worker.prediction_sets.remote(probabilities, coverage, texts), len(probabilities)
        )
        return sets

    def _ask(self, ask: Callable[[Any], Any], texts: int) -> Any:
        """What a worker returns to a question about so many texts; another is asked if it is lost."""
        loss: RayError | None = None
        for _ in range(MAX_LOSSES):
            worker = self._take()
            try:
                result = ray.get(ask(worker))
            except RayTaskError as error:
                self._idle.put(worker)  # it is alive, and others wait for it
                raise _failure(error) from None
            except RayError as error:
                loss = error
                self._replace(worker)
            else:
                self._idle.put(worker)
                return result
        raise _exhausted(f"{texts} texts", loss)

    def _start(self) -> None:
        thread = Thread(target=self._bring_up, daemon=True, name="emoscope-worker")
        self._threads.append(thread)
        thread.start()

    def _bring_up(self) -> None:
        """Start a worker as soon as there is room, and offer it when it has loaded the model."""
        loss: RayError | None = None
        for _ in range(MAX_LOSSES):
            try:
                worker = self._new_actor()
                self._check(ray.get(worker.load.remote(self._workers)))
            except (RayTaskError, EmoscopeError) as error:
                self._idle.put(_failure(error))
                return
            except RayError as error:
                loss = error
            else:
                with self._lock:
                    self._ready += 1
                self._idle.put(worker)
                return
        self._idle.put(_exhausted("the model", loss))

    def _new_actor(self) -> Any:
        with self._lock:
            if self._ended:
                raise EmoscopeError(_ENDED)
            worker = self._actor.remote()
            self._actors.add(worker)
        return worker

    def _check(self, loaded: Loaded) -> None:
        """Check that a worker has the same model and version as the others."""
        with self._lock:
            self._loaded = self._loaded or loaded
        if loaded.version != emoscope.__version__:
            raise ModelError(
                f"a worker has emoscope {loaded.version}, this is {emoscope.__version__}; install the same"
            )
        if loaded != self._loaded:
            raise ModelError("the machines have different models under this name; give all of them the same files")

    def _take(self) -> Any:
        """A free worker; waits for one."""
        since = time.monotonic()
        while not self._ended:
            with suppress(Empty):
                item = self._idle.get(timeout=0.5)
                if isinstance(item, Exception):
                    self._idle.put(item)  # for other threads that wait
                    raise item
                return item
            if self._ready:
                since = time.monotonic()
            elif time.monotonic() - since > MAX_WAIT_SECONDS:
                raise temporary(
                    ModelError(
                        f"no worker for {MAX_WAIT_SECONDS:.0f} s: the cluster has no room, or its machines are gone"
                    )
                )
        raise EmoscopeError(_ENDED)

    def _replace(self, worker: Any) -> None:
        with self._lock:
            self.lost += not self._ended
            self._ready -= 1
            self._actors.discard(worker)
        with suppress(Exception):
            ray.kill(worker)
        self._start()


def _failure(error: Exception) -> EmoscopeError:
    """The error of a worker as an `EmoscopeError`."""
    cause = error.cause if isinstance(error, RayTaskError) else error
    if isinstance(cause, EmoscopeError):
        return cause
    return ModelError(f"the model failed in a worker ({type(cause).__name__}: {first_line(cause)})")


def _exhausted(what: str, loss: RayError | None) -> ModelError:
    return temporary(
        ModelError(
            f"{MAX_LOSSES} workers in a row were lost over {what} ({first_line(loss)}); "
            "if memory was short, give fewer --part-rows"
        )
    )
