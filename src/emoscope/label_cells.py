"""The labels in a cell of labelled data: one, or any number of them in one of several forms.

Knows no file. In multi-label data a cell is a list, text such as "joy,love", a list written as text (JSON, Python or
numpy), an object {"choices": [...]} as annotation tools write it, or a 0 or 1 for each label.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from emoscope.errors import LabelError
from emoscope.labelled_rows import ReadOptions, short, whole_number
from emoscope.labels import Labels

FORMS = (
    """a,b; a list; ["a", "b"] or ['a' 'b'] as text; {"choices": ["a", "b"]}; 0 or 1 for each label, as in [0, 1, 0]"""
)
"""The forms of a cell with several labels, for errors."""

_SEPARATORS = ("|", "#", ";", "/", "+", "&", "\t", " ")
_NUMPY = re.compile(r"\[(?:\s*(?:'[^']*'|\"[^\"]*\"|[\w.+-]+))*\s*\]")
_ITEM = re.compile(r"'([^']*)'|\"([^\"]*)\"|([\w.+-]+)")


class LabelCellError(LabelError):
    """Why a cell has no label that can be used.

    Attributes:
        kind: "no label" or "unknown label".
        label: the label that was found, as text.
    """

    def __init__(self, kind: str, label: Any, reason: str) -> None:
        """The cell cannot be used for this reason."""
        super().__init__(reason)
        self.kind, self.label = kind, str(label)


def several(cell: Any, separator: str | None = None) -> list[Any]:
    """The labels, or the indicators, in a cell of multi-label data.

    Raises:
        LabelCellError: the cell is in no form that can be read.
    """
    if isinstance(cell, str):
        return _several_in_text(cell, separator)
    if isinstance(cell, Mapping):
        return _chosen(cell)
    return list(cell) if isinstance(cell, list | tuple | set) else [cell]


def _several_in_text(text: str, separator: str | None) -> list[Any]:
    stripped = text.strip()
    if not stripped:
        return []
    if separator:
        return [part.strip() for part in stripped.split(separator)]
    if stripped[0] + stripped[-1] not in ("[]", "{}", "()"):
        return stripped.split(",")
    if _NUMPY.fullmatch(stripped):  # ['a' 'b'], and Python's [0] too; not 'a' 'b' as Python joins it
        return [next(filter(None, item), "") for item in _ITEM.findall(stripped)]
    for parse in (json.loads, ast.literal_eval):
        try:
            return several(parse(stripped))
        except (ValueError, SyntaxError, RecursionError, TypeError):
            continue
    raise LabelCellError("unknown label", text, f"unknown labels {short(text)}; allowed: {FORMS}")


def _chosen(cell: Mapping[Any, Any]) -> list[Any]:
    """The labels of {"choices": [...]}, or those whose value is 1 in {"joy": 1, "love": 0}."""
    if set(cell) == {"choices"} and isinstance(cell["choices"], list):
        return list(cell["choices"])
    if cell and all(_is_indicator(value) for value in cell.values()):
        return [label for label, value in cell.items() if value]
    raise LabelCellError("unknown label", cell, f"unknown labels {short(dict(cell))}; allowed: {FORMS}")


def _is_indicator(value: Any) -> bool:
    return isinstance(value, bool) or value in ("True", "False") or whole_number(value) in (0, 1)


def are_indicators(cells: Iterable[Sequence[Any]], count: int) -> bool:
    """Whether every cell has a 0 or 1 (or a boolean) for each of `count` labels, instead of a list of labels."""
    return count > 1 and all(len(cell) == count and all(map(_is_indicator, cell)) for cell in cells)


def indicated(cell: Sequence[Any]) -> list[int]:
    """The ids of the labels whose indicator is 1."""
    return [index for index, value in enumerate(cell) if value is True or value == "True" or whole_number(value) == 1]


def renamed(label: Any, options: ReadOptions) -> Any:
    """A label without white space around it, under the name that `options.label_map` gives it."""
    label = label.strip() if isinstance(label, str) else label
    if not options.label_map or not may_be_label(label):
        return label
    index = whole_number(label)
    return options.label_map.get(str(label), label if index is None else options.label_map.get(str(index), label))


def may_be_label(label: Any) -> bool:
    """Whether a value can be the name or the id of a label."""
    is_number = isinstance(label, int | float) and not isinstance(label, bool) and not math.isnan(label)
    return is_number or (isinstance(label, str) and label != "")


def label_id(cell: Any, labels: Labels, options: ReadOptions) -> int:
    """The id of the label in a cell.

    Raises:
        LabelCellError: it has none, or another.
    """
    label = renamed(cell, options)
    if isinstance(label, str | float) and str(label) in labels.names:
        return labels.names.index(str(label))
    if may_be_label(label):
        index = whole_number(label)
        if index is not None and 0 <= index < len(labels):
            return index
    allowed = f"allowed: {', '.join(labels.names)}, or 0 to {len(labels) - 1}"
    if label is None or label == "" or (isinstance(label, float) and math.isnan(label)):
        raise LabelCellError("no label", "", f"no label, found {short(label)}; {allowed}")
    raise LabelCellError(
        "unknown label", label, f"unknown label {short(label)}{_hint(label, labels, options)}; {allowed}"
    )


def _hint(label: Any, labels: Labels, options: ReadOptions) -> str:
    """What to do if an unknown label seems to be several."""
    if not options.multi_label:
        parts = [part.strip() for part in label.split(",")] if isinstance(label, str) else []
        is_several = isinstance(label, list | dict) or (len(parts) > 1 and set(parts) <= set(labels.names))
        return " (several labels need --multi-label)" if is_several else ""
    separator = separator_of(label, labels.names) if isinstance(label, str) else None
    return f" (it looks like several: give --label-separator {separator!r})" if separator else ""


def separator_of(label: str, names: Iterable[str]) -> str | None:
    """The character that seems to separate several of the names in what was read as one label; None if none does."""
    known = set(names)
    for separator in _SEPARATORS:
        parts = [part.strip() for part in label.split(separator)]
        if len(parts) > 1 and known.issuperset(parts):
            return separator
    return None
