"""Timelines: the scores of a text sentence by sentence, and the scores of the whole text combined from them.

Works with any `Classifier`. The rule that combines sentences was chosen on some texts and measured on others
(`benchmarks/long_texts.py`, docs/timeline.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emoscope.html_page import Fragments, escaped, label_colour, label_colours
from emoscope.prediction import Prediction
from emoscope.probabilities import log_probabilities
from emoscope.protocols import (
    Classifier,
    is_multi_label,
    neutral_predictor,
    predict_distinct,
    split_neutral,
    thresholds_of,
)
from emoscope.sentences import Sentence, sentences

CERTAINTY = 2.0
"""Exponent of a sentence's certainty in its weight."""
EVIDENCE = 0.7
"""Exponent of the number of sentences by which their mean is sharpened: 0 for not at all, 1 as if independent."""
MIN_CERTAINTY = 1e-3
"""Certainty of a sentence whose probabilities are all equal, so that the weights never sum to 0."""
MAX_BARS = 400
"""Maximum number of bars in the picture of a timeline."""
MIN_HEIGHT = 0.02
"""Lowest probability that a bar shows."""
NO_EMOTION = "no emotion"
"""How a neutral text is shown."""
_GREY = "#8888"  # of neutral sentences, in light and dark


@dataclass(frozen=True)
class ScoredSentence:
    """A sentence of a text and its scores.

    Attributes:
        text: the sentence without surrounding white space.
        start: index of its first character (code point) in the text.
        end: index after its last character.
        prediction: scores of the sentence alone.
    """

    text: str
    start: int
    end: int
    prediction: Prediction


@dataclass(frozen=True)
class Timeline:
    """The scores of a text, sentence by sentence.

    Attributes:
        text: the raw text.
        prediction: scores of the whole text, combined from its sentences; for a blank text, the classifier's own.
        sentences: the sentences in order; none for a blank text.
    """

    text: str
    prediction: Prediction
    sentences: tuple[ScoredSentence, ...]

    def to_json(self) -> dict[str, Any]:
        """The timeline as `json.dumps` takes it.

        Returns:
            `labels`; `label`, `score` and `scores` of the whole text; and for each of the `sentences` its `text`,
            `start`, `end`, `label`, `score` and `scores`. `scores` are lists in the order of `labels`. Text and
            sentences have `neutral` as well if the model gives it.
        """
        return {
            "labels": list(self.prediction.scores),
            **_to_json(self.prediction),
            "sentences": [
                {"text": one.text, "start": one.start, "end": one.end, **_to_json(one.prediction)}
                for one in self.sentences
            ],
        }

    def columns(self, max_columns: int) -> NDArray[np.float64]:
        """How much the sentences express each label, in order, float64 (columns, labels); means of runs if too many.

        The probabilities of a sentence, times the probability that it expresses an emotion at all.
        """
        rows = np.array([expressed(sentence.prediction) for sentence in self.sentences])
        runs = np.array_split(rows, min(len(rows), max_columns)) if len(rows) else []
        return np.array([run.mean(0) for run in runs]).reshape(-1, len(self.prediction.scores))

    def _repr_html_(self) -> str:
        """For notebooks: a stacked bar for each sentence, and the text in the colours of its labels."""
        prediction = self.prediction
        label, score = shown_answer(prediction)
        labels = list(prediction.scores)
        colours = dict(zip(labels, map(label_colour, label_colours(labels)), strict=True))
        legend = " ".join(f'<span style="{_line(c)}">{escaped(name)}</span>' for name, c in colours.items())
        return (
            f'<p dir="auto"><b>{escaped(label)}</b> {score:.1%} &ensp;<small>{legend}</small></p>'
            f"{stacked_bars(self.columns(MAX_BARS), list(colours.values()), 'emotions of the sentences in order')}"
            f'<p dir="auto">{"".join(_marked(self, colours))}</p>'
        )


def shown_answer(prediction: Prediction) -> tuple[str, float]:
    """What a text or sentence is shown as, its label or NO_EMOTION, and the probability of that."""
    if prediction.neutral is not None and prediction.is_neutral:
        return NO_EMOTION, prediction.neutral
    return prediction.label, prediction.score


def expressed(prediction: Prediction) -> list[float]:
    """The probability of each label, times the probability that a text expresses an emotion at all."""
    share = 1.0 - (prediction.neutral or 0.0)
    return [share * score for score in prediction.scores.values()]


def timeline(classifier: Classifier, texts: Sequence[str]) -> list[Timeline]:
    """Score every sentence of each text, and each text from its sentences.

    Equal sentences are scored once. The timeline of a text does not depend on the other texts.

    Args:
        classifier: any classifier.
        texts: any number of texts of any length.
    """
    scored = _score(classifier, texts)
    of_sentences = iter(_predictions(classifier, scored.sentence_rows))
    return Fragments(
        Timeline(text, prediction, tuple(ScoredSentence(*sentence, next(of_sentences)) for sentence in split))
        for text, prediction, split in zip(
            texts, _predictions(classifier, scored.text_rows), scored.sentences, strict=True
        )
    )


def score_by_sentences(classifier: Classifier, texts: Sequence[str]) -> NDArray[np.float32]:
    """Probabilities of texts and, last, of neutral, combined from those of their sentences, float32 (texts, columns).

    Without the last column for a classifier that does not give it.
    """
    return _score(classifier, texts).text_rows


class _Scored(NamedTuple):
    sentences: list[list[Sentence]]
    sentence_rows: NDArray[np.float32]
    """Probabilities of all sentences in order; a column for each label and perhaps one for neutral."""
    text_rows: NDArray[np.float32]
    """The same of the texts."""


def _score(classifier: Classifier, texts: Sequence[str]) -> _Scored:
    """Probabilities of sentences and texts; a text without a sentence is scored as it is."""
    split = [sentences(text) for text in texts]
    counts = np.array([len(found) for found in split], np.int64)
    parts = [part for text, found in zip(texts, split, strict=True) for part in [s.text for s in found] or [text]]
    rows = predict_distinct(neutral_predictor(classifier), parts)
    counts_of_parts = np.maximum(counts, 1)
    labels, neutral = split_neutral(rows, len(classifier.labels))
    text_rows = combine(labels, counts_of_parts, multi_label=is_multi_label(classifier))
    if neutral is not None:
        text_rows = np.column_stack([text_rows, combine_neutral(neutral, counts_of_parts)])
    return _Scored(split, rows[np.repeat(counts > 0, np.maximum(counts, 1))], text_rows)


def combine(
    rows: NDArray[np.float32],
    counts: NDArray[np.int64],
    *,
    certainty: float = CERTAINTY,
    evidence: float = EVIDENCE,
    multi_label: bool = False,
) -> NDArray[np.float32]:
    """Probabilities of texts from those of their sentences.

    The weight of a sentence is its certainty w = (1 - H / log labels) ** `certainty`, where H is the entropy of its
    probabilities, so that sentences without emotion do not dilute the others. The weighted mean is then sharpened,
    q ~ mean ** (n ** `evidence`), because many sentences that agree are better evidence than one. n = (sum w)^2 /
    sum w^2 is the effective number of sentences (Kish, "Survey Sampling", 1965). A text of one sentence keeps its
    probabilities. For a multi-label model, whose labels do not compete, the probability of a label is its maximum over
    the sentences.

    Args:
        rows: probabilities of the sentences of all texts, (sentences, labels).
        counts: number of sentences of each text, at least 1.
        certainty: exponent of the certainty; with 0 all sentences have the same weight.
        evidence: exponent of the number of sentences; with 0 the mean is not sharpened.
        multi_label: whether each label has a probability of its own.

    Returns:
        float32 (texts, labels).
    """
    if not len(counts):
        return np.empty((0, rows.shape[1]), np.float32)
    starts = np.cumsum(counts) - counts
    if multi_label:
        largest: NDArray[np.float32] = np.maximum.reduceat(rows, starts)
        return largest
    wide = rows.astype(np.float64)
    entropy = -(wide * log_probabilities(wide)).sum(1) / np.log(max(rows.shape[1], 2))
    weights = np.maximum(1.0 - entropy, MIN_CERTAINTY) ** certainty
    total = np.add.reduceat(weights, starts)
    mean = np.add.reduceat(wide * weights[:, None], starts) / total[:, None]
    effective = total**2 / np.add.reduceat(weights**2, starts)
    sharpened = log_probabilities(mean) * (effective**evidence)[:, None]
    exponentials = np.exp(sharpened - sharpened.max(1, keepdims=True))
    result: NDArray[np.float64] = exponentials / exponentials.sum(1, keepdims=True)
    return result.astype(np.float32)


def combine_neutral(neutral: NDArray[np.float32], counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Probability that a text expresses no emotion: the smallest of its sentences', as one sentence can express it.

    Args:
        neutral: of the sentences of all texts, (sentences,).
        counts: number of sentences of each text, at least 1.

    Returns:
        float32 (texts,).
    """
    smallest: NDArray[np.float32] = np.minimum.reduceat(neutral, np.cumsum(counts) - counts) if len(counts) else neutral
    return smallest


def _predictions(classifier: Classifier, rows: NDArray[np.float32]) -> list[Prediction]:
    thresholds, labels = thresholds_of(classifier), classifier.labels
    scores, neutral = split_neutral(rows, len(labels))
    return [
        Prediction.from_scores(dict(zip(labels, row, strict=True)), thresholds, neutral=each)
        for row, each in zip(scores.tolist(), repeat(None) if neutral is None else neutral.tolist(), strict=False)
    ]


def _to_json(prediction: Prediction) -> dict[str, Any]:
    scored = {"label": prediction.label, "score": prediction.score, "scores": list(prediction.scores.values())}
    return scored if prediction.neutral is None else scored | {"neutral": prediction.neutral}


def stacked_bars(columns: NDArray[np.float64], colours: Sequence[str], name: str) -> str:
    """Stacked bars as an SVG as wide as the page.

    Args:
        columns: heights, (columns, labels), which together are at most 1.
        colours: CSS colour of each label.
        name: what the picture shows, for screen readers.
    """
    if not len(columns):
        return ""
    tops = np.cumsum(columns, axis=1) / np.maximum(columns.sum(1, keepdims=True), 1.0)
    width = 0.9 if len(tops) < 100 else 1
    bars = "".join(
        f'<rect x="{x}" y="{1 - top:.3f}" width="{width}" height="{height:.3f}" fill="{colour}"/>'
        for x, (column, row) in enumerate(zip(tops, np.diff(tops, prepend=0, axis=1), strict=True))
        for top, height, colour in zip(column, row, colours, strict=True)
        if height >= MIN_HEIGHT
    )
    box = f'viewBox="0 0 {len(tops)} 1" preserveAspectRatio="none" style="width:100%;height:4em"'
    return f'<svg {box} role="img" aria-label="{escaped(name)}">{bars}</svg>'


def _marked(timeline: Timeline, colours: Mapping[str, str]) -> Iterator[str]:
    """The text in pieces, each sentence in the colour of its label, the stronger the higher its score."""
    done = 0
    for sentence in timeline.sentences:
        label, score = shown_answer(sentence.prediction)
        yield escaped(timeline.text[done : sentence.start])
        style = marked_style(label, score, colours)
        yield f'<mark style="{style}" title="{escaped(label)} {score:.1%}">{escaped(sentence.text)}</mark>'
        done = sentence.end
    yield escaped(timeline.text[done:])


def marked_style(label: str, score: float, colours: Mapping[str, str]) -> str:
    """CSS of words with this answer of `shown_answer`: the colour of the label, the stronger the higher its score."""
    colour, strength = (_GREY, 0) if label == NO_EMOTION else (colours[label], 31 * score)
    tint = f"color-mix(in srgb, {colour} {strength:.0f}%, transparent)"
    return f"background:{tint};color:inherit;{_line(colour)}"


def _line(colour: str) -> str:
    return f"border-bottom:3px solid {colour}"
