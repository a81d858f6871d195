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
    """Texts to learn from, those with a label first.

    Attributes:
        texts: the texts.
        sources: of an augmented copy the text that it was made from, of any other text itself.
        label_ids: int64 (texts,), NO_LABEL of a text without a label.
        soft_targets: float32 (texts, labels), or None.
        labels: the label names.
    """

    texts: list[str]
    sources: list[str]
    label_ids: NDArray[np.int64]
    soft_targets: NDArray[np.float32] | None
    labels: Labels

    @classmethod
    def of(cls, examples: Examples, further: Sequence[tuple[str, str]] = ()) -> Corpus:
        """Labelled rows, and further texts without a label, each with its source; no soft targets."""
        texts = [*examples.texts, *(text for text, _ in further)]
        sources = [*examples.texts, *(source for _, source in further)]
        label_ids = np.concatenate([examples.label_ids, np.full(len(further), NO_LABEL)])
        return cls(texts, sources, label_ids, None, examples.labels)

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
        """The same with every text in a form of `text.FORMS`."""
        return replace(self, texts=[*map(form, self.texts)], sources=[*map(form, self.sources)])

    def subset(self, rows: Sequence[int] | NDArray[np.int64]) -> Corpus:
        """The given rows, in the order given."""
        return Corpus(
            [self.texts[row] for row in rows],
            [self.sources[row] for row in rows],
            self.label_ids[rows],
            None if self.soft_targets is None else self.soft_targets[rows],
            self.labels,
        )

    def held_out(self, share: float, order: NDArray[np.int64]) -> tuple[Corpus, Corpus]:
        """The first labelled rows of an order, and what can be learnt without knowing them.

        The second part has the other labelled rows, and those texts without a label that neither equal a text of the
        first part nor were made from one.

        Args:
            share: of the labelled rows, that the first part has; one at least.
            order: the numbers of the labelled rows.
        """
        first, rest = np.split(order, [max(1, round(share * len(order)))])
        unseen = {self.texts[row] for row in first}
        others = [row for row in range(self.labelled, len(self)) if self.sources[row] not in unseen]
        return self.subset(first), self.subset(np.concatenate([rest, np.array(others, np.int64)]))
