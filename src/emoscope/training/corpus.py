"""The texts that a model learns from: with a label or without, with soft targets or without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from emoscope.data import Examples
from emoscope.labels import Labels
from emoscope.training.objective import NO_LABEL


@dataclass(frozen=True)
class Corpus:
    """Texts to learn from: the training rows first, then texts without a label, both learnt in every epoch.

    After them stand those that are dealt out over the epochs, each learnt in one: further labelled and made-up texts.

    Attributes:
        train_rows: how many training rows there are.
        texts: the texts.
        sources: of an augmented copy the text that it was made from, of any other text itself.
        label_ids: int64 (texts,), NO_LABEL of a text without a label.
        soft_targets: float32 (texts, labels), or None.
        labels: the label names.
        dealt_out: how many texts are dealt out over the epochs.
    """

    train_rows: int
    texts: list[str]
    sources: list[str]
    label_ids: NDArray[np.int64]
    soft_targets: NDArray[np.float32] | None
    labels: Labels
    dealt_out: int = 0

    @classmethod
    def of(cls, train: Examples, *, unlabelled: Sequence[str] = ()) -> Corpus:
        """A corpus of training rows and texts without a label; no soft targets."""
        corpus = cls(len(train), train.texts, train.texts, train.label_ids, None, train.labels)
        return corpus.with_copies([(text, text) for text in unlabelled]) if unlabelled else corpus

    def with_copies(self, copies: Sequence[tuple[str, str]]) -> Corpus:
        """The same and further texts without a label, each with the text that it was made from; no soft targets."""
        return replace(
            self,
            texts=[*self.texts, *(text for text, _ in copies)],
            sources=[*self.sources, *(source for _, source in copies)],
            label_ids=np.concatenate([self.label_ids, np.full(len(copies), NO_LABEL)]),
            soft_targets=None,
        )

    def with_further(self, further: Sequence[Examples]) -> Corpus:
        """The same and, to be dealt out, labelled rows of other sources with the same labels."""
        texts = [text for examples in further for text in examples.texts]
        label_ids = [examples.label_ids for examples in further]
        return self._dealing_out(texts, np.concatenate(label_ids), None) if texts else self

    def with_made_up(self, texts: Sequence[str], soft_targets: NDArray[np.float32]) -> Corpus:
        """The same and, to be dealt out, texts without a label with soft targets, float32 (texts, labels)."""
        return self._dealing_out(texts, np.full(len(texts), NO_LABEL), soft_targets)

    def _dealing_out(
        self, texts: Sequence[str], label_ids: NDArray[np.int64], soft_targets: NDArray[np.float32] | None
    ) -> Corpus:
        targets = None
        if self.soft_targets is not None or soft_targets is not None:
            targets = np.zeros((len(self) + len(texts), len(self.labels)), np.float32)
            if self.soft_targets is not None:
                targets[: len(self)] = self.soft_targets
            if soft_targets is not None:
                targets[len(self) :] = soft_targets
        return replace(
            self,
            texts=[*self.texts, *texts],
            sources=[*self.sources, *texts],
            label_ids=np.concatenate([self.label_ids, label_ids]),
            soft_targets=targets,
            dealt_out=self.dealt_out + len(texts),
        )

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def labelled(self) -> int:
        """Number of texts with a label."""
        return int((self.label_ids != NO_LABEL).sum())

    @property
    def copies(self) -> int:
        """Number of augmented copies."""
        return sum(text != source for text, source in zip(self.texts, self.sources, strict=True))

    def in_form(self, form: Callable[[str], str]) -> Corpus:
        """The same with every text in a form of `text.NORMALIZERS`."""
        return replace(self, texts=[*map(form, self.texts)], sources=[*map(form, self.sources)])

    @property
    def train(self) -> Examples:
        """The training rows."""
        rows = slice(self.train_rows)
        return Examples(self.texts[rows], self.label_ids[rows], self.labels, "corpus", "train")

    def held_out(self, share: float, order: NDArray[np.int64]) -> tuple[Examples, Corpus]:
        """The first training rows of an order, and what can be learnt without knowing them.

        The second part has the other training rows, and those further texts that neither equal a text of the first part
        nor were made from one.

        Args:
            share: of the training rows, that the first part has; one at least.
            order: the numbers of the training rows.
        """
        first, rest = np.split(order, [max(1, round(share * len(order)))])
        unseen = {self.texts[row] for row in first}
        others = [row for row in range(self.train_rows, len(self)) if self.sources[row] not in unseen]
        return self.train.subset(first), self._subset(np.array([*rest, *others], np.int64), len(rest))

    def _subset(self, rows: NDArray[np.int64], train_rows: int) -> Corpus:
        return Corpus(
            train_rows,
            [self.texts[row] for row in rows],
            [self.sources[row] for row in rows],
            self.label_ids[rows],
            None if self.soft_targets is None else self.soft_targets[rows],
            self.labels,
            int((rows >= len(self) - self.dealt_out).sum()),
        )
