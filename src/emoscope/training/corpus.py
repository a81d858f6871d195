"""The texts that a model learns from: with or without a label, with or without soft targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.data import Examples
from emoscope.labels import Labels
from emoscope.training.objective import NO_LABEL


@dataclass(frozen=True, eq=False)
class Corpus:
    """Texts to learn from.

    The training rows come first, then texts without a label; all of these are used in every epoch. Last come the texts
    that are divided among the epochs, each used in one: extra labelled data and recombined texts.

    Attributes:
        train_rows: number of training rows.
        texts: the texts.
        sources: for an augmented copy the text that it was made from, for any other text itself.
        label_ids: int64 (texts,), NO_LABEL for a text without a label; or, of multi-label rows, bool (texts, labels).
        soft_targets: float32 (texts, labels), or None.
        labels: the label names.
        one_epoch_rows: number of texts that are used in one epoch only.
    """

    train_rows: int
    texts: list[str]
    sources: list[str]
    label_ids: NDArray[Any]
    soft_targets: NDArray[np.float32] | None
    labels: Labels
    one_epoch_rows: int = 0

    @classmethod
    def of(cls, train: Examples, *, unlabelled: Sequence[str] = ()) -> Corpus:
        """A corpus of training rows and texts without a label; no soft targets."""
        corpus = cls(len(train), train.texts, train.texts, train.label_ids, None, train.labels)
        return corpus.with_copies([(text, text) for text in unlabelled])

    def with_copies(self, copies: Sequence[tuple[str, str]]) -> Corpus:
        """This corpus and more texts without a label, each with the text that it was made from."""
        return self._with([text for text, _ in copies], sources=[source for _, source in copies])

    def with_extra_data(self, extra_data: Sequence[Examples]) -> Corpus:
        """This corpus and labelled rows of other sources with the same labels, each used in one epoch."""
        texts = [text for rows in extra_data for text in rows.texts]
        return self._with(texts, [rows.label_ids for rows in extra_data], one_epoch_rows=len(texts))

    def with_recombined(self, texts: Sequence[str], soft_targets: NDArray[np.float32]) -> Corpus:
        """This corpus and texts with soft targets, float32 (texts, labels), but no label, each used in one epoch."""
        return self._with(texts, soft_targets=soft_targets, one_epoch_rows=len(texts))

    def _with(
        self,
        texts: Sequence[str],
        label_ids: Sequence[NDArray[Any]] | None = None,
        *,
        sources: Sequence[str] | None = None,
        soft_targets: NDArray[np.float32] | None = None,
        one_epoch_rows: int = 0,
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
            one_epoch_rows=self.one_epoch_rows + one_epoch_rows,
        )

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def labelled(self) -> int:
        """Number of texts with a label."""
        return len(self) - int((self.label_ids == NO_LABEL).sum())

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
            int((rows >= len(self) - self.one_epoch_rows).sum()),
        )
