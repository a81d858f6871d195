"""Rules that combine the sentences of a long text, chosen on one half of the texts and measured on the other.

The texts have a known label. They are comments of several sentences from GoEmotions' dev split, whose label people gave
to the whole comment; and texts recombined from dev comments, or from validation rows of `emotion`, in random order:
parts with their label, fewer parts with another label, and neutral parts. The halves share no part. A rule is chosen by
its mean log loss over the kinds of text.
Run: python benchmarks/long_texts.py --data DIR --goemotions DIR
"""

from __future__ import annotations

import argparse
import hashlib
import random
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import record
from emoscope import EMOTIONS, EmotionClassifier
from emoscope.data import load_examples
from emoscope.evaluation import expected_calibration_error, log_loss
from emoscope.labels import Labels
from emoscope.sentences import sentences
from emoscope.timeline import CERTAINTY, EVIDENCE, combine

RECOMBINED = {
    "2 of one, 1 neutral": ("comments", 2, 0, 1),
    "4 of one, 4 neutral": ("comments", 4, 0, 4),
    "8 of one, 4 of another, 8 neutral": ("comments", 8, 4, 8),
    "20 of one, 10 of another, 30 neutral": ("comments", 20, 10, 30),
    "4 rows of one": ("rows", 4, 0, 0),
    "4 rows of one, 2 of another": ("rows", 4, 2, 0),
    "12 rows of one, 6 of another": ("rows", 12, 6, 0),
}
"""Kind of text -> kind of its parts, and how many have its label, another label, and the label neutral."""
GRID = tuple(product((0.0, 1.0, 2.0, 3.0, 4.0), (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)))
"""Exponents of certainty and evidence to choose from."""

Labelled = list[tuple[str, str]]
Parts = dict[str, dict[str, list[str]]]
"""Kind of part -> label or "neutral" -> texts."""
Rule = Callable[["Scored"], NDArray[np.float32]]


class Scored(NamedTuple):
    """Texts and sentences, scored once for every rule."""

    truth: NDArray[np.int64]
    windows: NDArray[np.float32]
    rows: NDArray[np.float32]
    counts: NDArray[np.int64]
    words: NDArray[np.float64]


def main() -> None:
    args = _arguments()
    classifier = EmotionClassifier.from_pretrained(args.model)
    halves = [_texts(args, half) for half in (0, 1)]
    choosing, measuring = ({kind: _score(classifier, texts) for kind, texts in half.items()} for half in halves)
    chosen = min(GRID, key=lambda powers: _mean(_measure(_powers(*powers), choosing), "loss"))
    measured = {name: _measure(rule, measuring) for name, rule in RULES.items()}
    results = {
        "model": args.model,
        "texts": {kind: len(scored.truth) for kind, scored in measuring.items()},
        "sentences": {kind: float(scored.counts.mean()) for kind, scored in measuring.items()},
        "chosen": dict(zip(("certainty", "evidence"), chosen, strict=True)),
        "chosen_loss": _mean(_measure(_powers(*chosen), choosing), "loss"),
        "shipped": {"certainty": CERTAINTY, "evidence": EVIDENCE},
        "shipped_loss": _mean(_measure(combined, choosing), "loss"),
        "measured": measured,
    }
    for name, kinds in measured.items():
        print(f"{name:<20}", {metric: round(_mean(kinds, metric), 4) for metric in ("accuracy", "loss", "ece")})
    print({key: results[key] for key in ("chosen", "chosen_loss", "shipped", "shipped_loss")})
    print(record.write(args.result, results, packages=("emoscope", "onnxruntime", "numpy"), seed=args.seed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--goemotions", required=True, type=Path)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--texts", type=int, default=400, help="texts of each recombined kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--result", default="long_texts")
    return parser.parse_args()


def _texts(args: argparse.Namespace, half: int) -> dict[str, Labelled]:
    comments, parts = _comments(args.goemotions, half)
    rows = load_examples(args.data, "validation")
    of_label: dict[str, list[str]] = {label: [] for label in EMOTIONS}
    for text, label in zip(rows.texts, rows.label_ids.tolist(), strict=True):
        if _half(text) == half:
            of_label[EMOTIONS[label]].append(text)
    of_kind: Parts = {"comments": parts, "rows": of_label | {"neutral": []}}
    draw = random.Random(args.seed)
    recombined = {
        kind: [_recombine(of_kind[part], own, other, neutral, draw) for _ in range(args.texts)]
        for kind, (part, own, other, neutral) in RECOMBINED.items()
    }
    return {"comments of several sentences": comments, **recombined}


def _comments(folder: Path, half: int) -> tuple[Labelled, dict[str, list[str]]]:
    """Comments of several sentences with one of the six emotions; and by label, all comments with no other label."""
    names = Labels((folder / "labels.txt").read_text(encoding="utf-8").split())
    rows = load_examples(folder / "dev.tsv", labels=names, multi_label=True, text_column=0, label_column=1)
    several: Labelled = []
    alone: dict[str, list[str]] = {label: [] for label in (*EMOTIONS, "neutral")}
    for text, indicators in zip(rows.texts, rows.label_ids, strict=True):
        labels = [names.names[i] for i in np.flatnonzero(indicators)]
        own = [label for label in labels if label in EMOTIONS]
        if _half(text) != half:
            continue
        if len(own) == 1 and len(sentences(text)) > 1:
            several.append((text, own[0]))
        if len(labels) == 1 and labels[0] in alone:
            alone[labels[0]].append(text)
    return several, alone


def _half(text: str) -> int:
    return hashlib.sha256(text.encode()).digest()[-1] % 2


def _recombine(parts: dict[str, list[str]], own: int, other: int, neutral: int, draw: random.Random) -> tuple[str, str]:
    label, another = draw.sample(EMOTIONS, 2)
    drawn = draw.sample(parts[label], own) + draw.sample(parts[another], other)
    drawn += draw.sample(parts["neutral"], neutral)
    draw.shuffle(drawn)
    ended = (part if part[-1:] in ".!?" else f"{part}." for part in map(str.strip, drawn))
    return " ".join(ended), label


def _score(classifier: EmotionClassifier, texts: Labelled) -> Scored:
    split = [[sentence.text for sentence in sentences(text)] for text, _ in texts]
    parts = [sentence for part in split for sentence in part]
    return Scored(
        np.array([EMOTIONS.index(label) for _, label in texts]),
        classifier.predict_proba([text for text, _ in texts]),
        classifier.predict_proba(parts),
        np.array([len(part) for part in split]),
        np.array([len(sentence.split()) for sentence in parts], np.float64),
    )


def _powers(certainty: float, evidence: float) -> Rule:
    return lambda scored: combine(scored.rows, scored.counts, certainty=certainty, evidence=evidence)


def combined(scored: Scored) -> NDArray[np.float32]:
    return combine(scored.rows, scored.counts)


def _windows(scored: Scored) -> NDArray[np.float32]:
    return scored.windows


def _by_words(scored: Scored) -> NDArray[np.float32]:
    return _pooled(scored.rows.astype(np.float64), scored.words, scored.counts)


def _logarithms(scored: Scored) -> NDArray[np.float32]:
    """The normalized geometric mean: the mean of logits."""
    means = _pooled(np.log(np.maximum(scored.rows, 1e-6)).astype(np.float64), np.ones_like(scored.words), scored.counts)
    exponentials = np.exp(means)
    return exponentials / exponentials.sum(1, keepdims=True)


def _pooled(
    values: NDArray[np.float64], weights: NDArray[np.float64], counts: NDArray[np.int64]
) -> NDArray[np.float32]:
    starts = np.cumsum(counts) - counts
    sums = np.add.reduceat(values * weights[:, None], starts)
    return (sums / np.add.reduceat(weights, starts)[:, None]).astype(np.float32)


RULES: Mapping[str, Rule] = {
    "windows": _windows,
    "mean": _powers(0, 0),
    "mean by words": _by_words,
    "mean of logits": _logarithms,
    "mean by certainty": _powers(CERTAINTY, 0),
    "combined": combined,
}
"""Rules that are measured; "windows" reads the whole text at once, "combined" is the rule of the package."""


def _measure(rule: Rule, half: Mapping[str, Scored]) -> dict[str, dict[str, float]]:
    measured = {}
    for kind, scored in half.items():
        rows = rule(scored)
        measured[kind] = {
            "accuracy": float(np.mean(rows.argmax(1) == scored.truth)),
            "loss": log_loss(rows, scored.truth),
            "ece": expected_calibration_error(rows, scored.truth),
        }
    return measured


def _mean(measured: Mapping[str, Mapping[str, Any]], metric: str) -> float:
    return float(np.mean([kind[metric] for kind in measured.values()]))


if __name__ == "__main__":
    main()
