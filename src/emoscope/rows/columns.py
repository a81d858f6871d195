"""Checks names of columns of a table of texts: those that are read, and those that are added after them."""

from __future__ import annotations

from collections.abc import Container, Sequence

from emoscope.errors import DataError

EMOTION, SCORE = "emotion", "emotion_score"
"""Names of the added columns before those of the labels."""
PREDICTION_SET, ABSTAINS = "prediction_set", "abstains"
"""Names of the columns that may be added behind those of the labels and of neutral."""


def available_columns(labels: Sequence[str], *others: str) -> tuple[str, ...]:
    """Names of the columns that can be added: EMOTION, SCORE, the labels of the model and others.

    Raises:
        DataError: a label has the name of another added column.
    """
    names = (EMOTION, SCORE, *labels, *others)
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DataError(f"the model has a label named {twice!r}, as an added column is; rename it in its config.json")
    return names


def chosen_columns(chosen: Sequence[str] | None, available: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns to add: the chosen ones, or None for all that are available.

    Raises:
        DataError: a name is not available, or is chosen twice.
    """
    names = tuple(available if chosen is None else chosen)
    for name in names:
        if name not in available or names.count(name) > 1:
            raise DataError(f"the column {name!r} cannot be added; allowed, once each: {', '.join(available)}")
    return names


def check_columns(
    columns: Sequence[str], required: Sequence[str], added: Sequence[str] = (), *, place: str = "", hint: str = ""
) -> None:
    """Check that a table has each of the required columns once, and none of those to be added.

    Args:
        columns: names of the columns of the table.
        required: the columns that are read.
        added: the columns that will be added.
        place: where the table is; it begins the error.
        hint: what to do about a missing column; it ends the error.

    Raises:
        DataError: the table does not have the right columns.
    """
    problem = conflict(columns, added)
    if wrong := [name for name in required if list(columns).count(name) != 1]:
        found = "more than one column" if wrong[0] in columns else "no column"
        problem = f"{found} {wrong[0]!r}; the columns are: {column_list(columns)}{hint}"
    if problem:
        raise DataError(f"{place}: {problem}" if place else problem)


def conflict(columns: Container[str], added: Sequence[str]) -> str | None:
    """The problem of a table that has one of the columns to be added already; None if it has none of them."""
    name = next((name for name in added if name in columns), None)
    return None if name is None else f"there is a column {name!r} already; rename it, or choose the columns to add"


def column_list(columns: Sequence[str]) -> str:
    """Names of columns as an error shows them, at most 300 characters."""
    text = ", ".join(map(repr, columns))
    return text if len(text) <= 300 else text[:297] + "..."
