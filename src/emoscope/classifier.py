"""`EmotionClassifier`: texts to scores, composed of a preprocessor, a runtime and a calibration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.calibrated import UNCALIBRATED, Calibration
from emoscope.deprecation import warn_renamed
from emoscope.encoding import Preprocessor, PreprocessorPool, in_order, usable_cores
from emoscope.errors import ModelError
from emoscope.explanation import Explanation, explain
from emoscope.model_folder import GRAPHS, WEIGHTS, ModelFolder, open_folder, resolve
from emoscope.prediction import Prediction
from emoscope.protocols import Runtime, parameters_of, tokens_read_of
from emoscope.runtime import OnnxModel
from emoscope.text import NORMALIZERS
from emoscope.timeline import Timeline, timeline
from emoscope.token_attribution import BASELINES, INTEGRATED_GRADIENTS, AttributeTokens, explain_by_tokens
from emoscope.tokenization import TokenBatch, Tokenizer

CHUNK = 16_384
"""Texts tokenised at once while the chunk before them is in the graph: many, so that few groups are small."""
FIRST_CHUNK = 2_048
"""The first chunk, while which the graph has nothing to do; each is twice as large as the one before, up to CHUNK."""
PROCESS_CHUNK = 8_192
"""Texts tokenised at once by each of several processes."""
MAX_PROCESSES = 8
"""Processes that feed a GPU; each takes some 100 MB."""


class EmotionClassifier:
    """Scores texts with a model folder or a checkpoint.

    Attributes:
        labels: label names in index order.
        calibration: temperature, thresholds, prediction sets and neutral region of the model.
        parameters: number of the model's parameters; None where an ONNX model folder does not record it.
        ambiguous_keywords: words that the training data uses for several labels, with the share of each label; empty
            where the model folder does not record them.

    >>> from emoscope import EmotionClassifier
    >>> EmotionClassifier.from_pretrained().predict(["i feel so happy today"])[0].label
    'joy'
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        preprocessor: Preprocessor,
        runtime: Runtime,
        *,
        calibration: Calibration = UNCALIBRATED,
        processes: int = 0,
        ambiguous_keywords: Mapping[str, Mapping[str, float]] | None = None,
        attribute_tokens: Callable[[], AttributeTokens] | None = None,
    ) -> None:
        """Compose a classifier of its parts; `from_pretrained` does it for a folder or a Hub id.

        Args:
            labels: label names in index order.
            preprocessor: raw texts to token ids.
            runtime: token ids to logits.
            calibration: logits to probabilities and decisions.
            processes: maximum number of processes that tokenize more than CHUNK texts, for a runtime that one core
                cannot feed and that several threads may call; 0 for a thread.
            ambiguous_keywords: word -> label -> share of the training rows that the word decides; None for no words.
            attribute_tokens: returns the function that computes token attributions by gradients, loaded when it is
                first needed; None for a model without gradients.
        """
        self.labels = labels
        self.calibration = calibration
        self.parameters = parameters_of(runtime)
        self.ambiguous_keywords = ambiguous_keywords or {}
        self._preprocessor = preprocessor
        self._processes = PreprocessorPool(preprocessor, processes) if processes else None
        self._runtime = runtime
        self._attribute_tokens = attribute_tokens

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path | None = None,
        *,
        device: str = "cpu",
        dtype: str | None = None,
        threads: int | None = None,
    ) -> EmotionClassifier:
        """Load a model.

        Args:
            name_or_path: None or "bundled" for the model in the package, a model folder, a checkpoint, or a Hub id
                (with the Hub's own HF_HOME, HF_ENDPOINT, HF_HUB_OFFLINE and HF_TOKEN). On the CPU an ONNX graph is
                preferred to weights; weights need the extra "torch".
            device: "cpu", or for a checkpoint "cuda" or one of several GPUs, "cuda:1".
            dtype: precision of a checkpoint's weights: "float32", "float16" or "bfloat16"; None for float32 on the
                CPU and float16 on a GPU (float32 there too for an architecture outside the four families).
            threads: of an ONNX graph, how much of it runs at once; None for one thread a usable core.

        Raises:
            ModelError: no such model, or one that cannot be read, or not on this device or in this precision.
            ChecksumError: a file of the model is damaged.
            MissingExtraError: the model is a checkpoint, and the extra "torch" is not installed.
        """
        kinds = (GRAPHS, *WEIGHTS) if device == "cpu" else (*WEIGHTS, GRAPHS)
        return cls._from_folder(open_folder(resolve(name_or_path, one_of=kinds)), device, dtype, threads)

    @classmethod
    def _from_folder(
        cls, folder: ModelFolder, device: str, dtype: str | None, threads: int | None
    ) -> EmotionClassifier:
        manifest = folder.manifest
        if manifest.normalizer not in NORMALIZERS:
            raise ModelError(
                f"{folder.path} has the normalizer {manifest.normalizer!r}; allowed: {', '.join(NORMALIZERS)}"
            )
        return cls(
            folder.labels.names,
            Preprocessor(NORMALIZERS[manifest.normalizer], _tokenizer(folder)),
            _runtime(folder, device, dtype, threads),
            calibration=folder.calibration,
            processes=0 if device == "cpu" else max(1, min(MAX_PROCESSES, usable_cores() - 1)),
            ambiguous_keywords=manifest.ambiguous_keywords,
            attribute_tokens=cache(partial(_gradients, folder, device)) if folder.has_weights else None,
        )

    @property
    def multi_label(self) -> bool:
        """Whether each label has a probability of its own (sigmoid) rather than one distribution (softmax)."""
        return self.calibration.multi_label

    @property
    def thresholds(self) -> tuple[float, ...] | None:
        """For a multi-label model, the probability from which each label applies, in index order; else None."""
        return self.calibration.thresholds

    @property
    def tokens_read(self) -> tuple[int, int]:
        """Tokens that an ONNX graph has processed so far, and padding tokens added; (0, 0) for any other runtime."""
        return tokens_read_of(self._runtime)

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Label and scores of each text.

        Raises:
            TypeError: `texts` is one str, or holds something that is not a str.
        """
        texts = _check(texts)
        rows = self.predict_proba(texts)
        neutral = self.neutral(texts, rows)
        return [
            Prediction.from_scores(
                dict(zip(self.labels, row, strict=True)),
                self.thresholds,
                neutral=is_neutral,
                prediction_sets=self.calibration.prediction_sets,
            )
            for row, is_neutral in zip(
                rows.tolist(), [None] * len(texts) if neutral is None else neutral.tolist(), strict=True
            )
        ]

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Probability of each label for each text.

        A text longer than the model's longest input is read whole, in windows: its probabilities are
        the windows' mean, weighted by their tokens. An empty text gets what the model says of no words.

        Args:
            texts: any number of texts of any length.

        Returns:
            float32 (len(texts), len(labels)); rows sum to 1 (multi-label: each entry in [0, 1]).

        Raises:
            TypeError: `texts` is one str, or holds something that is not a str.
        """
        return self._rows(texts, self._probabilities)

    def predict_logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """What the model says of each text before it is made a probability: no temperature, no softmax or sigmoid.

        Args:
            texts: as for `predict_proba`; of a text in windows it is the mean of their logits, weighted alike.

        Returns:
            float32 (len(texts), len(labels)).

        Raises:
            TypeError: `texts` is one str, or holds something that is not a str.
        """
        return self._rows(texts, self._logits)

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, special tokens included (of a long text, those of each window).

        Raises:
            TypeError: `texts` is one str, or holds something that is not a str.
        """
        batch = self._preprocessor(_check(texts))
        counts: list[int] = np.bincount(batch.text_index, batch.lengths, batch.texts).astype(int).tolist()
        return counts

    def prediction_sets(self, probabilities: NDArray[Any], coverage: float = 0.9) -> NDArray[np.bool_] | None:
        """For each text the labels that hold the truth in a share of cases; see `Prediction.prediction_set`.

        Args:
            probabilities: (texts, labels), from `predict_proba`.
            coverage: from 0.5 to 0.99.

        Returns:
            bool (texts, labels), where a row may be all false; None if the model was not calibrated.

        Raises:
            ValueError: the coverage is out of range.
        """
        sets = self.calibration.prediction_sets
        return None if sets is None else sets.sets(probabilities, coverage)

    def neutral(self, texts: Sequence[str], probabilities: NDArray[Any]) -> NDArray[np.bool_] | None:
        """Whether each text shows no emotion clearly; a blank text shows none.

        Args:
            texts: the texts.
            probabilities: (texts, labels), what `predict_proba` returned for them.

        Returns:
            bool (texts,); None if the model was not fitted on neutral texts.
        """
        region = self.calibration.neutral
        if region is None:
            return None
        return region.is_neutral(probabilities) | np.array([not text.strip() for text in texts], np.bool_)

    def label_sets(self, probabilities: NDArray[Any], coverage: float = 0.9) -> NDArray[np.bool_] | None:
        """`prediction_sets`; deprecated."""
        warn_renamed("EmotionClassifier.label_sets", "EmotionClassifier.prediction_sets")
        return self.prediction_sets(probabilities, coverage)

    def clear(self, texts: Sequence[str], probabilities: NDArray[Any]) -> NDArray[np.bool_] | None:
        """The negation of `neutral`; deprecated."""
        warn_renamed("EmotionClassifier.clear", "the negation of EmotionClassifier.neutral")
        neutral = self.neutral(texts, probabilities)
        return None if neutral is None else ~neutral

    def explain(self, texts: Sequence[str], *, method: str = "loo", seed: int = 0) -> list[Explanation]:
        """How much each word moved the label of its text; see `emoscope.explanation.explain`.

        Args:
            texts: any number of texts of any length.
            method: "loo" (each word left out alone), "shapley" (words in random orders; slower, more faithful), or,
                of a checkpoint, "integrated-gradients" (extra "train").
            seed: of the random orders.

        Raises:
            TypeError: `texts` is one str, or holds something that is not a str.
            ValueError: no such method.
            ModelError: the model has no weights to take gradients of.
            MissingExtraError: gradients without the extra "train".
        """
        texts = _check(texts)
        if method == INTEGRATED_GRADIENTS:
            if self._attribute_tokens is None:
                raise ModelError(
                    "integrated gradients need a checkpoint's weights (model.safetensors), and this model is a graph "
                    "alone; give the checkpoint, or use method 'loo' or 'shapley'"
                )
            return explain_by_tokens(self, texts, self._preprocessor, self._attribute_tokens(), self.ambiguous_keywords)
        return explain(self, texts, method=method, seed=seed, ambiguous_keywords=self.ambiguous_keywords)

    def timeline(self, texts: Sequence[str]) -> list[Timeline]:
        """The emotions of each text sentence by sentence, and of the whole by them; see `emoscope.timeline`.

        Raises:
            TypeError: `texts` is one str, or holds something that is not a str.
        """
        return timeline(self, _check(texts))

    def __call__(self, inputs: str | Sequence[str]) -> list[list[dict[str, str | float]]]:
        """All scores, shaped like `transformers.pipeline("text-classification", top_k=None)`.

        Returns:
            One list a text (a single str too), of {"label", "score"} with the highest score first.
        """
        predictions = self.predict([inputs] if isinstance(inputs, str) else inputs)
        return [_ranked(prediction.scores) for prediction in predictions]

    def _rows(self, texts: Sequence[str], score: Callable[[TokenBatch], NDArray[np.float32]]) -> NDArray[np.float32]:
        """What `score` makes of the texts, chunk after chunk, float32 (len(texts), len(labels))."""
        texts = _check(texts)
        result = np.empty((len(texts), len(self.labels)), np.float32)
        done = 0
        for rows in self._scored(texts, score):
            result[done : done + len(rows)] = rows
            done += len(rows)
        return result

    def _scored(
        self, texts: Sequence[str], score: Callable[[TokenBatch], NDArray[np.float32]]
    ) -> Iterator[NDArray[np.float32]]:
        if self._processes and len(texts) > CHUNK:
            chunks = _chunks(texts, PROCESS_CHUNK, PROCESS_CHUNK)
            return in_order(score, in_order(self._processes, chunks, threads=self._processes.count), threads=2)
        chunks = _chunks(texts, FIRST_CHUNK, CHUNK)
        if len(texts) <= FIRST_CHUNK:
            return map(score, map(self._preprocessor, chunks))
        return map(score, in_order(self._preprocessor, chunks, threads=1))

    def _logits(self, batch: TokenBatch) -> NDArray[np.float32]:
        return _of_texts(self._window_logits(batch), batch)

    def _probabilities(self, batch: TokenBatch) -> NDArray[np.float32]:
        return _of_texts(self.calibration.probabilities(self._window_logits(batch)), batch)

    def _window_logits(self, batch: TokenBatch) -> NDArray[np.float32]:
        logits = self._runtime.logits(batch)
        if logits.shape[1] != len(self.labels):
            raise ModelError(
                f"the model has {logits.shape[1]} outputs, but the id2label of its config.json names "
                f"{len(self.labels)} labels"
            )
        return logits


def _of_texts(rows: NDArray[np.float32], batch: TokenBatch) -> NDArray[np.float32]:
    """Rows of windows to rows of texts: their mean, weighted by the windows' tokens."""
    if len(rows) == batch.texts:
        return rows
    starts = np.flatnonzero(np.diff(batch.text_index, prepend=-1))
    weights = batch.lengths.astype(np.float32)
    total = np.add.reduceat(weights, starts)
    mean = np.add.reduceat(rows * weights[:, None], starts) / total[:, None]
    return mean.astype(np.float32)


def _runtime(folder: ModelFolder, device: str, dtype: str | None, threads: int | None) -> Runtime:
    """What turns token ids into logits on this device."""
    if folder.graph and device == "cpu":
        if dtype:
            raise ModelError(f"the precision of {folder.graph} is its own, got dtype {dtype!r}; leave it out")
        return OnnxModel(folder.graph, threads=threads, parameters=folder.manifest.parameters)
    if not folder.has_weights:
        raise ModelError(
            f"{folder.path} has an ONNX graph but no weights, and that runs on device 'cpu', got {device!r}; "
            "leave the device out, or give the checkpoint"
        )
    from emoscope.torch_runtime import read_model

    return read_model(folder.path, device=device, dtype=dtype)


def _gradients(folder: ModelFolder, device: str) -> AttributeTokens:
    """What takes gradients of a checkpoint, beside the runtime: in float32, by transformers' own module."""
    from emoscope.torch_runtime import IntegratedGradients

    tokenizer, calibration = _tokenizer(folder), folder.calibration
    baseline = tokenizer.first_id(BASELINES)
    if baseline is None:
        raise ModelError(f"the tokenizer of {folder.path} has none of {', '.join(BASELINES)} to stand for no word")
    return IntegratedGradients.read(
        folder.path,
        baseline=baseline,
        specials=tokenizer.specials,
        temperature=calibration.temperature,
        multi_label=calibration.multi_label,
        device=device,
    )


def _tokenizer(folder: ModelFolder) -> Tokenizer:
    max_length = folder.manifest.max_length
    if folder.tokenizer:
        tokenizer = Tokenizer.from_file(folder.tokenizer, max_length=max_length)
    else:
        from emoscope.torch_runtime import read_tokenizer

        tokenizer = Tokenizer(read_tokenizer(folder.path), max_length=max_length)
    if folder.names_token_types and tokenizer.has_types:
        raise ModelError(
            f"{folder.path} gives its special tokens token types other than 0, which emoscope does not pass on; give "
            "another model, or if it was trained without them, take token_type_ids out of the model_input_names in its "
            "tokenizer_config.json"
        )
    return tokenizer


def _check(texts: Sequence[str]) -> Sequence[str]:
    if isinstance(texts, str):
        raise TypeError("texts must be a sequence of str, got one str; write predict([text])")
    texts = texts if isinstance(texts, (list, tuple)) else list(texts)
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"texts[{position}] must be a str, got {type(text).__name__}: {text!r:.60}")
    return texts


def _chunks(texts: Sequence[str], size: int, largest: int) -> Iterator[Sequence[str]]:
    """Chunks of `size` texts, then of twice as many each time, up to `largest`."""
    start = 0
    while start < len(texts):
        yield texts[start : start + size]
        start += size
        size = min(2 * size, largest)


def _ranked(scores: dict[str, float]) -> list[dict[str, str | float]]:
    ranking = sorted(scores.items(), key=lambda item: -item[1])
    return [{"label": label, "score": score} for label, score in ranking]
