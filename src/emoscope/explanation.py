"""Which words decided: how the probabilities change when words are taken out of the raw text.

Works with any `Classifier`: the variants of all texts are scored together, and every method is a set of variants and a
linear map from their probabilities to the weights of the words. Knows no tokenizer and no gradient.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from emoscope.deprecation import warn_renamed
from emoscope.html_page import escaped
from emoscope.protocols import Classifier, Keywords
from emoscope.text import normalize

MAX_UNITS = 256
"""Words that are taken out one by one; in a longer text, so many runs of words."""
SHAPLEY_ORDERS = 10
"""Random orders of the words, half of them the others reversed."""
MIN_MOVED = 0.1
"""Probability that a word must move from labels to others before it can be said to decide."""
BATCH_CHARACTERS = 8_000_000
"""Characters of variants that are in memory at once."""

# Everything here runs in linear time. A word keeps its apostrophes, signs of emphasis stay outside; what the text forms
# read as one thing (an emoji with its modifiers, a hashtag, an emoticon, a URL) is one word.
_PUNCTUATION = r"\s!-/:-@\[-`{-~¡-©«-±¶-¸»¿\u2000-\u200b\u200e-\u206f\u3000-\u303f\uff01-\uff0f"
_EMOJI = "[\u2600-\u27bf\u2b00-\u2bff\U0001f1e6-\U0001faff]"
_HAN_AND_KANA = "[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
_LETTERS = rf"(?:(?!{_EMOJI}|{_HAN_AND_KANA})[^{_PUNCTUATION}])+"
_WORD = re.compile(
    r"https?://\S+|www\.\S+"
    rf"|{_EMOJI}[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]*(?:\u200d{_EMOJI}[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]*)*"
    r"|(?<!\S)(?:[:;=]'?-?[)(\]dDpPoO/\\|]+|</?3+)(?![^\s.,!?])"
    rf"|{_HAN_AND_KANA}"
    rf"|[#@]?{_LETTERS}(?:['`´‘’‛ʼ′＇]{_LETTERS})*"
)

Masks = NDArray[np.bool_]
"""Which words each variant of a text keeps, bool (variants, words)."""
Estimator = NDArray[np.float64]
"""Probabilities of the variants -> weights of the words, float64 (words, variants)."""


@dataclass(frozen=True)
class WordAttribution:
    """A word of the text (of a long text, a run of words) and how much it moved the label.

    Attributes:
        word: as it stands in the text.
        start: index of its first character (code point) in the text.
        end: index after its last character.
        weight: what it adds to the probability of the label, -1 to 1; negative where it speaks against the label.
    """

    word: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True)
class AmbiguousWord:
    """The word that moved the probabilities most, where the training data uses it for two labels.

    Attributes:
        word: in the plain form of the training data.
        shares: of the rows that it decides there, the shares of its two most frequent labels, the larger first.
    """

    word: str
    shares: Mapping[str, float]

    def __str__(self) -> str:
        (first, share), (second, other) = self.shares.items()
        evenly = " about evenly" if share - other < 0.2 else ""
        return (
            f"{self.word}: {first} or {second}{evenly} in the training data ({share:.0%} and {other:.0%} of its rows)"
        )


@dataclass(frozen=True)
class Explanation:
    """Why a text has its label.

    Attributes:
        text: the text as it was given.
        label: the label with the highest score, of a multi-label model too.
        score: its probability.
        method: "loo", "shapley" or "integrated-gradients".
        words: every word, in the order of the text.
        ambiguous: the deciding word, where it is one that the training data uses for two labels; else None.
        convergence_delta: of integrated gradients, how far the sum over all tokens, those outside words included, is
            from what they add to the probability; None of other methods.
    """

    text: str
    label: str
    score: float
    method: str
    words: tuple[WordAttribution, ...]
    ambiguous: AmbiguousWord | None = None
    convergence_delta: float | None = None

    @property
    def completeness_error(self) -> float | None:
        """`convergence_delta`; deprecated."""
        warn_renamed("Explanation.completeness_error", "Explanation.convergence_delta")
        return self.convergence_delta

    def strongest(self, count: int) -> list[WordAttribution]:
        """The words that moved the label most, for or against it, the strongest first."""
        return sorted(self.words, key=lambda word: -abs(word.weight))[:count]

    def pieces(self) -> Iterator[tuple[str, float]]:
        """The text in pieces, words and what is between them, each with its share (-1 to 1) of the largest weight."""
        largest = max((abs(word.weight) for word in self.words), default=0) or 1
        done = 0
        for word in self.words:
            yield self.text[done : word.start], 0.0
            yield self.text[word.start : word.end], word.weight / largest
            done = word.end
        yield self.text[done:], 0.0

    def _repr_html_(self) -> str:
        """The text with its words shaded, for notebooks: green for the label, red against it."""
        shaded = "".join(_html_piece(piece, share) for piece, share in self.pieces())
        note = f"<br><small>{escape(str(self.ambiguous))}</small>" if self.ambiguous else ""
        return f'<p dir="auto"><b>{escape(self.label)}</b> {self.score:.1%}<br>{shaded}{note}</p>'


def explain(
    classifier: Classifier,
    texts: Sequence[str],
    *,
    method: str = "loo",
    seed: int = 0,
    ambiguous_keywords: Keywords | None = None,
) -> list[Explanation]:
    """Weigh every word of each text by what becomes of the probabilities without it.

    "loo" (leave one out) takes out each word alone. "shapley" puts the words into the text one by one, in
    SHAPLEY_ORDERS orders, and takes the mean of what each adds: an unbiased estimate of its Shapley value (Castro,
    Gomez and Tejada 2009), whose sum over the words is the probability of the label less that of no words. It sees
    what words do together, and scores some SHAPLEY_ORDERS times the variants. A text of more than MAX_UNITS words is
    weighed by so many runs of consecutive words. The explanation of a text does not depend on the others.

    Args:
        classifier: any.
        texts: any number of texts of any length; an empty one has no words.
        method: "loo" or "shapley".
        seed: of the random orders.
        ambiguous_keywords: words that decide labels like a coin, and the shares of their labels.

    Raises:
        ValueError: no such method.
    """
    if method not in METHODS:
        raise ValueError(f"no method {method!r}; allowed: {', '.join(METHODS)}")
    units = [Words(text) for text in texts]
    designs = {count: METHODS[method](count, seed) for count in {len(words.spans) for words in units}}
    of_units = [designs[len(words.spans)] for words in units]
    variants = (words.kept(mask) for words, (masks, _) in zip(units, of_units, strict=True) for mask in masks)
    rows = _score(classifier, variants)
    explanations = []
    for words, (masks, estimator) in zip(units, of_units, strict=True):
        scored, rows = rows[: len(masks)], rows[len(masks) :]
        whole = scored[masks.all(axis=1).argmax()]
        label = int(whole.argmax())
        weights = estimator @ scored
        explanations.append(
            Explanation(
                words.text,
                classifier.labels[label],
                float(whole[label]),
                method,
                words.weighted(weights[:, label].tolist()),
                ambiguous_word(words, np.abs(weights).sum(axis=1) / 2, ambiguous_keywords or {}),
            )
        )
    return explanations


def variants(text: str, method: str) -> int:
    """How many variants of a text are scored to explain it, at most.

    Args:
        text: the text.
        method: a key of METHODS.
    """
    words = min(MAX_UNITS, sum(1 for _ in _WORD.finditer(text)))
    return (SHAPLEY_ORDERS if method == "shapley" else 1) * (words + 1)


class Words:
    """A text cut at its words, so that any of them can be taken out of it."""

    def __init__(self, text: str) -> None:
        """Find the words of a text, runs of them where there are more than MAX_UNITS.

        Attributes: `text`, and `spans`, the start and end of each word.
        """
        self.text = text
        self.spans = _in_runs([match.span() for match in _WORD.finditer(text)])
        starts = [start for start, _ in self.spans]
        self._before = text[: starts[0]] if starts else text
        self._with = [text[start:stop] for start, stop in pairwise([*starts, len(text)])]
        self._without = list(self._gaps())

    def kept(self, mask: Sequence[bool] | NDArray[np.bool_]) -> str:
        """The text with the words that `mask` is true for, one entry a word; with all of them, as it is.

        What is between the words stays, but no two spaces where a word was, and kept words never grow together.
        """
        kept = mask.tolist() if isinstance(mask, np.ndarray) else list(mask)
        if all(kept):
            return self.text
        parts = [whole if keep else rest for keep, whole, rest in zip(kept, self._with, self._without, strict=True)]
        return (self._before + "".join(parts)).strip()

    def weighted(self, weights: Sequence[float]) -> tuple[WordAttribution, ...]:
        """The words with their weights."""
        pairs = zip(self.spans, weights, strict=True)
        return tuple(WordAttribution(self.text[start:end], start, end, weight) for (start, end), weight in pairs)

    def _gaps(self) -> Iterator[str]:
        """What is left of each word, and of what follows it, when the word is taken out."""
        separate = not self._before or self._before[-1].isspace()
        for whole, (start, end) in zip(self._with, self.spans, strict=True):
            gap = whole[end - start :]
            if separate:
                yield gap.lstrip()
            else:
                yield gap if any(map(str.isspace, gap)) else f"{gap} "
            separate = gap[-1:].isspace()


def _in_runs(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    size = -(-len(spans) // MAX_UNITS) or 1
    runs = (spans[first : first + size] for first in range(0, len(spans), size))
    return [(run[0][0], run[-1][1]) for run in runs]


def _leave_one_out(words: int, seed: int) -> tuple[Masks, Estimator]:
    """The whole text, then the text without each word."""
    ones = np.eye(words)
    masks = np.concatenate([np.ones((1, words), bool), ones == 0])
    return masks, np.concatenate([np.ones((words, 1)), -ones], axis=1)


def _shapley(words: int, seed: int) -> tuple[Masks, Estimator]:
    """For each order of the words, the text with none of them, the first, the first two, and so on to all."""
    generator = np.random.default_rng(seed)
    drawn = [generator.permutation(words) for _ in range(SHAPLEY_ORDERS // 2)]
    place = np.argsort([order for one in drawn for order in (one, one[::-1])], axis=1)[:, None]
    step = np.arange(words + 1)[None, :, None]
    masks = place < step
    added = ((place + 1 == step) * 1.0 - (place == step)) / SHAPLEY_ORDERS
    variants = SHAPLEY_ORDERS * (words + 1)
    return masks.reshape(variants, words), added.reshape(variants, words).T


METHODS: Mapping[str, Callable[[int, int], tuple[Masks, Estimator]]] = MappingProxyType(
    {"loo": _leave_one_out, "shapley": _shapley}
)
"""Number of words and seed -> the variants to score, and how the weights come of them."""


def _score(classifier: Classifier, variants: Iterable[str]) -> NDArray[np.float32]:
    """Probabilities of the variants, float32 (variants, labels); equal ones are scored once."""
    rows = [np.empty((0, len(classifier.labels)), np.float32)]
    for batch in _batches(variants):
        places: dict[str, int] = {}
        index = [places.setdefault(variant, len(places)) for variant in batch]
        rows.append(classifier.predict_proba(list(places))[index])
    return np.concatenate(rows)


def _batches(variants: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    characters = 0
    for variant in variants:
        batch.append(variant)
        characters += len(variant) + 1
        if characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def ambiguous_word(words: Words, moved: NDArray[np.float64], shares: Keywords) -> AmbiguousWord | None:
    """The word that moved most probability between labels, float64 (words,), if it decides and is in the table."""
    if moved.max(initial=0) < MIN_MOVED:
        return None
    start, end = words.spans[moved.argmax()]
    word = normalize(words.text[start:end])
    return AmbiguousWord(word, shares[word]) if word in shares else None


def _html_piece(piece: str, share: float) -> str:
    shown = escaped(piece)
    if abs(share) < 0.02:
        return shown
    colour = "46,160,67" if share > 0 else "248,81,73"
    style = f"background:rgba({colour},{abs(share) * 0.6:.2f});color:inherit"
    return f'<mark style="{style}">{shown}</mark>'
