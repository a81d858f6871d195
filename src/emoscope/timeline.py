"""How the emotion of a long text moves: every sentence scored, and what they say together.

Works with any `Classifier`. The rule that combines sentences was chosen on texts and measured on others
(`benchmarks/long_texts.py`, docs/timeline.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emoscope.html_page import escaped, label_colour
from emoscope.prediction import Prediction
from emoscope.protocols import Classifier, is_multi_label, thresholds_of
from emoscope.sentences import Sentence, sentences

CERTAINTY = 2.0
"""Power of a sentence's certainty that is its weight."""
EVIDENCE = 0.7
"""Power of the number of sentences by which their mean is sharpened: 0 leaves it, 1 would take them as independent."""
MIN_CERTAINTY = 1e-3
MAX_BARS = 400
MIN_HEIGHT = 0.02
"""Probability below which a bar has no part for a label."""


@dataclass(frozen=True)
class ScoredSentence:
    """A sentence of a text and what the classifier says of it.

    Attributes:
        text: without the white space around it.
        start: index of its first character (code point) in the text.
        end: index after its last character.
        prediction: of the sentence alone.
    """

    text: str
    start: int
    end: int
    prediction: Prediction


@dataclass(frozen=True)
class Timeline:
    """The emotions of a text, sentence by sentence.

    Attributes:
        text: the text as it was given.
        prediction: of the whole text, from its sentences (`combine`); of a text without one, the classifier's own.
        sentences: in order; none of a blank text.
    """

    text: str
    prediction: Prediction
    sentences: tuple[ScoredSentence, ...]

    def to_json(self) -> dict[str, Any]:
        """As `json.dumps` takes it: `labels`; `label`, `score` and `scores` of the whole; the same of each sentence.

        `scores` are lists in the order of `labels`.
        """
        return {
            "labels": list(self.prediction.scores),
            **_as_json(self.prediction),
            "sentences": [
                {"text": each.text, "start": each.start, "end": each.end, **_as_json(each.prediction)}
                for each in self.sentences
            ],
        }

    def columns(self, most: int) -> NDArray[np.float64]:
        """Probabilities of the sentences in order, float64 (columns, labels); of more than `most`, means of runs."""
        rows = np.array([list(each.prediction.scores.values()) for each in self.sentences])
        runs = np.array_split(rows, min(len(rows), most)) if len(rows) else []
        return np.array([run.mean(0) for run in runs]).reshape(-1, len(self.prediction.scores))

    def _repr_html_(self) -> str:
        """Stacked bars, one a sentence, over the text in the colours of its labels, for notebooks."""
        whole = self.prediction
        colours = [label_colour(index) for index in range(len(whole.scores))]
        of_label = dict(zip(whole.scores, colours, strict=True))
        legend = " ".join(f'<span style="{_line(c)}">{escaped(name)}</span>' for name, c in of_label.items())
        return (
            f'<p dir="auto"><b>{escaped(whole.label)}</b> {whole.score:.1%} &ensp;<small>{legend}</small></p>'
            f"{_bars(self.columns(MAX_BARS), colours)}"
            f'<p dir="auto">{"".join(_marked(self, of_label))}</p>'
        )


def timeline(classifier: Classifier, texts: Sequence[str]) -> list[Timeline]:
    """Score every sentence of each text, and each text by its sentences.

    Equal sentences are scored once; the timeline of a text does not depend on the others.

    Args:
        classifier: any.
        texts: any number of texts of any length.
    """
    parts, rows, whole = _scored(classifier, texts)
    each = iter(_predictions(classifier, rows))
    return [
        Timeline(text, prediction, tuple(ScoredSentence(*sentence, next(each)) for sentence in part))
        for text, prediction, part in zip(texts, _predictions(classifier, whole), parts, strict=True)
    ]


def score_by_sentences(classifier: Classifier, texts: Sequence[str]) -> NDArray[np.float32]:
    """Probabilities of whole texts from those of their sentences, float32 (texts, labels)."""
    return _scored(classifier, texts).whole


class _Scored(NamedTuple):
    sentences: list[list[Sentence]]
    rows: NDArray[np.float32]
    """Of all sentences in order, (sentences, labels)."""
    whole: NDArray[np.float32]
    """Of the texts, (texts, labels)."""


def _scored(classifier: Classifier, texts: Sequence[str]) -> _Scored:
    """A text without a sentence gets what the classifier says of it."""
    parts = [sentences(text) for text in texts]
    counts = np.array([len(part) for part in parts], np.int64)
    read = [[sentence.text for sentence in part] or [text] for text, part in zip(texts, parts, strict=True)]
    places: dict[str, int] = {}
    index = [places.setdefault(piece, len(places)) for piece in chain.from_iterable(read)]
    rows = classifier.predict_proba(list(places))[index]
    whole = combine(rows, np.maximum(counts, 1), multi_label=is_multi_label(classifier))
    return _Scored(parts, rows[np.repeat(counts > 0, np.maximum(counts, 1))], whole)


def combine(
    rows: NDArray[np.float32],
    counts: NDArray[np.int64],
    *,
    certainty: float = CERTAINTY,
    evidence: float = EVIDENCE,
    multi_label: bool = False,
) -> NDArray[np.float32]:
    """Probabilities of whole texts from those of their sentences.

    A sentence counts by its certainty, w = (1 - H / log labels) ** `certainty`, with H the entropy of its
    probabilities: one that says nothing does not water down the others. The weighted mean is sharpened by
    the number of sentences that speak, n = (sum w)^2 / sum w^2 (Kish, "Survey Sampling", 1965, the effective size of
    a weighted sample): q ~ mean ** (n ** `evidence`), since many sentences that agree are better evidence than
    one. A text of one sentence has its probabilities. Of a multi-label model, whose labels do not compete, each label
    has the largest probability of a sentence.

    Args:
        rows: probabilities of the sentences of all texts, (sentences, labels).
        counts: sentences of each text, one at least.
        certainty: 0 lets all sentences count alike.
        evidence: 0 leaves the mean as it is.
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
    logs = np.log(np.clip(wide, np.finfo(np.float32).tiny, 1.0))
    entropy = -(wide * logs).sum(1) / np.log(max(rows.shape[1], 2))
    weights = np.maximum(1.0 - entropy, MIN_CERTAINTY) ** certainty
    total = np.add.reduceat(weights, starts)
    mean = np.add.reduceat(wide * weights[:, None], starts) / total[:, None]
    speaking = total**2 / np.add.reduceat(weights**2, starts)
    sharpened = np.log(np.clip(mean, np.finfo(np.float32).tiny, None)) * (speaking**evidence)[:, None]
    exponentials = np.exp(sharpened - sharpened.max(1, keepdims=True))
    result: NDArray[np.float64] = exponentials / exponentials.sum(1, keepdims=True)
    return result.astype(np.float32)


def _predictions(classifier: Classifier, rows: NDArray[np.float32]) -> list[Prediction]:
    thresholds = thresholds_of(classifier)
    labels = classifier.labels
    return [Prediction.from_scores(dict(zip(labels, row, strict=True)), thresholds) for row in rows.tolist()]


def _as_json(prediction: Prediction) -> dict[str, Any]:
    return {"label": prediction.label, "score": prediction.score, "scores": list(prediction.scores.values())}


def _bars(columns: NDArray[np.float64], colours: Sequence[str]) -> str:
    """Stacked bars as an SVG of the page's width."""
    if not len(columns):
        return ""
    tops = np.cumsum(columns, axis=1) / np.maximum(columns.sum(1, keepdims=True), 1.0)
    width = 0.9 if len(tops) < 100 else 1
    bars = "".join(
        f'<rect x="{x}" y="{top - height:.3f}" width="{width}" height="{height:.3f}" fill="{colour}"/>'
        for x, (column, row) in enumerate(zip(tops, np.diff(tops, prepend=0, axis=1), strict=True))
        for top, height, colour in zip(column, row, colours, strict=True)
        if height >= MIN_HEIGHT
    )
    box = f'viewBox="0 0 {len(tops)} 1" preserveAspectRatio="none" style="width:100%;height:4em"'
    return f'<svg {box} role="img" aria-label="emotions of the sentences in order">{bars}</svg>'


def _marked(line: Timeline, colours: Mapping[str, str]) -> Iterator[str]:
    """The text in pieces, each sentence in the colour of its label, the stronger the surer."""
    done = 0
    for each in line.sentences:
        label, score = each.prediction.label, each.prediction.score
        tint = f"color-mix(in srgb, {colours[label]} {31 * score:.0f}%, transparent)"
        style = f"background:{tint};color:inherit;{_line(colours[label])}"
        yield escaped(line.text[done : each.start])
        yield f'<mark style="{style}" title="{escaped(label)} {score:.1%}">{escaped(each.text)}</mark>'
        done = each.end
    yield escaped(line.text[done:])


def _line(colour: str) -> str:
    return f"border-bottom:3px solid {colour}"
