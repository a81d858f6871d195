"""Texts -> TokenBatches, ahead of the runtime that takes them: in a thread, or in processes beside this one.

A CPU is slower at the model than at its texts, so one thread is far enough ahead. A GPU takes more texts a second than
one core tokenises, and Python's threads share a core: there, processes encode chunks side by side. Knows no model.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from subprocess import PIPE, Popen
from typing import IO, TypeVar

from emoscope.errors import EmoscopeError
from emoscope.tokenization import TokenBatch, Tokenizer

T = TypeVar("T")
R = TypeVar("R")

_ONE_THREAD = {"TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_PROGRAM = """
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
from emoscope.encoding import serve
serve()
"""


@dataclass(frozen=True)
class Preprocessor:
    """Turns raw texts into token ids.

    Attributes:
        normalizer: raw text to the form that the model was trained on.
        tokenizer: texts in their form to token ids.
    """

    normalizer: Callable[[str], str]
    tokenizer: Tokenizer

    def __call__(self, texts: Sequence[str]) -> TokenBatch:
        """Token ids of the texts."""
        return self.tokenizer.encode([self.normalizer(text) for text in texts])


def in_order(
    function: Callable[[T], R], items: Iterable[T], *, threads: int, abandon: Callable[[], None] | None = None
) -> Iterator[R]:
    """`map`, in so many threads: while a result is in use, the next `threads` of them are being made.

    Args:
        function: called in a thread of its own each time; what it raises is raised here.
        items: taken in this thread, no more than `threads + 1` ahead of the results.
        threads: one at least.
        abandon: called if this ends before the items do, so that no call goes on for long; the calls under way are
            waited for in any case.
    """
    ahead: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="emoscope") as pool:
        try:
            for item in items:
                ahead.append(pool.submit(function, item))
                if len(ahead) > threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        except BaseException:
            if abandon:
                abandon()
            raise


class PreprocessorPool:
    """A `Preprocessor` in several processes; a call takes a free one and waits for it, so threads keep several busy.

    Each is started when first needed, and ends with this object or this process, however that ends. Texts and ids
    pass through pipes: 30 MB a second of them at 250,000 texts a second.

    They are not `multiprocessing`'s, whose processes run the caller's main module again: a script without
    `if __name__ == "__main__"` would start itself over and over.
    """

    def __init__(self, preprocessor: Preprocessor, count: int) -> None:
        """Nothing is started yet.

        Args:
            preprocessor: can be pickled; its normalizer is a function of a module.
            count: most processes.
        """
        self.count = count
        self._preprocessor = pickle.dumps(preprocessor)
        self._owner = os.getpid()
        self._started: list[_Process] = []
        self._idle: SimpleQueue[_Process | None] = SimpleQueue()
        for _ in range(count):
            self._idle.put(None)
        weakref.finalize(self, _end, self._started)

    def __call__(self, texts: Sequence[str]) -> TokenBatch:
        """Token ids of the texts; what `Preprocessor` raises in the process is raised here.

        Raises:
            EmoscopeError: the process ended, or this one is a fork of the one that made this object.
        """
        if os.getpid() != self._owner:
            raise EmoscopeError(
                "a model on a GPU cannot be used in a fork of the process that loaded it; load it in the new process, "
                "and start that with the method 'spawn'"
            )
        process = self._idle.get()
        try:
            process = process or self._start()
            answer = process.ask(list(texts))
        except BaseException:
            if process:
                process.end()
            self._idle.put(None)
            raise
        self._idle.put(process)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _start(self) -> _Process:
        process = _Process(self._preprocessor)
        self._started.append(process)
        return process


class _Process:
    """One process, this end of its pipes."""

    def __init__(self, preprocessor: bytes) -> None:
        command = [sys.executable, "-c", _PROGRAM]
        self._popen = Popen(command, stdin=PIPE, stdout=PIPE, env=os.environ | _ONE_THREAD)
        assert self._popen.stdin and self._popen.stdout
        self._questions: IO[bytes] = self._popen.stdin
        self._answers: IO[bytes] = self._popen.stdout
        self._questions.write(pickle.dumps(sys.path) + preprocessor)

    def ask(self, texts: list[str]) -> TokenBatch | Exception:
        try:
            pickle.dump(texts, self._questions)
            self._questions.flush()
            answer: TokenBatch | Exception = pickle.load(self._answers)
        except (EOFError, OSError) as error:
            raise EmoscopeError(
                f"a process that tokenises ended with exit status {self._popen.wait()}; if memory was short, "
                "give fewer texts at once"
            ) from error
        return answer

    def end(self) -> None:
        self._popen.kill()
        self._popen.wait()
        self._answers.close()
        with suppress(OSError):  # what it was still to be asked
            self._questions.close()


def _end(processes: list[_Process]) -> None:
    for process in processes:
        process.end()


def serve() -> None:
    """What such a process runs: reads a function and then texts from standard input, and writes what comes of them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come between the answers
    preprocessor: Preprocessor = pickle.load(questions)
    while True:
        try:
            texts = pickle.load(questions)
        except EOFError:
            return
        answers.write(_answer(preprocessor, texts))
        answers.flush()


def _answer(preprocessor: Preprocessor, texts: list[str]) -> bytes:
    try:
        return pickle.dumps(preprocessor(texts))
    except Exception as error:
        return pickle.dumps(error)


def usable_cores() -> int:
    """Cores that this process may use: of those it has, as many as OMP_NUM_THREADS says, which clusters set."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, max(1, int(allowed))) if allowed.isdecimal() else cores
