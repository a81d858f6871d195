"""A report broken down: how good a classifier is on parts of the rows, and which parts are really worse than the rest.

A way to slice names a slice for every row: by length, negation, first person, ambiguous keyword, or a column of the
data. The interval of an accuracy is Wilson's. A slice is held against all other rows by Fisher's exact
test, and all these tests are corrected together by Holm: of twenty slices one differs by chance alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emoscope.evaluation.intervals import wilson
from emoscope.evaluation.significance import holm
from emoscope.text import normalize

if TYPE_CHECKING:
    from emoscope.evaluation.keywords import Keywords

SMALL = 30
"""A slice of fewer rows is shown, but not tested: its interval says all there is to say."""
MAX_VALUES = 20
"""Values of a column that get a slice of their own, the most frequent ones; more different numbers become quarters."""
QUARTERS = 4
LENGTHS = ((5, "up to 5 words"), (10, "6 to 10 words"), (20, "11 to 20 words"), (40, "21 to 40 words"))
LONGER = "41 words and more"
WORD_LISTS = Path(__file__).parent / "word_lists.json"
"""Negations and first persons in the plain form of a text, which has no apostrophes; "don t" is what some data has."""

Slices = Mapping[str, Sequence[str]]
"""A way to slice, to the slice of every row; "" for a row in none."""


def slice_texts(texts: Sequence[str], keywords: Keywords | None = None) -> dict[str, list[str]]:
    """The built-in ways to slice.

    Args:
        texts: raw or plain.
        keywords: for slices by ambiguous keyword, found in other rows than these; None for none of them.
    """
    words = [normalize(text).split() for text in texts]
    lists = {name: frozenset(each) for name, each in json.loads(WORD_LISTS.read_text(encoding="utf-8")).items()}
    slices = {
        "length": [_length(len(each)) for each in words],
        "negation": ["without" if lists["negations"].isdisjoint(each) else "with" for each in words],
        "first person": ["no" if lists["first_person"].isdisjoint(each) else "yes" for each in words],
    }
    if keywords is not None:
        decides, contains = keywords.decides(texts), keywords.contains(texts)
        slices["ambiguous keyword"] = np.where(decides, "decides", np.where(contains, "beside others", "none")).tolist()
    return slices


def slice_values(values: Sequence[Any]) -> list[str]:
    """Slices by the values of a column: each of the most frequent, or quarters of many different numbers."""
    numbers = _numbers(values)
    if numbers is not None and len(np.unique(numbers[~np.isnan(numbers)])) > MAX_VALUES:
        return _quarters(numbers)
    names = ["(none)" if value is None or value == "" else str(value) for value in values]
    kinds, counts = np.unique(names, return_counts=True)
    kept = set(kinds[np.argsort(-counts, kind="stable")[:MAX_VALUES]])
    return [name if name in kept else "(other)" for name in names]


def measure_slices(slices: Slices, correct: NDArray[np.bool_], losses: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Accuracy and loss of every slice, and whether it differs from the rest.

    Args:
        slices: the slice of every row, for each way to slice.
        correct: whether each row is right, (rows,).
        losses: of the same rows, from `metrics.row_losses`.

    Returns:
        {by, slice, rows, accuracy, low, high, loss, difference, p, p_holm} of each: its accuracy less that of all
        other rows that are in a slice, and null for all three where the slice or the rest has fewer than SMALL rows.
        Two slices that make up the whole are one test.
    """
    measured: list[dict[str, Any]] = []
    tests: list[float] = []
    of_slice: list[int | None] = []
    for by, names in slices.items():
        name_of_row = np.array(names)
        kinds = sorted(set(names) - {""}, key=_natural)
        for number, kind in enumerate(kinds):
            inside = name_of_row == kind
            row, p = _slice(correct, losses, inside, (name_of_row != "") & ~inside)
            measured.append({"by": by, "slice": kind, **row})
            if p is not None and not (len(kinds) == 2 and number == 1):
                tests.append(p)
            of_slice.append(None if p is None else len(tests) - 1)
    adjusted = holm(tests)
    return [
        row | ({"p": None, "p_holm": None} if test is None else {"p": tests[test], "p_holm": adjusted[test]})
        for row, test in zip(measured, of_slice, strict=True)
    ]


def _slice(
    correct: NDArray[np.bool_], losses: NDArray[np.float64], inside: NDArray[np.bool_], outside: NDArray[np.bool_]
) -> tuple[dict[str, Any], float | None]:
    """What is measured of one slice, and the p of its test."""
    rows, right = int(inside.sum()), int(correct[inside].sum())
    rest, rest_right = int(outside.sum()), int(correct[outside].sum())
    tested = min(rows, rest) >= SMALL
    low, high = wilson(right, rows)
    measured = {
        "rows": rows,
        "accuracy": right / rows,
        "low": low,
        "high": high,
        "loss": float(losses[inside].mean()),
        "difference": right / rows - rest_right / rest if tested else None,
    }
    return measured, fisher(right, rows, rest_right, rest) if tested else None


def fisher(right: int, rows: int, rest_right: int, rest: int) -> float:
    """Two-sided p of Fisher's exact test: all tables that are no more probable than the one seen.

    Args:
        right: rows of the slice that are right.
        rows: of the slice.
        rest_right: other rows that are right.
        rest: other rows.
    """
    every, every_right = rows + rest, right + rest_right
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, every + 1)))])

    def ways(total: int, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        logs: NDArray[np.float64] = factorials[total] - factorials[chosen] - factorials[total - chosen]
        return logs

    possible = np.arange(max(0, every_right - rest), min(rows, every_right) + 1)
    log_p = ways(rows, possible) + ways(rest, every_right - possible) - ways(every, np.array(every_right))
    seen = log_p[right - possible[0]]
    return min(1.0, float(np.exp(log_p[log_p <= seen + 1e-7]).sum()))


def _length(words: int) -> str:
    return next((name for most, name in LENGTHS if words <= most), LONGER)


def _numbers(values: Sequence[Any]) -> NDArray[np.float64] | None:
    """A column as numbers, NaN where it is empty; None if a value is none."""
    try:
        return np.array([np.nan if value is None or value == "" else float(value) for value in values])
    except (TypeError, ValueError):
        return None


def _quarters(numbers: NDArray[np.float64]) -> list[str]:
    """Quarters of the numbers, named by their ends; equal numbers are in one."""
    highest = np.unique(np.quantile(numbers[~np.isnan(numbers)], np.linspace(0, 1, QUARTERS + 1)[1:]))
    index = np.searchsorted(highest, numbers)
    quarters = {i: numbers[index == i] for i in set(index[~np.isnan(numbers)].tolist())}
    shown = _told_apart([float(end) for quarter in quarters.values() for end in (quarter.min(), quarter.max())])
    names = {i: f"{shown[quarter.min()]} to {shown[quarter.max()]}" for i, quarter in quarters.items()}
    return [names.get(i, "(none)") for i in index.tolist()]


def _told_apart(numbers: list[float]) -> dict[float, str]:
    """Numbers with all digits before the point, up to 17, and with as many in all, from 6 on, as tell them apart."""
    different = set(numbers)
    before_point = len(f"{max(map(abs, different)):.0f}")
    least = before_point if 6 < before_point < 18 else 6
    shown = ({number: f"{number:.{digits}g}" for number in different} for digits in range(least, 18))
    return next(names for names in shown if len(set(names.values())) == len(different))


def _natural(name: str) -> tuple[float, str]:
    """Slices with a number in front stand in its order, before the others."""
    first = name.removeprefix("up to ").partition(" ")[0]
    try:
        return float(first), name
    except ValueError:
        return float("inf"), name
