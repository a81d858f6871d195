"""Quality on slices: accuracy and loss of a classifier on parts of the rows, and which parts differ from the rest.

A way to slice names a slice for every row: by length, negation, first person, ambiguous keyword, or a column of the
data. The interval of an accuracy is Wilson's. Each slice is compared with all other rows by Fisher's exact test, and
all tests together are corrected by Holm's method, because of twenty slices one differs by chance alone.
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

MIN_ROWS = 30
"""Fewest rows of a slice that is tested; a smaller one is only shown, with its interval."""
MAX_VALUES = 20
"""Most frequent values of a column that get a slice each; a column with more different numbers is cut into quarters."""
QUARTERS = 4
LENGTHS = ((5, "up to 5 words"), (10, "6 to 10 words"), (20, "11 to 20 words"), (40, "21 to 40 words"))
LONGER = "41 words and more"
WORD_LISTS = Path(__file__).parent / "word_lists.json"
"""Negations and first-person words in the plain form of a text, without apostrophes; some data has "don t"."""

Slices = Mapping[str, Sequence[str]]
"""Way to slice -> slice of every row; "" for a row in no slice."""


def slice_texts(texts: Sequence[str], keywords: Keywords | None = None) -> dict[str, list[str]]:
    """The built-in ways to slice: length, negation, first person and, with `keywords`, ambiguous keyword.

    Args:
        texts: raw or plain texts.
        keywords: keywords found in other rows than these, if any.
    """
    words = [normalize(text).split() for text in texts]
    lists = {name: frozenset(content) for name, content in json.loads(WORD_LISTS.read_text(encoding="utf-8")).items()}
    slices = {
        "length": [_length(len(of_text)) for of_text in words],
        "negation": ["without" if lists["negations"].isdisjoint(of_text) else "with" for of_text in words],
        "first person": ["no" if lists["first_person"].isdisjoint(of_text) else "yes" for of_text in words],
    }
    if keywords is not None:
        decides, contains = keywords.decides(texts), keywords.contains(texts)
        slices["ambiguous keyword"] = np.where(decides, "decides", np.where(contains, "beside others", "none")).tolist()
    return slices


def slice_values(values: Sequence[Any]) -> list[str]:
    """Slice of every row by the values of a column: the MAX_VALUES most frequent ones, or quarters of many numbers."""
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
        slices: for each way to slice, the slice of every row.
        correct: bool (rows,), whether each row is right.
        losses: (rows,), from `metrics.row_losses`.

    Returns:
        {by, slice, rows, accuracy, low, high, loss, difference, p, p_holm} of each slice. `difference` is its accuracy
        minus that of all other rows that are in a slice. It and both p-values are None if the slice or the rest has
        fewer than MIN_ROWS rows. Two slices that make up the whole share one test.
    """
    groups: list[list[dict[str, Any]]] = []
    for by, names in slices.items():
        kinds = sorted(set(names) - {""}, key=_natural_order)
        of_row = np.array(names)
        groups.append([{"by": by, "slice": kind, **_measure_slice(correct, losses, of_row, kind)} for kind in kinds])
    tested = [row for group in groups for row in group[: 1 if len(group) == 2 else None] if row["p"] is not None]
    for row, p_holm in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_holm"] = p_holm
    for group in groups:
        if len(group) == 2:
            group[1] |= {key: group[0][key] for key in ("p", "p_holm")}
    return [row for group in groups for row in group]


def _measure_slice(
    correct: NDArray[np.bool_], losses: NDArray[np.float64], slice_of_row: NDArray[np.str_], name: str
) -> dict[str, Any]:
    inside = slice_of_row == name
    outside = (slice_of_row != "") & ~inside
    rows, right = int(inside.sum()), int(correct[inside].sum())
    rest, rest_right = int(outside.sum()), int(correct[outside].sum())
    tested = min(rows, rest) >= MIN_ROWS
    return {
        "rows": rows,
        "accuracy": right / rows,
        **wilson(right, rows)._asdict(),
        "loss": float(losses[inside].mean()),
        "difference": right / rows - rest_right / rest if tested else None,
        "p": fisher(right, rows, rest_right, rest) if tested else None,
        "p_holm": None,
    }


def fisher(right: int, rows: int, rest_right: int, rest: int) -> float:
    """Two-sided p-value of Fisher's exact test: the sum over all tables no more probable than the observed one.

    Args:
        right: number of rows of the slice that are right.
        rows: number of rows of the slice.
        rest_right: number of other rows that are right.
        rest: number of other rows.
    """
    total, total_right = rows + rest, right + rest_right
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, total + 1)))])

    def log_ways(of: int, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        logs: NDArray[np.float64] = factorials[of] - factorials[chosen] - factorials[of - chosen]
        return logs

    possible = np.arange(max(0, total_right - rest), min(rows, total_right) + 1)
    log_p = log_ways(rows, possible) + log_ways(rest, total_right - possible) - log_ways(total, np.array(total_right))
    observed = log_p[right - possible[0]]
    return min(1.0, float(np.exp(log_p[log_p <= observed + 1e-7]).sum()))


def _length(words: int) -> str:
    return next((name for longest, name in LENGTHS if words <= longest), LONGER)


def _numbers(values: Sequence[Any]) -> NDArray[np.float64] | None:
    """A column as numbers, NaN where it is empty; None if a value is not a number."""
    try:
        return np.array([np.nan if value is None or value == "" else float(value) for value in values])
    except (TypeError, ValueError):
        return None


def _quarters(numbers: NDArray[np.float64]) -> list[str]:
    """Quarters of the numbers, named by their ends; equal numbers are in the same quarter."""
    highest = np.unique(np.quantile(numbers[~np.isnan(numbers)], np.linspace(0, 1, QUARTERS + 1)[1:]))
    index = np.searchsorted(highest, numbers)
    quarters = {i: numbers[index == i] for i in set(index[~np.isnan(numbers)].tolist())}
    shown = _distinct_names([float(end) for quarter in quarters.values() for end in (quarter.min(), quarter.max())])
    names = {i: f"{shown[quarter.min()]} to {shown[quarter.max()]}" for i, quarter in quarters.items()}
    return [names.get(i, "(none)") for i in index.tolist()]


def _distinct_names(numbers: list[float]) -> dict[float, str]:
    """Numbers with just enough digits, from 6 up, that different numbers look different.

    All digits before the decimal point are shown, up to 17.
    """
    different = set(numbers)
    before_point = len(f"{max(map(abs, different)):.0f}")
    fewest = before_point if 6 < before_point < 18 else 6
    shown = ({number: f"{number:.{digits}g}" for number in different} for digits in range(fewest, 18))
    return next(names for names in shown if len(set(names.values())) == len(different))


def _natural_order(name: str) -> tuple[float, str]:
    """Sort key: slices that begin with a number come first, in its order."""
    first = name.removeprefix("up to ").partition(" ")[0]
    try:
        return float(first), name
    except ValueError:
        return float("inf"), name
