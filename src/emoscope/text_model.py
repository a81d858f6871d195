"""`TextModel`: raw texts to rows of numbers, by a preprocessor, a runtime and a calibration. Knows no label names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from emoscope.calibrated import Calibration
from emoscope.errors import ModelError
from emoscope.parallel import map_in_threads
from emoscope.preprocessing import Preprocessor, PreprocessorPool, growing_chunks
from emoscope.probabilities import temperature_scaled
from emoscope.protocols import Runtime, Steps, hidden_of, parameters_of, tokens_read_of
from emoscope.text import are_written
from emoscope.tokenization import TokenBatch

CHUNK = 16_384
"""Texts that are preprocessed at once, while the model runs on the chunk before; the more, the fewer small groups."""
FIRST_CHUNK = 2_048
"""Texts of the first chunk, during which the model is idle; every chunk is twice as large as the last, up to CHUNK."""
PROCESS_CHUNK = 8_192
"""Texts that each of several processes preprocesses at once."""

Output = Literal["logits", "probabilities", "with_neutral"]
"""What the rows of a model are: logits or probabilities of the labels, or probabilities and, last, that of neutral."""


class TextModel:
    """A preprocessor, a runtime and a calibration.

    Attributes:
        calibration: logits to probabilities and decisions.
        parameters: number of parameters of the runtime; None if it is not known.
        preprocessor: raw texts to token ids.
        runtime: token ids to logits.
    """

    def __init__(
        self, labels: int, preprocessor: Preprocessor, runtime: Runtime, calibration: Calibration, processes: int = 0
    ) -> None:
        """Compose a model of its parts.

        Args:
            labels: number of labels, without neutral.
            preprocessor: raw texts to token ids.
            runtime: token ids to logits.
            calibration: logits to probabilities and decisions.
            processes: maximum number of processes that preprocess more than CHUNK texts, for a runtime that is faster
                than one core and can be called from several threads; 0 for a thread.
        """
        self.calibration = calibration
        self.parameters = parameters_of(runtime)
        self._outputs = labels + calibration.neutral_output
        self.preprocessor = preprocessor
        self._processes = PreprocessorPool(preprocessor, processes) if processes else None
        self.runtime = runtime

    def __repr__(self) -> str:
        return type(self.runtime).__name__

    @property
    def tokens_read(self) -> tuple[int, int]:
        """Tokens that an ONNX graph has processed so far, and padding tokens added; (0, 0) for any other runtime."""
        return tokens_read_of(self.runtime)

    def rows(self, texts: Sequence[str], output: Output) -> NDArray[np.float32]:
        """A row for each text, float32 (len(texts), columns); for a text in windows, their weighted mean."""

        def score(batch: TokenBatch) -> NDArray[np.float32]:
            return batch.text_means(self._window_rows(batch, output))

        columns = self._conversion(output)(np.empty((0, self._outputs), np.float32)).shape[1]
        result = np.empty((len(texts), columns), np.float32)
        done = 0
        for rows in self._chunk_rows(texts, score):
            result[done : done + len(rows)] = rows
            done += len(rows)
        return self._at_their_temperature(texts, result, output)

    def rows_in_steps(self, text: str, max_tokens: int, output: Output) -> Steps:
        """The row of a long text; see `protocols.SupportsSteps`."""
        batch, windows = self.preprocessor([text]), []
        for part in batch.parts(max_tokens):
            windows.append(self._window_rows(part, output))
            yield None
        yield self._at_their_temperature([text], batch.text_means(np.concatenate(windows)), output)

    def hidden(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Hidden vectors of the texts, float32 (len(texts), units).

        Raises:
            ModelError: the runtime does not return them.
        """
        rows = []
        for chunk in growing_chunks(texts or [""], FIRST_CHUNK, CHUNK):
            batch = self.preprocessor(chunk)
            hidden = hidden_of(self.runtime, batch)
            if hidden is None:
                raise ModelError("only the ONNX graph of a compact student has hidden vectors; use the logits instead")
            rows.append(batch.text_means(hidden))
        return np.concatenate(rows)[: len(texts)]

    def _chunk_rows(
        self, texts: Sequence[str], score: Callable[[TokenBatch], NDArray[np.float32]]
    ) -> Iterator[NDArray[np.float32]]:
        if self._processes and len(texts) > CHUNK:
            chunks = growing_chunks(texts, PROCESS_CHUNK, PROCESS_CHUNK)
            batches = map_in_threads(self._processes, chunks, threads=self._processes.count)
            return map_in_threads(score, batches, threads=2)
        chunks = growing_chunks(texts, FIRST_CHUNK, CHUNK)
        if len(texts) <= FIRST_CHUNK:
            return map(score, map(self.preprocessor, chunks))
        return map(score, map_in_threads(self.preprocessor, chunks, threads=1))

    def _conversion(self, output: Output) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
        """From logits of windows, float32 (windows, outputs), to their rows, float32 (windows, columns)."""
        return {
            "logits": self.calibration.label_logits,
            "probabilities": self.calibration.probabilities,
            "with_neutral": self.calibration.probabilities_and_neutral,
        }[output]

    def _at_their_temperature(
        self, texts: Sequence[str], rows: NDArray[np.float32], output: Output
    ) -> NDArray[np.float32]:
        """The rows of texts, those of written texts at the temperature for them."""
        factor = self.calibration.written.temperature_factor
        if output != "logits" and factor != 1:
            written, labels = are_written(texts), self._outputs - self.calibration.neutral_output
            rows[written, :labels] = temperature_scaled(rows[written, :labels], factor)
        return rows

    def _window_rows(self, batch: TokenBatch, output: Output) -> NDArray[np.float32]:
        rows = self._conversion(output)(self._window_logits(batch))
        if np.isnan(rows).any():
            raise ModelError("temperature or neutral in emoscope.json give no probabilities; calibrate the model")
        return rows

    def _window_logits(self, batch: TokenBatch) -> NDArray[np.float32]:
        logits = self.runtime.logits(batch)
        if logits.shape[1] != self._outputs:
            raise ModelError(
                f"the model has {logits.shape[1]} outputs, but the id2label of its config.json names "
                f"{self._outputs} labels"
            )
        if not np.isfinite(logits.max(axis=1)).all():
            raise ModelError(
                "the model returned NaN or infinity instead of logits; its weights are damaged, or its numbers overflow"
            )
        return logits
