"""A classifier called like `transformers.pipeline("text-classification", top_k=None)`: inputs, keywords and results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.inputs import as_texts
from emoscope.probabilities import probabilities

FUNCTIONS = ("softmax", "sigmoid", "none")
IGNORED = {"truncation", "padding", "max_length", "num_workers"}
"""Keywords of the pipeline that change nothing here: texts are read completely, without padding, in this process."""
KEYWORDS = ("top_k", "function_to_apply", "return_all_scores", "batch_size", *sorted(IGNORED))
NOT_GIVEN = ""
"""A `top_k` that the caller left out, as in `transformers`; None is all labels."""

Score = Callable[[Sequence[str]], NDArray[np.float32]]


def function_name(function_to_apply: Any, *, multi_label: bool) -> str | None:
    """The function of the logits; None for the model's own probabilities.

    Raises:
        ValueError: there is no such function.
    """
    if function_to_apply is None:
        return None
    name = str(function_to_apply).lower().rpartition(".")[2]  # or the enumeration of transformers
    if name not in FUNCTIONS:
        raise ValueError(f"function_to_apply is {function_to_apply!r}; allowed: {', '.join(FUNCTIONS)}, or None")
    return None if name == ("sigmoid" if multi_label else "softmax") else name


def apply_function(name: str, logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logits, or what "softmax" or "sigmoid" makes of them; float32 (texts, labels)."""
    return logits if name == "none" else probabilities(logits, multi_label=name == "sigmoid")


def answer(
    score: Score, labels: Sequence[str], inputs: Any, *, top_k: Any, all_scores: bool, batch_size: int | None
) -> Any:
    """The scores of the inputs, in the shapes of the pipeline.

    Args:
        score: scores of texts, float32 (texts, labels).
        labels: label names in index order.
        inputs: a text, `{"text": ...}`, several of them, or an iterator.
        top_k: number of labels, None for all, or NOT_GIVEN.
        all_scores: whether a text without `top_k` gets all scores in a list instead of the highest alone.
        batch_size: number of texts that are taken from an iterator at once; None for 1.

    Raises:
        TypeError: the inputs are not texts, or the numbers are not numbers.
        ValueError: a number is less than 1.
    """
    is_given = top_k != NOT_GIVEN
    for name, number in (("top_k", top_k if is_given else None), ("batch_size", batch_size)):
        _check(name, number)

    def results(texts: Sequence[str]) -> list[Any]:
        ranked = [_ranked(labels, row, top_k if is_given else None) for row in score(texts).tolist()]
        return ranked if all_scores or is_given else [entries[0] for entries in ranked]

    if isinstance(inputs, Iterator):
        return _streamed(results, inputs, batch_size or 1)
    if isinstance(inputs, str):
        (result,) = results([inputs])
        return result if is_given else [result]
    if isinstance(inputs, Mapping):
        return results(as_texts([inputs]))[0]
    return results(as_texts(inputs))


def _check(name: str, number: Any) -> None:
    if number is None:
        return
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError(f"{name} is {number!r}; allowed: a whole number, or None")
    if number < 1:
        raise ValueError(f"{name} is {number}; allowed: 1 or more, or None")


def _ranked(labels: Sequence[str], row: Sequence[float], top_k: int | None) -> list[dict[str, str | float]]:
    ranking = sorted(zip(labels, row, strict=True), key=lambda item: -item[1])
    return [{"label": label, "score": score} for label, score in ranking[:top_k]]


def _streamed(results: Callable[[Sequence[str]], list[Any]], inputs: Iterator[Any], batch_size: int) -> Iterator[Any]:
    done = 0
    while batch := list(islice(inputs, batch_size)):
        yield from results(as_texts(batch, first=done))
        done += len(batch)
