"""The texts that a model learns from: with or without a label, with or without soft targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.data import Examples
from emoscope.labels import NEUTRAL, Labels
from emoscope.training.objective import NO_LABEL


@dataclass(frozen=True, eq=False)
class Corpus:
    """Texts to learn from.

    The training rows come first. They are used in every epoch; other texts may be used in some epochs only, because new
    texts teach more than repeated ones.

    Attributes:
        train_rows: number of training rows.
        texts: the texts.
        sources: for an augmented copy the text that it was made from, for any other text itself.
        label_ids: int64 (texts,), NO_LABEL for a text without a label; or, of multi-label rows, bool (texts, labels).
        soft_targets: float32 (texts, labels), or None.
        labels: the names of a model's outputs: the labels of the training rows and, if there are neutral texts among
            the extra data, neutral.
        epochs: int64 (texts,), the number of epochs that each text is used in; 0 for all.
        shifts: float32 (texts, labels), what is added to the logits of a text before its label is compared with them:
            see `label_shift`.
        neutral_output: whether the last of `labels` is that output.
    """

    train_rows: int
    texts: list[str]
    sources: list[str]
    label_ids: NDArray[Any]
    soft_targets: NDArray[np.float32] | None
    labels: Labels
    epochs: NDArray[np.int64]
    shifts: NDArray[np.float32]
    neutral_output: bool = False

    @classmethod
    def of(cls, train: Examples) -> Corpus:
        """A corpus of training rows; no soft targets."""
        epochs = np.zeros(len(train), np.int64)
        shifts = np.zeros((len(train), len(train.labels)), np.float32)
        return cls(len(train), train.texts, train.texts, train.label_ids, None, train.labels, epochs, shifts)

    def with_unlabelled(self, texts: Sequence[str], epochs: int = 0) -> Corpus:
        """This corpus and texts without a label, each used in so many epochs; 0 for all."""
        return self._with(texts, epochs=epochs)

    def with_copies(self, copies: Sequence[tuple[str, str]]) -> Corpus:
        """This corpus and more texts without a label, each with the text that it was made from."""
        return self._with([text for text, _ in copies], sources=[source for _, source in copies])

    def with_repeats(self, times: int) -> Corpus:
        """This corpus with each training row several times."""
        rows = np.concatenate([*[np.arange(self.train_rows)] * times, np.arange(self.train_rows, len(self))])
        return self._subset(rows, self.train_rows * times)

    def with_extra_data(self, extra_data: Sequence[Examples], epochs: int = 1, shift: float = 0.0) -> Corpus:
        """This corpus and labelled rows of other sources.

        Args:
            extra_data: their labels are those of the training rows or, of all sources, these and neutral.
            epochs: number of epochs that each row is used in; 0 for all.
            shift: factor of the `label_shift` of each source.
        """
        if not extra_data:
            return self
        labels = extra_data[0].labels
        corpus = self if labels == self.labels else self.with_neutral_output()
        label_ids = [rows.label_ids for rows in extra_data]
        counts = np.stack([np.bincount(ids, minlength=len(labels)) for ids in label_ids])
        reference = np.sqrt(np.maximum(np.bincount(self.train.label_ids, minlength=len(labels)), 1))
        if corpus.neutral_output:
            reference[-1] = reference[:-1].sum() * counts[:, -1].sum() / max(counts[:, :-1].sum(), 1)
        of_source = [label_shift(each, reference) if shift else np.zeros(len(labels)) for each in counts]
        shifts = np.repeat(np.multiply(of_source, shift or 1, dtype=np.float32), counts.sum(axis=1), axis=0)
        texts = [text for rows in extra_data for text in rows.texts]
        return corpus._with(texts, label_ids, epochs=epochs, shifts=shifts)

    def with_neutral_output(self) -> Corpus:
        """This corpus for a model that has an output for neutral texts, the last."""
        labels, shifts = Labels((*self.labels.names, NEUTRAL)), np.pad(self.shifts, ((0, 0), (0, 1)))
        return replace(self, labels=labels, shifts=shifts, neutral_output=True)

    def with_recombined(self, texts: Sequence[str], soft_targets: NDArray[np.float32]) -> Corpus:
        """This corpus and texts with soft targets, float32 (texts, labels), but no label, each used in one epoch."""
        return self._with(texts, soft_targets=soft_targets, epochs=1)

    def _with(
        self,
        texts: Sequence[str],
        label_ids: Sequence[NDArray[Any]] | None = None,
        *,
        sources: Sequence[str] | None = None,
        soft_targets: NDArray[np.float32] | None = None,
        epochs: int = 0,
        shifts: NDArray[np.float32] | None = None,
    ) -> Corpus:
        if not texts:
            return self
        if self.soft_targets is not None or soft_targets is not None:
            parts = ((self.soft_targets, len(self)), (soft_targets, len(texts)))
            soft_targets = np.concatenate(
                [np.zeros((rows, len(self.labels)), np.float32) if given is None else given for given, rows in parts]
            )
        return replace(
            self,
            texts=[*self.texts, *texts],
            sources=[*self.sources, *(sources or texts)],
            label_ids=np.concatenate([self.label_ids, *(label_ids or [np.full(len(texts), NO_LABEL)])]),
            soft_targets=soft_targets,
            epochs=np.concatenate([self.epochs, np.full(len(texts), epochs)]),
            shifts=np.concatenate([self.shifts, np.zeros((len(texts), len(self.labels)), np.float32)])
            if shifts is None
            else np.concatenate([self.shifts, shifts]),
        )

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def labelled(self) -> int:
        """Number of texts with a label."""
        return len(self) - int((self.label_ids == NO_LABEL).sum())

    @property
    def labels_without_neutral(self) -> Labels:
        """The labels of the training rows."""
        return Labels(self.labels.names[:-1]) if self.neutral_output else self.labels

    @property
    def labelled_texts(self) -> list[str]:
        """The texts with a label."""
        rows = self.label_ids if self.label_ids.ndim == 1 else np.zeros(len(self))
        return [text for text, label in zip(self.texts, rows, strict=True) if label != NO_LABEL]

    @property
    def copies(self) -> int:
        """Number of augmented copies."""
        return sum(text != source for text, source in zip(self.texts, self.sources, strict=True))

    @property
    def train(self) -> Examples:
        """The training rows."""
        rows = slice(self.train_rows)
        return Examples(self.texts[rows], self.label_ids[rows], self.labels, "corpus", "train")

    def normalized(self, normalizer: Callable[[str], str]) -> Corpus:
        """This corpus with a normalizer of `text.NORMALIZERS` applied to every text."""
        return replace(self, texts=[*map(normalizer, self.texts)], sources=[*map(normalizer, self.sources)])

    def hold_out(self, share: float, order: NDArray[np.int64]) -> tuple[Examples, Corpus]:
        """The first training rows of an order, and what can be learnt without knowing them.

        The second part has the other training rows, and those other texts that neither equal a held-out text nor were
        made from one.

        Args:
            share: share of the training rows to hold out; at least one row is held out.
            order: the numbers of the training rows.
        """
        first, rest = np.split(order, [max(1, round(share * len(order)))])
        held_out = {self.texts[row] for row in first}
        others = [row for row in range(self.train_rows, len(self)) if self.sources[row] not in held_out]
        return self.train.subset(first), self._subset(np.array([*rest, *others], np.int64), len(rest))

    def _subset(self, rows: NDArray[np.int64], train_rows: int) -> Corpus:
        return Corpus(
            train_rows,
            [self.texts[row] for row in rows],
            [self.sources[row] for row in rows],
            self.label_ids[rows],
            None if self.soft_targets is None else self.soft_targets[rows],
            self.labels,
            self.epochs[rows],
            self.shifts[rows],
            self.neutral_output,
        )


def label_shift(counts: NDArray[np.int64], reference: NDArray[np.float64]) -> NDArray[np.float32]:
    """Logarithm of the label shares of a source over reference shares, float32 (labels,).

    A model whose logits plus this fit the labels of the source has logits that fit texts with the reference shares
    (Menon et al., "Long-tail learning via logit adjustment", ICLR 2021). So sources with other shares, or with fewer
    labels, do not contradict each other: a label that a source lacks has minus infinity, and is left out of the
    comparison. A source of one label has no shift, as it would teach nothing.

    `Corpus.with_extra_data` takes shares between those of the training rows and equal ones (their square roots), as
    texts of other kinds are less often sad or happy than `dair-ai/emotion`. Neutral has its share in all extra data.

    Args:
        counts: int64 (labels,), rows of the source with each label.
        reference: float64 (labels,), positive, in proportion to the shares of the labels.
    """
    if np.count_nonzero(counts) < 2:
        return np.zeros(len(counts), np.float32)
    with np.errstate(divide="ignore"):
        shift = np.log(counts) - np.log(reference)
    result: NDArray[np.float32] = (shift - shift.max()).astype(np.float32)
    return result
