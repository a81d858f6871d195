"""Accuracy of predicting a label from one word of a text, for several ways to choose the word.

Fitted on train, measured on validation.

Run: python benchmarks/single_word.py --data DIR
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

import record
from emoscope.data import Examples, load_splits
from emoscope.evaluation.keywords import MIN_ROWS, fit_keywords

Strength = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Number of rows with each word by label, (words, labels) -> strength of each word, (words,)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    splits = load_splits(parser.parse_args().data)
    train, held_out = splits["train"], splits["validation"]
    keywords, majority = fit_keywords(train), int(np.bincount(train.label_ids).argmax())
    named = {
        f"plain rule (at least {MIN_ROWS} rows)": keywords.predict_label_ids(held_out.texts),
        "rare words too, by the rows that they decide": keywords.predict_proba(held_out.texts).argmax(1),
        **{
            f"largest share of one label, at least {least} rows": _by(_share, train, held_out, least)
            for least in (2, 5, 20)
        },
        "largest information gain": _by(_gain(train), train, held_out, 1),
        "most frequent label, no word": np.full(len(held_out), majority),
    }
    results = {name: float(np.mean(ids == held_out.label_ids)) for name, ids in named.items()}
    print(results)
    print(record.write("single_word", results, packages=("emoscope", "numpy")))


def _by(strength: Strength, train: Examples, held_out: Examples, least: int) -> NDArray[np.int64]:
    """The most frequent label of each text's strongest word among those in at least `least` rows."""
    words = sorted({word for text in train.texts for word in text.split()})
    index = {word: i for i, word in enumerate(words)}
    counts = np.zeros((len(words), len(train.labels)))
    for text, label in zip(train.texts, train.label_ids, strict=True):
        counts[[index[word] for word in set(text.split())], label] += 1
    known = {words[i] for i in np.flatnonzero(counts.sum(1) >= least)}
    order = np.lexsort((counts.sum(1), strength(counts)))
    rank = np.empty(len(words), np.int64)
    rank[order] = np.arange(len(words))
    majority = int(np.bincount(train.label_ids).argmax())

    def name(text: str) -> int:
        best = max((index[word] for word in text.split() if word in known), key=rank.__getitem__, default=None)
        return majority if best is None else int(counts[best].argmax())

    return np.array([name(text) for text in held_out.texts])


def _share(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = counts.max(1) / counts.sum(1)
    return shares


def _gain(train: Examples) -> Strength:
    """Information gain: how much the entropy of the label falls if it is known whether a text contains the word."""
    labels = np.bincount(train.label_ids, minlength=len(train.labels))

    def gain(counts: NDArray[np.float64]) -> NDArray[np.float64]:
        with_word, rows = counts.sum(1) / len(train), labels - counts
        return -with_word * _entropy(counts) - (1 - with_word) * _entropy(rows)

    return gain


def _entropy(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    shares = counts / counts.sum(1, keepdims=True)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    entropies: NDArray[np.float64] = -(shares * logs).sum(1)
    return entropies


if __name__ == "__main__":
    main()
