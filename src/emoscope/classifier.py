"""`EmotionClassifier`: texts to probabilities and predictions, by a preprocessor, a runtime and a calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.calibrated import UNCALIBRATED, Calibration
from emoscope.cascade import Cascade
from emoscope.deprecation import warn_renamed
from emoscope.errors import ModelError
from emoscope.explanation import Explanation, explain
from emoscope.familiarity import KnownWords
from emoscope.inputs import as_texts, is_blank
from emoscope.loading import load_cascade_threshold, load_gradients, load_runtime, load_tokenizer
from emoscope.model_folder import GRAPHS, WEIGHTS, cascade_agreement, open_folder, resolve
from emoscope.parallel import usable_cores
from emoscope.pickled import Source, load_pickled
from emoscope.pipeline import IGNORED, KEYWORDS, NOT_GIVEN, answer, apply_function, function_name
from emoscope.prediction import MIN_NEUTRAL, NO_NEUTRAL, Prediction, Predictions
from emoscope.preprocessing import Preprocessor
from emoscope.protocols import Keywords, Runtime, Steps
from emoscope.text import are_written
from emoscope.text_model import TextModel
from emoscope.timeline import Timeline, timeline
from emoscope.token_attribution import INTEGRATED_GRADIENTS, AttributeTokens, explain_by_tokens

MAX_PROCESSES = 8
"""Maximum number of processes that preprocess texts for a GPU; each takes about 100 MB."""


class EmotionClassifier:
    """A model that scores texts: a model folder or a checkpoint.

    Attributes:
        labels: label names in index order.
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
        self.ambiguous_keywords = ambiguous_keywords or {}
        self._model: TextModel | Cascade = TextModel(len(labels), preprocessor, runtime, calibration, processes)
        self._known_words: KnownWords | None = None
        self._source: Source | None = None
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
            name_or_path: None or "bundled" for the model in the package; "accurate" for the larger model of the extra
                "accurate"; "cascade" for both, where the accurate one answers the texts that the bundled one is not
                sure of, so that 99 % of the answers are those of the accurate one ("cascade:0.95" for 95 %); a model
                folder, a checkpoint, or a Hub id (the Hub's HF_HOME, HF_ENDPOINT, HF_HUB_OFFLINE and HF_TOKEN apply).
                On the CPU, an ONNX graph is preferred to weights; weights need the extra "torch".
            device: "cpu"; for a checkpoint also "cuda", or one of several GPUs, such as "cuda:1".
            dtype: precision of a checkpoint's weights: "float32", "float16" or "bfloat16"; None for float32 on the CPU
                and float16 on a GPU (there too float32 for architectures other than BERT, DistilBERT, RoBERTa, ALBERT).
            threads: number of threads that run an ONNX graph; None for one per usable core.

        Raises:
            ModelError: no such model, or it cannot be read, or it does not run on this device or in this precision.
            ChecksumError: a file of the model is damaged.
            MissingExtraError: the model is a checkpoint, and the extra "torch" is not installed; or the accurate model
                is not.
        """
        if (agreement := cascade_agreement(name_or_path)) is not None:
            return cls._cascade(str(name_or_path), agreement, device=device, dtype=dtype, threads=threads)
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
        classifier._known_words = folder.known_words
        classifier._source = Source(str(name_or_path or "bundled"), folder.path.resolve(), device, dtype, threads)
        return classifier

    @classmethod
    def _cascade(cls, name: str, agreement: float, **options: Any) -> EmotionClassifier:
        """A classifier of the bundled and the accurate model."""
        threshold = load_cascade_threshold(agreement)
        fast, classifier = cls.from_pretrained("bundled", **options), cls.from_pretrained("accurate", **options)
        classifier._model = Cascade(fast._model, classifier._model, threshold)
        assert classifier._source is not None
        classifier._source = replace(classifier._source, name=name)
        return classifier

    def __repr__(self) -> str:
        name = "" if self._source is None else f"{self._source.name!r}, "
        return f"EmotionClassifier({name}labels={self.labels!r}, runtime={self._model!r})"

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
        state = {"labels": self.labels, "calibration": self.calibration, "ambiguous_keywords": self.ambiguous_keywords}
        return load_pickled, (type(self), self._source, self._source.checksum), state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set what `__reduce__` gave."""
        for name, value in state.items():
            setattr(self, name, value)

    @property
    def calibration(self) -> Calibration:
        """Temperature, thresholds, prediction sets and neutral output of the model."""
        return self._model.calibration

    @calibration.setter
    def calibration(self, calibration: Calibration) -> None:
        self._model = copy(self._model)
        self._model.calibration = calibration

    @property
    def checksum(self) -> str | None:
        """SHA-256 in hex of the files that determine the outputs, after the name of a cascade; None without files."""
        return None if self._source is None else self._source.checksum

    @property
    def parameters(self) -> int | None:
        """Number of parameters; None if an ONNX model folder does not record it."""
        return self._model.parameters

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
        return self._model.tokens_read

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Label and scores of each text; same arguments and errors as `predict_proba`."""
        texts = as_texts(texts)
        rows = self.predict_with_neutral(texts).tolist()
        familiar = [None] * len(rows) if self._known_words is None else self._known_words.familiar(texts).tolist()
        return Predictions(
            Prediction.from_scores(
                dict(zip(self.labels, row, strict=False)),
                self.thresholds,
                neutral=row[-1] if self.calibration.neutral else None,
                familiar=like_training,
                prediction_sets=self.calibration.sets_for(written),
            )
            for row, like_training, written in zip(rows, familiar, are_written(texts).tolist(), strict=True)
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
        return self._model.rows(as_texts(texts), "probabilities")

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
        return self._mark_blank(texts, self._model.rows(texts, "with_neutral"))

    def predict_in_steps(self, text: str, max_tokens: int, *, logits: bool = False) -> Steps:
        """`predict_with_neutral` of a long text, or `predict_logits`, in steps; see `protocols.SupportsSteps`."""
        for rows in self._model.rows_in_steps(text, max_tokens, "logits" if logits else "with_neutral"):
            yield rows if rows is None or logits else self._mark_blank([text], rows)

    def familiar(self, texts: Sequence[str]) -> NDArray[np.bool_] | None:
        """Whether each text is like those that the model learnt from; same arguments and errors as `predict_proba`.

        Other languages, program code and texts of mostly unknown words are not: at least 35 % of their words are in
        fewer than five of the model's training texts.

        Returns:
            bool (len(texts),); None for a model that does not record the words of its training texts.
        """
        return None if self._known_words is None else self._known_words.familiar(as_texts(texts))

    def predict_logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Logits of each text, before temperature and softmax or sigmoid; same arguments and errors as `predict_proba`.

        Returns:
            float32 (len(texts), len(labels)); for a text in windows, the weighted mean of their logits.
        """
        return self._model.rows(as_texts(texts), "logits")

    def hidden_vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vector of each text from which a compact student computes its logits; arguments as for `predict_proba`.

        Returns:
            float32 (len(texts), units): for the bundled model 256; for a text in windows, their weighted mean.

        Raises:
            ModelError: the model is not the ONNX graph of a compact student.
        """
        return self._model.hidden(as_texts(texts))

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, special tokens included; same arguments and errors as `predict_proba`."""
        batch = self._model.preprocessor(as_texts(texts))
        counts: list[int] = np.bincount(batch.text_index, batch.lengths, batch.texts).astype(int).tolist()
        return counts

    def prediction_sets(
        self, probabilities: NDArray[Any], coverage: float = 0.9, *, texts: Sequence[str] | None = None
    ) -> NDArray[np.bool_] | None:
        """Labels in the prediction set of each text; see `Prediction.prediction_set`.

        Args:
            probabilities: (texts, labels), what `predict_proba` returned.
            coverage: share of texts whose set contains the true label, from 0.5 to 0.99.
            texts: the texts; None if they are all written texts, with capitals or punctuation. The sets of other texts
                are smaller, as a model knows them better.

        Returns:
            bool (texts, labels), where a row may be all false; None if the model has no prediction sets.

        Raises:
            ValueError: the coverage is out of range.
        """
        written = np.ones(len(probabilities), bool) if texts is None else are_written(texts)
        return self.calibration.label_sets(probabilities, coverage, written)

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
        attribute, preprocessor = self._attribute_tokens(), self._model.preprocessor
        return explain_by_tokens(self, texts, preprocessor, attribute, self.ambiguous_keywords)

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

    def _function_scores(self, function: str, texts: Sequence[str]) -> NDArray[np.float32]:
        return apply_function(function, self.predict_logits(texts))

    def _mark_blank(self, texts: Sequence[str], rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows in which blank texts are neutral, if the model has that column."""
        if self.calibration.neutral:
            rows[[row for row, text in enumerate(texts) if is_blank(text)], -1] = 1.0
        return rows
