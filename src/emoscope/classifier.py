"""EmotionClassifier: texts to scores, composed of text form, tokenizer, runtime and temperature."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from emoscope.calibration import probabilities
from emoscope.errors import ModelError
from emoscope.model_folder import GRAPHS, WEIGHTS, ModelFolder, open_folder, resolve
from emoscope.prediction import Prediction
from emoscope.runtime import OnnxModel, Runtime
from emoscope.text import FORMS
from emoscope.tokenization import TokenBatch, Tokenizer

T = TypeVar("T")

CHUNK = 16_384
"""Texts tokenised at once while the chunk before them is in the graph: many, so that few groups are small."""


class Classifier(Protocol):
    """What evaluation, scoring and serving know of a model."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names in index order."""
        ...

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Probabilities, float32 (len(texts), len(labels)); a row does not depend on the other texts."""
        ...


class EmotionClassifier:
    """Scores texts with a model folder or a checkpoint.

    Attributes:
        labels: label names in index order.
        thresholds: of a multi-label model, the probability from which each label applies; else None.
        parameters: number of the model's parameters; None where an ONNX model folder does not record it.

    >>> from emoscope import EmotionClassifier
    >>> EmotionClassifier.from_pretrained().predict(["i feel so happy today"])[0].label
    'joy'
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        tokenizer: Tokenizer,
        runtime: Runtime,
        *,
        text_form: Callable[[str], str],
        temperature: float = 1.0,
        thresholds: tuple[float, ...] | None = None,
        parameters: int | None = None,
    ) -> None:
        """Compose a classifier of its parts; `from_pretrained` does it for a folder or a Hub id.

        Args:
            labels: label names in index order.
            tokenizer: texts in their form to token ids.
            runtime: token ids to logits.
            text_form: raw text to the form that the model was trained on.
            temperature: the logits are divided by it.
            thresholds: of a multi-label model, the probability from which each label applies; else None.
            parameters: number of the model's parameters, if known.
        """
        self.labels = labels
        self.thresholds = thresholds
        self.parameters = parameters
        self._tokenizer = tokenizer
        self._runtime = runtime
        self._text_form = text_form
        self._temperature = temperature

    @classmethod
    def from_pretrained(cls, name_or_path: str | Path | None = None, *, device: str = "cpu") -> EmotionClassifier:
        """Load a model.

        Args:
            name_or_path: None or "bundled" for the model in the package, a model folder, a checkpoint, or a Hub id
                (with the Hub's own HF_HOME, HF_ENDPOINT, HF_HUB_OFFLINE and HF_TOKEN). On the CPU an ONNX graph is
                preferred to weights; weights need the extra "torch".
            device: "cpu", or for a checkpoint "cuda" or one of several GPUs, "cuda:1".

        Raises:
            ModelError: no such model, or one that cannot be read, or not on this device.
            ChecksumError: a file of the model is damaged.
            MissingExtraError: the model is a checkpoint, and the extra "torch" is not installed.
        """
        kinds = (GRAPHS, *WEIGHTS) if device == "cpu" else (*WEIGHTS, GRAPHS)
        return cls._from_folder(open_folder(resolve(name_or_path, one_of=kinds)), device)

    @classmethod
    def _from_folder(cls, folder: ModelFolder, device: str) -> EmotionClassifier:
        manifest = folder.manifest
        if manifest.text_form not in FORMS:
            raise ModelError(f"{folder.path} has text form {manifest.text_form!r}; allowed: {', '.join(FORMS)}")
        runtime, parameters = _runtime(folder, device)
        return cls(
            folder.labels.names,
            _tokenizer(folder),
            runtime,
            text_form=FORMS[manifest.text_form],
            temperature=manifest.temperature,
            thresholds=folder.thresholds,
            parameters=parameters,
        )

    @property
    def multi_label(self) -> bool:
        """Whether each label has a probability of its own (sigmoid), not one distribution (softmax)."""
        return self.thresholds is not None

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """Label and scores of each text.

        Raises:
            TypeError: `texts` is one str, or holds something that is not a str.
        """
        rows = self.predict_proba(texts).tolist()
        return [Prediction.from_scores(dict(zip(self.labels, row, strict=True)), self.thresholds) for row in rows]

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
        texts = _check(texts)
        result = np.empty((len(texts), len(self.labels)), np.float32)
        chunks = [texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK)]
        done = 0
        for batch in _one_ahead(map(self._encode, chunks), threaded=len(chunks) > 1):
            result[done : done + batch.texts] = self._score(batch)
            done += batch.texts
        return result

    def __call__(self, inputs: str | Sequence[str]) -> list[list[dict[str, str | float]]]:
        """All scores, shaped like `transformers.pipeline("text-classification", top_k=None)`.

        Returns:
            One list a text (a single str too), of {"label", "score"} with the highest score first.
        """
        predictions = self.predict([inputs] if isinstance(inputs, str) else inputs)
        return [_ranked(prediction.scores) for prediction in predictions]

    def _encode(self, texts: Sequence[str]) -> TokenBatch:
        return self._tokenizer.encode([self._text_form(text) for text in texts])

    def _score(self, batch: TokenBatch) -> NDArray[np.float32]:
        logits = self._runtime.logits(batch)
        if logits.shape[1] != len(self.labels):
            raise ModelError(
                f"the model has {logits.shape[1]} outputs, but the id2label of its config.json names "
                f"{len(self.labels)} labels"
            )
        rows = probabilities(logits, self._temperature, multi_label=self.multi_label)
        if len(rows) == batch.texts:
            return rows
        starts = np.flatnonzero(np.diff(batch.text_index, prepend=-1))
        weights = batch.lengths.astype(np.float32)
        total = np.add.reduceat(weights, starts)
        mean = np.add.reduceat(rows * weights[:, None], starts) / total[:, None]
        return mean.astype(np.float32)


def _runtime(folder: ModelFolder, device: str) -> tuple[Runtime, int | None]:
    """What turns token ids into logits on this device, and its number of parameters."""
    if folder.graph and device == "cpu":
        return OnnxModel(folder.graph), folder.manifest.parameters
    if not folder.has_weights:
        raise ModelError(
            f"{folder.path} has an ONNX graph but no weights, and that runs on device 'cpu', got {device!r}; "
            "leave the device out, or give the checkpoint"
        )
    from emoscope.torch_runtime import TorchModel, read_module

    model = TorchModel(read_module(folder.path), device=device)
    return model, model.parameters


def _tokenizer(folder: ModelFolder) -> Tokenizer:
    max_length = folder.manifest.max_length
    if folder.tokenizer:
        return Tokenizer.from_file(folder.tokenizer, max_length=max_length)
    from emoscope.torch_runtime import read_tokenizer

    return Tokenizer(read_tokenizer(folder.path), max_length=max_length)


def _check(texts: Sequence[str]) -> Sequence[str]:
    if isinstance(texts, str):
        raise TypeError("texts must be a sequence of str, got one str; write predict([text])")
    texts = texts if isinstance(texts, (list, tuple)) else list(texts)
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"texts[{position}] must be a str, got {type(text).__name__}: {text!r:.60}")
    return texts


def _one_ahead(items: Iterable[T], *, threaded: bool) -> Iterator[T]:
    """The same items, each made in a second thread while its predecessor is in use."""
    if not threaded:
        yield from items
        return
    iterator = iter(items)
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="emoscope-encode") as pool:
        upcoming = pool.submit(next, iterator, end)
        while (item := upcoming.result()) is not end:
            upcoming = pool.submit(next, iterator, end)
            yield item  # type: ignore[misc]


def _ranked(scores: dict[str, float]) -> list[dict[str, str | float]]:
    ranking = sorted(scores.items(), key=lambda item: -item[1])
    return [{"label": label, "score": score} for label, score in ranking]
