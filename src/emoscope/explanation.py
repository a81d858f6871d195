"""Word attributions: how much each word of a text contributed to its label.

A method perturbs the raw text by removing words, and estimates the weight of each word from the probabilities of the
perturbed texts. It works with any `Classifier`, and knows no tokenizer and no gradients.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.deprecation import warn_renamed
from emoscope.html_page import Fragments, escaped
from emoscope.protocols import Classifier, Keywords, predict_distinct
from emoscope.text import normalize

MAX_WORDS = 256
"""Maximum number of words with a weight of their own; a longer text is divided into so many runs of words."""
PERMUTATIONS = 10
"""Random orders of the words from which Shapley values are estimated; half of them are the others reversed."""
MIN_SHIFT = 0.1
"""Probability that a word must shift from one label to others to count as the deciding word."""
BATCH_CHARACTERS = 8_000_000
"""Characters of perturbed texts that are in memory at once."""

# Every pattern runs in linear time. A word keeps its apostrophes; punctuation around it is not part of it. What the
# normalizers read as one unit (an emoji with its modifiers, a hashtag, an emoticon, a URL) is one word.
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
"""Words that each perturbation of a text keeps, bool (perturbations, words)."""
Estimator = NDArray[np.float64]
"""Linear map from the probabilities of the perturbed texts to the weights of the words, (words, perturbations)."""


@dataclass(frozen=True)
class WordAttribution:
    """A word of a text (in a long text, a run of words) and its contribution to the label.

    Attributes:
        word: the word as it is in the text.
        start: index of its first character (code point) in the text.
        end: index after its last character.
        weight: what the word adds to the probability of the label, -1 to 1; negative if it speaks against the label.
    """

    word: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True)
class AmbiguousWord:
    """The word that decided the label, if the training data uses it for two labels.

    Attributes:
        word: the word in the plain form of the training data.
        shares: its two most frequent labels and their shares of the training rows that it decides, the larger first.
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
        text: the raw text.
        label: the label with the highest probability, for multi-label models too.
        score: probability of the label.
        method: "loo", "shapley" or "integrated-gradients".
        words: every word, in the order of the text.
        ambiguous: the word that decided the label, if the training data uses it for two labels; else None.
        convergence_delta: for integrated gradients, the difference between the sum of the attributions of all tokens
            (those outside words included) and what they add to the probability together; None for other methods.
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

    def to_json(self) -> dict[str, Any]:
        """The fields as `json.dumps` takes them, `convergence_delta` under its old name `completeness_error` too."""
        return {**asdict(self), "completeness_error": self.convergence_delta}

    def strongest(self, count: int) -> list[WordAttribution]:
        """The words with the largest weights, positive or negative, the largest first."""
        return sorted(self.words, key=lambda word: -abs(word.weight))[:count]

    def pieces(self) -> Iterator[tuple[str, float]]:
        """The text in pieces, words and what is between them, each with its weight as a share of the largest one."""
        largest = max((abs(word.weight) for word in self.words), default=0) or 1
        done = 0
        for word in self.words:
            yield self.text[done : word.start], 0.0
            yield self.text[word.start : word.end], word.weight / largest
            done = word.end
        yield self.text[done:], 0.0

    def _repr_html_(self) -> str:
        """The text for notebooks, words for the label shaded green and words against it red."""
        shaded = "".join(_html_piece(piece, share) for piece, share in self.pieces())
        note = f"<br><small>{escaped(str(self.ambiguous))}</small>" if self.ambiguous else ""
        return f'<p dir="auto"><b>{escaped(self.label)}</b> {self.score:.1%}<br>{shaded}{note}</p>'


def explain(
    classifier: Classifier,
    texts: Sequence[str],
    *,
    method: str = "loo",
    seed: int = 0,
    ambiguous_keywords: Keywords | None = None,
) -> list[Explanation]:
    """Attribute the label of each text to its words.

    "loo" (leave one out) removes each word alone: its weight is the probability that is lost without it. "shapley"
    adds the words one by one, in PERMUTATIONS random orders: the weight is the mean of what the word adds, an unbiased
    estimate of its Shapley value (Castro, Gomez and Tejada, "Polynomial calculation of the Shapley value based on
    sampling", 2009). The weights then sum to the probability of the label minus its probability without any word. This
    captures what words do together, and scores about PERMUTATIONS times as many texts. A text of more than MAX_WORDS
    words is divided into so many runs of words. The explanation of a text does not depend on the other texts.

    Args:
        classifier: any classifier.
        texts: any number of texts of any length; an empty text has no words.
        method: "loo" or "shapley".
        seed: seed of the random orders.
        ambiguous_keywords: words that the training data uses for two labels, with the share of each label.

    Raises:
        ValueError: no such method.
    """
    if method not in METHODS:
        raise ValueError(f"no method {method!r}; allowed: {', '.join(METHODS)}")
    split = [Words(text) for text in texts]
    designs = {count: METHODS[method](count, seed) for count in {len(words.spans) for words in split}}
    perturbed = (words.keep(mask) for words in split for mask in designs[len(words.spans)][0])
    rows = _score(classifier, perturbed)
    explanations = []
    for words in split:
        masks, estimator = designs[len(words.spans)]
        scored, rows = rows[: len(masks)], rows[len(masks) :]
        unperturbed = scored[masks.all(axis=1).argmax()]
        label = int(unperturbed.argmax())
        weights = estimator @ scored
        explanations.append(
            Explanation(
                words.text,
                classifier.labels[label],
                float(unperturbed[label]),
                method,
                words.attributions(weights[:, label].tolist()),
                ambiguous_word(words, np.abs(weights).sum(axis=1) / 2, ambiguous_keywords or {}),
            )
        )
    return Fragments(explanations)


def count_perturbations(text: str, method: str) -> int:
    """Maximum number of texts that are scored to explain a text by a method, a key of METHODS."""
    words = min(MAX_WORDS, sum(1 for _ in _WORD.finditer(text)))
    return (PERMUTATIONS if method == "shapley" else 1) * (words + 1)


class Words:
    """A text divided into words, any of which can be removed.

    Attributes:
        text: the text.
        spans: start and end of each word; of each run of words, if there are more than MAX_WORDS.
    """

    def __init__(self, text: str) -> None:
        """Find the words of a text."""
        self.text = text
        self.spans = _in_runs([match.span() for match in _WORD.finditer(text)])
        starts = [start for start, _ in self.spans]
        self._before = text[: starts[0]] if starts else text
        self._with = [text[start:stop] for start, stop in pairwise([*starts, len(text)])]
        self._without = list(self._gaps())

    def keep(self, mask: Sequence[bool] | NDArray[np.bool_]) -> str:
        """The text with only those words for which `mask` (one entry a word) is true; unchanged if it keeps all.

        Punctuation and spaces between the words stay, except that a removed word leaves a single space, and that the
        words around it stay apart.
        """
        kept = mask.tolist() if isinstance(mask, np.ndarray) else list(mask)
        if all(kept):
            return self.text
        parts = [word if keep else gap for keep, word, gap in zip(kept, self._with, self._without, strict=True)]
        return (self._before + "".join(parts)).strip()

    def attributions(self, weights: Sequence[float]) -> tuple[WordAttribution, ...]:
        """The words with their weights."""
        pairs = zip(self.spans, weights, strict=True)
        return tuple(WordAttribution(self.text[start:end], start, end, weight) for (start, end), weight in pairs)

    def _gaps(self) -> Iterator[str]:
        """What is left of each word and of what follows it when the word is removed."""
        separate = not self._before or self._before[-1].isspace()
        for word, (start, end) in zip(self._with, self.spans, strict=True):
            gap = word[end - start :]
            if separate:
                yield gap.lstrip()
            else:
                yield gap if any(map(str.isspace, gap)) else f"{gap} "
            separate = gap[-1:].isspace()


def _in_runs(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    size = -(-len(spans) // MAX_WORDS) or 1
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
    drawn = [generator.permutation(words) for _ in range(PERMUTATIONS // 2)]
    place = np.argsort([order for one in drawn for order in (one, one[::-1])], axis=1)[:, None]
    step = np.arange(words + 1)[None, :, None]
    masks = place < step
    added = ((place + 1 == step) * 1.0 - (place == step)) / PERMUTATIONS
    perturbations = PERMUTATIONS * (words + 1)
    return masks.reshape(perturbations, words), added.reshape(perturbations, words).T


METHODS: Mapping[str, Callable[[int, int], tuple[Masks, Estimator]]] = MappingProxyType(
    {"loo": _leave_one_out, "shapley": _shapley}
)
"""Name of a method -> function from the number of words and a seed to the perturbations and the estimator."""


def _score(classifier: Classifier, texts: Iterable[str]) -> NDArray[np.float32]:
    """Probabilities of many texts, float32 (texts, labels); equal texts of a batch are scored once."""
    rows = [predict_distinct(classifier.predict_proba, batch) for batch in _batches(texts)]
    return np.concatenate([np.empty((0, len(classifier.labels)), np.float32), *rows])


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    characters = 0
    for text in texts:
        batch.append(text)
        characters += len(text) + 1
        if characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def ambiguous_word(words: Words, shifts: NDArray[np.float64], keywords: Keywords) -> AmbiguousWord | None:
    """The deciding word of a text, if it is an ambiguous keyword.

    Args:
        words: the words of the text.
        shifts: probability that each word shifts between labels, float64 (words,).
        keywords: ambiguous keywords of the training data.
    """
    if shifts.max(initial=0) < MIN_SHIFT:
        return None
    start, end = words.spans[shifts.argmax()]
    word = normalize(words.text[start:end])
    return AmbiguousWord(word, keywords[word]) if word in keywords else None


def _html_piece(piece: str, share: float) -> str:
    shown = escaped(piece)
    if abs(share) < 0.02:
        return shown
    colour = "46,160,67" if share > 0 else "248,81,73"
    style = f"background:rgba({colour},{abs(share) * 0.6:.2f});color:inherit"
    return f'<mark style="{style}">{shown}</mark>'
