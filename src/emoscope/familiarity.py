"""Whether a text is like the texts that a model learnt from: the share of its words that they contain.

Words are those of the normalizer `plain`. Knows no model and no training.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope.text import normalize, without_markup

KNOWN_WORDS = "known_words.txt"
"""File of a model folder: the known words, one per line."""
MIN_TEXTS = 5
"""Training texts that contain a known word; rarer words are often misspelt, or of other languages."""
MIN_WORDS = 2_000
"""Fewest known words with which a text is judged."""
MIN_SHARE = 0.65
"""Share of known words from which a text is familiar; benchmarks/familiarity.py measures how many texts are."""
PRIOR_WORDS, PRIOR_SHARE = 2, 0.95
"""Words that are added to each text, and the share of them that is known: one rare word decides no short text."""
_CODE = re.compile(r"[{}=;_<>\\|]|\w\(")
"""Signs that program code has between its words."""


@dataclass(frozen=True)
class KnownWords:
    """The words of the texts that a model learnt from."""

    words: frozenset[str]

    @classmethod
    def of(cls, texts: Iterable[str]) -> KnownWords | None:
        """The words in at least MIN_TEXTS of the texts; None if they are too few to judge by."""
        counts = Counter(chain.from_iterable(set(normalize(text).split()) for text in texts))
        words = frozenset(word for word, count in counts.items() if count >= MIN_TEXTS)
        return cls(words) if len(words) >= MIN_WORDS else None

    @classmethod
    def read(cls, folder: Path) -> KnownWords | None:
        """Those of a model folder or checkpoint; None if it has none."""
        file = folder / KNOWN_WORDS
        return cls(frozenset(file.read_text(encoding="utf-8").split())) if file.is_file() else None

    def write(self, folder: Path) -> None:
        """Write the file that `read` reads."""
        (folder / KNOWN_WORDS).write_text("".join(f"{word}\n" for word in sorted(self.words)), encoding="utf-8")

    def share(self, text: str) -> float:
        """Share of the words of a text that are known, in [0, 1]; signs of program code count as unknown words."""
        words = normalize(text).split()
        known = sum(map(self.words.__contains__, words))
        signs = len(_CODE.findall(without_markup(text))) if _CODE.search(text) else 0
        return (known + PRIOR_WORDS * PRIOR_SHARE) / (len(words) + signs + PRIOR_WORDS)

    def familiar(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Whether the share of each text is at least MIN_SHARE, bool (len(texts),)."""
        return np.array([self.share(text) >= MIN_SHARE for text in texts], bool)
