"""Raw texts to `TokenBatch`: normalized and tokenized, in this process or in several others.

A CPU is slower at the model than at preprocessing, so a thread is fast enough to work ahead of it. A GPU takes more
texts a second than one core preprocesses, and Python's threads share a core; a pool of processes then works ahead.
Knows no model.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from subprocess import PIPE, Popen
from typing import IO

from emoscope.errors import EmoscopeError
from emoscope.tokenization import TokenBatch, Tokenizer

_ONE_THREAD = {"TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_PROGRAM = """
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
from emoscope.preprocessing import serve
serve()
"""


@dataclass(frozen=True)
class Preprocessor:
    """Turns raw texts into token ids.

    Attributes:
        normalizer: brings a raw text to the form that the model was trained on.
        tokenizer: turns normalized texts into token ids.
    """

    normalizer: Callable[[str], str]
    tokenizer: Tokenizer

    def __call__(self, texts: Sequence[str]) -> TokenBatch:
        """Token ids of raw texts."""
        return self.tokenizer.encode([self.normalizer(text) for text in texts])


def growing_chunks(texts: Sequence[str], size: int, max_size: int) -> Iterator[Sequence[str]]:
    """Chunks of `size` texts at first, each twice as large as the one before, up to `max_size`."""
    start = 0
    while start < len(texts):
        yield texts[start : start + size]
        start += size
        size = min(2 * size, max_size)


class PreprocessorPool:
    """A `Preprocessor` in other processes. A call waits for a free process, so several threads keep several busy.

    A process starts when it is first needed, and ends with this object or with this process, however that ends. Texts
    and ids pass through pipes: 30 MB a second at 250,000 texts a second.

    `multiprocessing` is not used because its processes run the caller's main module again: a script without
    `if __name__ == "__main__"` would start itself over and over.
    """

    def __init__(self, preprocessor: Preprocessor, count: int) -> None:
        """Prepare the pool; no process is started yet.

        Args:
            preprocessor: a preprocessor that can be pickled: its normalizer is a function of a module.
            count: maximum number of processes.
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
        """Token ids of raw texts; exceptions of the preprocessor are raised here.

        Raises:
            EmoscopeError: the process ended, or this process is a fork of the one that made the pool.
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
    """One process and this end of its pipes."""

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
                f"a tokenizing process ended with exit status {self._popen.wait()}; if memory was short, "
                "give fewer texts at once"
            ) from error
        return answer

    def end(self) -> None:
        self._popen.kill()
        self._popen.wait()
        self._answers.close()
        with suppress(OSError):  # unsent texts in the buffer
            self._questions.close()


def _end(processes: list[_Process]) -> None:
    for process in processes:
        process.end()


def serve() -> None:
    """The program of a process: read a preprocessor and then lists of texts from stdin, write what it returns."""
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
