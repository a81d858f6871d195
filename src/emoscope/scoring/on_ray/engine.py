"""The model in workers all over a Ray cluster, to the job one classifier.

The process that runs the job reads, writes, and keeps what is scored; texts go to the workers, and probabilities come
back. So rows, their order, what is rejected and what a resumed run does are those of a run without Ray. A worker that
is lost, alone or with its machine, is replaced, and its texts go to another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
import ray
from numpy.typing import NDArray
from ray.exceptions import RayError, RayTaskError

import emoscope
from emoscope.errors import EmoscopeError, ModelError, first_line
from emoscope.parallel import map_in_threads
from emoscope.scoring.model import Workers
from emoscope.scoring.on_ray.cluster import connect, room

T = TypeVar("T")
R = TypeVar("R")

PATIENCE = 600.0
"""Seconds without any worker after which the job gives up: a cluster that grows on demand takes some minutes."""

MAX_LOSSES = 5
"""Workers that one call may lose before its texts, or the model, are taken for the cause."""


_ENDED = "the workers have ended"


@dataclass(frozen=True)
class Loaded:
    """What a worker says of its model and of itself."""

    labels: tuple[str, ...]
    identity: str
    version: str


class Worker:
    """Holds a model; an actor of Ray."""

    def load(self, workers: Workers) -> Loaded:
        """Load it."""
        model = workers.load()
        self._classifier = model.classifier
        return Loaded(tuple(model.classifier.labels), model.identity, emoscope.__version__)

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Probabilities, float32 (texts, labels)."""
        return self._classifier.predict_proba(texts)


class ClusterClassifier:
    """A classifier whose model is in workers on a cluster; many threads may ask it at once, each for a worker.

    A context manager: the workers begin with it and end with it, and so does a Ray that it started.

    Attributes:
        count: how many workers there should be.
        lost: workers lost so far.
    """

    count: int

    def __init__(self, workers: Workers | None = None, address: str | None = None) -> None:
        """Nothing is connected or started yet.

        Args:
            workers: what they load, and how many; None for the bundled model wherever there is room.
            address: of a cluster: "host:6379", "ray://host:10001", or "auto" for the one that runs on this machine;
                None for that of RAY_ADDRESS, and without it for workers on this machine alone. If the program is
                connected already, it stays so.
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
        """Connect, start the workers, and wait for the first.

        Raises:
            EmoscopeError: there is no such cluster, it has no room, or the model cannot be loaded.
        """
        try:
            self._connected = connect(self._address)
            self.count, cores = room(self._workers)
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
        """What tells the model from others, as `LoadedModel` has it."""
        return self._known.identity

    @property
    def _known(self) -> Loaded:
        if self._loaded is None:
            raise RuntimeError("the workers begin with `with ClusterClassifier(...) as classifier:`")
        return self._loaded

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """End the workers, and leave the cluster as it was."""
        self.abandon()
        for thread in self._threads:
            thread.join(timeout=5)
        if self._connected:
            ray.shutdown()

    def abandon(self) -> None:
        """End the workers at once; who waits for one gets an error."""
        with self._lock:
            self._ended = True
            actors, self._actors = self._actors, set()
        for actor in actors:
            with suppress(Exception):  # it may be gone, with all of the cluster
                ray.kill(actor)

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """`map`, results in order, in as many threads as there are workers, and one to wait for the next free one.

        Args:
            function: asks this classifier.
            items: taken in the calling thread, not far ahead of the results.
        """
        return map_in_threads(function, items, threads=self.count + 1, abandon=self.abandon)

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Probabilities, float32 (len(texts), len(labels)), all by one worker.

        Raises:
            EmoscopeError: what the model raises, or no worker is left to ask.
        """
        loss: RayError | None = None
        for _ in range(MAX_LOSSES):
            worker = self._take()
            try:
                scores: NDArray[np.float32] = ray.get(worker.predict_proba.remote(texts))
            except RayTaskError as error:
                self._idle.put(worker)  # it lives, and others wait for it
                raise _failure(error) from None
            except RayError as error:
                loss = error
                self._replace(worker)
            else:
                self._idle.put(worker)
                return scores
        raise _exhausted(f"{len(texts)} texts", loss)

    def _start(self) -> None:
        thread = Thread(target=self._bring_up, daemon=True, name="emoscope-worker")
        self._threads.append(thread)
        thread.start()

    def _bring_up(self) -> None:
        """Start a worker, wherever there is room and be it later, and offer it when it has loaded the model."""
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
                self._offer(worker)
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
        """Refuse a worker that would say something else than the others."""
        with self._lock:
            self._loaded = self._loaded or loaded
        if loaded.version != emoscope.__version__:
            raise ModelError(
                f"a worker has emoscope {loaded.version}, this is {emoscope.__version__}; install the same"
            )
        if loaded != self._loaded:
            raise ModelError("the machines have different models under this name; give all of them the same files")

    def _offer(self, worker: Any) -> None:
        with self._lock:
            self._ready += 1
        self._idle.put(worker)

    def _take(self) -> Any:
        """A free worker; waits for one."""
        since = time.monotonic()
        while not self._ended:
            with suppress(Empty):
                item = self._idle.get(timeout=0.5)
                if isinstance(item, Exception):
                    self._idle.put(item)  # for whoever waits beside
                    raise item
                return item
            if self._ready:
                since = time.monotonic()
            elif time.monotonic() - since > PATIENCE:
                raise ModelError(f"no worker for {PATIENCE:.0f} s: the cluster has no room, or its machines are gone")
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
    """What a worker raised, as an error of ours."""
    cause = error.cause if isinstance(error, RayTaskError) else error
    if isinstance(cause, EmoscopeError):
        return cause
    return ModelError(f"the model failed in a worker ({type(cause).__name__}: {first_line(cause)})")


def _exhausted(what: str, loss: RayError | None) -> ModelError:
    return ModelError(
        f"{MAX_LOSSES} workers in a row were lost over {what} ({first_line(loss)}); "
        "if memory was short, give fewer --part-rows"
    )
