"""`EmotionClassifier`: texts to probabilities and predictions, by a preprocessor, a runtime and a calibration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.calibrated import UNCALIBRATED, Calibration
from emoscope.deprecation import warn_renamed
from emoscope.errors import ModelError
from emoscope.explanation import Explanation, explain
from emoscope.inputs import as_texts, is_blank
from emoscope.loading import load_gradients, load_runtime, load_tokenizer
from emoscope.model_folder import GRAPHS, WEIGHTS, model_checksum, open_folder, resolve
from emoscope.parallel import map_in_threads, usable_cores
from emoscope.pickled import Source, load_pickled
from emoscope.pipeline import IGNORED, KEYWORDS, NOT_GIVEN, answer, apply_function, function_name
from emoscope.prediction import MIN_NEUTRAL, NO_NEUTRAL, Prediction, Predictions
from emoscope.preprocessing import Preprocessor, PreprocessorPool, growing_chunks
from emoscope.protocols import Keywords, Runtime, Steps, hidden_of, parameters_of, tokens_read_of
from emoscope.timeline import Timeline, timeline
from emoscope.token_attribution import INTEGRATED_GRADIENTS, AttributeTokens, explain_by_tokens
from emoscope.tokenization import TokenBatch

CHUNK = 16_384
"""Texts that are preprocessed at once, while the model runs on the chunk before; the more, the fewer small groups."""
FIRST_CHUNK = 2_048
"""Texts of the first chunk, during which the model is idle; every chunk is twice as large as the last, up to CHUNK."""
PROCESS_CHUNK = 8_192
"""Texts that each of several processes preprocesses at once."""
MAX_PROCESSES = 8
"""Maximum number of processes that preprocess texts for a GPU; each takes about 100 MB."""


class EmotionClassifier:
    """A model that scores texts: a model folder or a checkpoint.

    Attributes:
        labels: label names in index order.
        calibration: temperature, thresholds, prediction sets and neutral output of the model.
        parameters: number of parameters; None if an ONNX model folder does not record it.
        ambiguous_keywords: words that the training data uses for two labels, with the share of each label; empty if the
            model folder does not record them.

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
        ambiguous_keywords: Keywords | None = None,
        attribute_tokens: Callable[[], AttributeTokens] | None = None,
    ) -> None:
        """Compose a classifier of its parts; `from_pretrained` does it for a folder or a Hub id.

        Args:
            labels: label names in index order.
            preprocessor: raw texts to token ids.
            runtime: token ids to logits.
            calibration: logits to probabilities and decisions.
            processes: maximum number of processes that preprocess more than CHUNK texts, for a runtime that is faster
                than one core and can be called from several threads; 0 for a thread.
            ambiguous_keywords: words that the training data uses for two labels, with the share of each label.
            attribute_tokens: loads the function that attributes a label to tokens by gradients, when it is first
                needed; None for a model without gradients.
        """
        self.labels = labels
        self.calibration = calibration
        self.parameters = parameters_of(runtime)
        self._outputs = len(labels) + calibration.neutral_output
        self.ambiguous_keywords = ambiguous_keywords or {}
        self._source: Source | None = None
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
            name_or_path: None or "bundled" for the model in the package, a model folder, a checkpoint, or a Hub id (the
                Hub's HF_HOME, HF_ENDPOINT, HF_HUB_OFFLINE and HF_TOKEN apply). On the CPU, an ONNX graph is preferred
                to weights; weights need the extra "torch".
            device: "cpu"; for a checkpoint also "cuda", or one of several GPUs, such as "cuda:1".
            dtype: precision of a checkpoint's weights: "float32", "float16" or "bfloat16"; None for float32 on the CPU
                and float16 on a GPU (there too float32 for architectures other than BERT, DistilBERT, RoBERTa, ALBERT).
            threads: number of threads that run an ONNX graph; None for one per usable core.

        Raises:
            ModelError: no such model, or it cannot be read, or it does not run on this device or in this precision.
            ChecksumError: a file of the model is damaged.
            MissingExtraError: the model is a checkpoint, and the extra "torch" is not installed.
        """
        kinds = (GRAPHS, *WEIGHTS) if device == "cpu" else (*WEIGHTS, GRAPHS)
        folder = open_folder(resolve(name_or_path, one_of=kinds))
        classifier = cls(
            folder.labels.names,
            Preprocessor(folder.normalizer, load_tokenizer(folder)),
            load_runtime(folder, device, dtype, threads),
            calibration=folder.calibration,
            processes=0 if device == "cpu" else max(1, min(MAX_PROCESSES, usable_cores() - 1)),
            ambiguous_keywords=folder.manifest.ambiguous_keywords,
            attribute_tokens=cache(partial(load_gradients, folder, device)) if folder.has_weights else None,
        )
        classifier._source = Source(str(name_or_path or "bundled"), folder.path.resolve(), device, dtype, threads)
        return classifier

    def __repr__(self) -> str:
        name = "" if self._source is None else f"{self._source.name!r}, "
        return f"EmotionClassifier({name}labels={self.labels!r}, runtime={type(self._runtime).__name__})"

    def __copy__(self) -> EmotionClassifier:
        """A classifier with the same parts, which several threads may use at once."""
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> EmotionClassifier:
        """`copy`: using a model does not change it, so both may share its parts."""
        return copy(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled is where the model is, with its checksum; unpickling loads it, once in a process."""
        if self._source is None:
            raise TypeError(
                "only a classifier that EmotionClassifier.from_pretrained loaded can be pickled, because it is loaded "
                "again from its files; make this one in the other process"
            )
        state = {name: self.__dict__[name] for name in ("labels", "calibration", "ambiguous_keywords")}
        return load_pickled, (type(self), self._source, model_checksum(self._source.folder)), state

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
        """Label and scores of each text; same arguments and errors as `predict_proba`."""
        return Predictions(
            Prediction.from_scores(
                dict(zip(self.labels, row, strict=False)),
                self.thresholds,
                neutral=row[-1] if self.calibration.neutral else None,
                prediction_sets=self.calibration.prediction_sets,
            )
            for row in self.predict_with_neutral(texts).tolist()
        )

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Probability of each label for each text.

        A text longer than the model's longest input is read completely, in windows: its probabilities are the mean of
        the windows' probabilities, weighted by their number of tokens. The probabilities of a blank text say nothing;
        `neutral_proba` is 1 for it.

        Args:
            texts: any number of texts of any length, in a list, a column of pandas, Polars or Arrow, an array, or any
                other iterable of str.

        Returns:
            float32 (len(texts), len(labels)); rows sum to 1 (multi-label: each entry is in [0, 1]).

        Raises:
            TypeError: `texts` is a single str, a mapping, a data frame or a set, or contains something other than str,
                such as a missing value (None, NaN); the message says what to pass.
        """
        return self._predict_rows(texts, self.calibration.probabilities)

    def neutral_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Probability that each text expresses no emotion; same arguments and errors as `predict_proba`.

        Returns:
            float32 (len(texts),); 1 for a blank text.

        Raises:
            ModelError: the model was trained without neutral texts.
        """
        if self.calibration.neutral is None:
            raise ModelError(NO_NEUTRAL)
        return self.predict_with_neutral(texts)[:, -1]

    def predict_with_neutral(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """What `predict_proba` and `neutral_proba` return, side by side, for the time of one.

        Returns:
            float32 (len(texts), len(labels) + 1); for a model without an output for neutral texts, what `predict_proba`
            returns.
        """
        texts = as_texts(texts)
        return self._mark_blank(texts, self._predict_rows(texts, self.calibration.probabilities_and_neutral))

    def predict_in_steps(self, text: str, max_tokens: int, *, logits: bool = False) -> Steps:
        """`predict_with_neutral` of a long text, or `predict_logits`, in steps; see `protocols.SupportsSteps`."""
        batch = self._preprocessor([text])
        convert = self.calibration.label_logits if logits else self.calibration.probabilities_and_neutral
        windows = []
        for part in batch.parts(max_tokens):
            windows.append(convert(self._window_logits(part)))
            yield None
        rows = batch.text_means(np.concatenate(windows))
        yield rows if logits else self._mark_blank([text], rows)

    def predict_logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Logits of each text, before temperature and softmax or sigmoid; same arguments and errors as `predict_proba`.

        Returns:
            float32 (len(texts), len(labels)); for a text in windows, the weighted mean of their logits.
        """
        return self._predict_rows(texts, self.calibration.label_logits)

    def hidden_vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vector of each text from which a compact student computes its logits; arguments as for `predict_proba`.

        Returns:
            float32 (len(texts), units): for the bundled model 256; for a text in windows, their weighted mean.

        Raises:
            ModelError: the model is not the ONNX graph of a compact student.
        """
        texts, rows = as_texts(texts), []
        for chunk in growing_chunks(texts or [""], FIRST_CHUNK, CHUNK):
            batch = self._preprocessor(chunk)
            hidden = hidden_of(self._runtime, batch)
            if hidden is None:
                raise ModelError("only the ONNX graph of a compact student has hidden vectors; use the logits instead")
            rows.append(batch.text_means(hidden))
        return np.concatenate(rows)[: len(texts)]

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, special tokens included; same arguments and errors as `predict_proba`."""
        batch = self._preprocessor(as_texts(texts))
        counts: list[int] = np.bincount(batch.text_index, batch.lengths, batch.texts).astype(int).tolist()
        return counts

    def prediction_sets(self, probabilities: NDArray[Any], coverage: float = 0.9) -> NDArray[np.bool_] | None:
        """Labels in the prediction set of each text; see `Prediction.prediction_set`.

        Args:
            probabilities: (texts, labels), what `predict_proba` returned.
            coverage: share of texts whose set contains the true label, from 0.5 to 0.99.

        Returns:
            bool (texts, labels), where a row may be all false; None if the model has no prediction sets.

        Raises:
            ValueError: the coverage is out of range.
        """
        sets = self.calibration.prediction_sets
        return None if sets is None else sets.sets(probabilities, coverage)

    def label_sets(self, probabilities: NDArray[Any], coverage: float = 0.9) -> NDArray[np.bool_] | None:
        """`prediction_sets`; deprecated."""
        warn_renamed("EmotionClassifier.label_sets", "EmotionClassifier.prediction_sets")
        return self.prediction_sets(probabilities, coverage)

    def clear(self, texts: Sequence[str], probabilities: NDArray[Any]) -> NDArray[np.bool_] | None:
        """Whether each text is more likely emotional than neutral, bool (texts,), or None; deprecated."""
        warn_renamed("EmotionClassifier.clear", "EmotionClassifier.neutral_proba")
        return None if self.calibration.neutral is None else self.neutral_proba(texts) < MIN_NEUTRAL

    def explain(self, texts: Sequence[str], *, method: str = "loo", seed: int = 0) -> list[Explanation]:
        """Contribution of each word to the label of its text; see `emoscope.explanation.explain`.

        Args:
            texts: any number of texts of any length.
            method: "loo" (each word is left out alone), "shapley" (words in random orders; slower, more faithful), or
                for a checkpoint "integrated-gradients" (extra "train").
            seed: seed of the random orders.

        Raises:
            TypeError: `texts` is a single str, or contains something other than str.
            ValueError: no such method.
            ModelError: gradients of a model without weights.
            MissingExtraError: gradients without the extra "train".
        """
        texts = as_texts(texts)
        if method != INTEGRATED_GRADIENTS:
            return explain(self, texts, method=method, seed=seed, ambiguous_keywords=self.ambiguous_keywords)
        if self._attribute_tokens is None:
            raise ModelError(
                "integrated gradients need a checkpoint's weights (model.safetensors), but this model is only a graph; "
                "give the checkpoint, or use method 'loo' or 'shapley'"
            )
        return explain_by_tokens(self, texts, self._preprocessor, self._attribute_tokens(), self.ambiguous_keywords)

    def timeline(self, texts: Sequence[str]) -> list[Timeline]:
        """Scores of each text sentence by sentence, and of the whole text from them; see `emoscope.timeline`.

        Same arguments and errors as `predict_proba`.
        """
        return timeline(self, as_texts(texts))

    def __call__(
        self,
        inputs: Any,
        *,
        top_k: int | str | None = NOT_GIVEN,
        function_to_apply: str | None = None,
        return_all_scores: bool = True,
        batch_size: int | None = None,
        **ignored: Any,
    ) -> Any:
        """The scores, called and returned as by `transformers.pipeline("text-classification", top_k=None)`.

        Args:
            inputs: a text, `{"text": ...}`, a list or column of them, or an iterator.
            top_k: number of labels of each text; None for all.
            function_to_apply: "softmax", "sigmoid" or "none", applied to the logits. By default, and with the model's
                own function, the probabilities of `predict_proba`.
            return_all_scores: False for the highest score alone, without a list around it.
            batch_size: number of texts taken from an iterator at once, 1 by default; otherwise ignored.
            ignored: truncation, padding, max_length and num_workers, which change nothing here.

        Returns:
            For each text a list of {"label", "score"}, the highest score first. A single str gives a list of one such
            list; with `top_k`, and for a single dict, that list itself. An iterator gives an iterator.

        Raises:
            TypeError: the inputs are not texts, or there is no such keyword.
            ValueError: a keyword has a value that is not allowed.
        """
        if unknown := sorted(ignored.keys() - IGNORED):
            raise TypeError(f"unexpected keyword {unknown[0]!r}; allowed: {', '.join(KEYWORDS)}")
        function = function_name(function_to_apply, multi_label=self.multi_label)
        return answer(
            self.predict_proba if function is None else partial(self._function_scores, function),
            self.labels,
            inputs,
            top_k=top_k,
            all_scores=return_all_scores,
            batch_size=batch_size,
        )

    def _mark_blank(self, texts: Sequence[str], rows: NDArray[np.float32]) -> NDArray[np.float32]:
        rows[[bool(self.calibration.neutral) and is_blank(text) for text in texts], -1] = 1.0
        return rows

    def _function_scores(self, function: str, texts: Sequence[str]) -> NDArray[np.float32]:
        return apply_function(function, self.predict_logits(texts))

    def _predict_rows(
        self, texts: Sequence[str], convert: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """The converted logits of all texts, chunk by chunk, float32 (len(texts), columns).

        Args:
            texts: the texts.
            convert: logits of windows, float32 (windows, outputs), to float32 (windows, columns).
        """

        def score(batch: TokenBatch) -> NDArray[np.float32]:
            rows = convert(self._window_logits(batch))
            if np.isnan(rows).any():
                raise ModelError("temperature or neutral in emoscope.json give no probabilities; calibrate the model")
            return batch.text_means(rows)

        texts = as_texts(texts)
        columns = convert(np.empty((0, self._outputs), np.float32)).shape[1]
        result, done = np.empty((len(texts), columns), np.float32), 0
        for rows in self._chunk_rows(texts, score):
            result[done : done + len(rows)] = rows
            done += len(rows)
        return result

    def _chunk_rows(
        self, texts: Sequence[str], score: Callable[[TokenBatch], NDArray[np.float32]]
    ) -> Iterator[NDArray[np.float32]]:
        if self._processes and len(texts) > CHUNK:
            chunks = growing_chunks(texts, PROCESS_CHUNK, PROCESS_CHUNK)
            batches = map_in_threads(self._processes, chunks, threads=self._processes.count)
            return map_in_threads(score, batches, threads=2)
        chunks = growing_chunks(texts, FIRST_CHUNK, CHUNK)
        if len(texts) <= FIRST_CHUNK:
            return map(score, map(self._preprocessor, chunks))
        return map(score, map_in_threads(self._preprocessor, chunks, threads=1))

    def _window_logits(self, batch: TokenBatch) -> NDArray[np.float32]:
        logits = self._runtime.logits(batch)
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
