"""Which values are texts: what callers pass to a classifier, as a sequence of str. Knows no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

_TABLES = ("DataFrame", "LazyFrame", "Table", "RecordBatch")
"""Ends of the names of classes of tables, in pandas, Polars, Arrow and others."""


def as_texts(texts: Any, *, first: int = 0) -> Sequence[str]:
    """The texts of a list, a column (pandas, Polars, Arrow, numpy) or any other iterable of str.

    An item may also be `{"text": ...}`, as for a pipeline of `transformers`.

    Args:
        texts: the values.
        first: position of the first one, for messages.

    Raises:
        TypeError: anything else: a single str, bytes, a mapping, a data frame, a set, or an item that is not a text. A
            missing value (None, NaN, `pandas.NA`) is an error as well, because it may be a mistake.
    """
    values = texts if isinstance(texts, (list, tuple)) else _values(texts)
    for value in values:
        if not isinstance(value, str):
            return [
                value if isinstance(value, str) else _text(value, n, values) for n, value in enumerate(values, first)
            ]
    return values


def is_blank(text: str) -> bool:
    """Whether a text has no character other than white space: its `neutral` is 1, and tables have null for it."""
    return not text.strip()


def _values(texts: Any) -> list[Any]:
    kind = type(texts).__name__
    if isinstance(texts, str):
        raise TypeError("texts must be a sequence of str, got a single str; write predict([text])")
    if isinstance(texts, (bytes, bytearray, memoryview)):
        raise TypeError(f"texts must be a sequence of str, got {kind}; decode it: predict([texts.decode()])")
    if any(base.__name__.endswith(_TABLES) for base in type(texts).__mro__):
        raise TypeError(f'texts must be a sequence of str, got a {kind}; pass its column of texts, such as df["text"]')
    if isinstance(texts, Mapping):
        raise TypeError(f'texts must be a sequence of str, got {kind}; pass its texts, such as [row["text"]]')
    if isinstance(texts, (set, frozenset)):
        raise TypeError(f"texts must be in an order, got a {kind}; pass a list, such as sorted(texts)")
    try:
        return list(texts.to_pylist() if type(texts).__module__.startswith("pyarrow.") else texts)
    except TypeError:
        raise TypeError(f"texts must be a sequence of str, got {kind}; pass a list of str") from None


def _text(value: Any, position: int, values: Sequence[Any]) -> str:
    """The text of an item that is not a str.

    Raises:
        TypeError: it has none.
    """
    if isinstance(value, Mapping):
        return _text_of(value, position)
    if is_missing(value):
        others = sum(map(is_missing, values)) - 1
        more = f", and {others:,} more" if others else ""
        raise TypeError(
            f"texts[{position}] is missing ({value!r}){more}; leave these rows out, such as with "
            'df.dropna(subset=["text"]), or give empty texts, such as df["text"].fillna("")'
        )
    hint = "; decode it first" if isinstance(value, (bytes, bytearray)) else ""
    raise TypeError(f"texts[{position}] must be a str, got {type(value).__name__}: {value!r:.60}{hint}")


def _text_of(value: Mapping[Any, Any], position: int) -> str:
    if value.get("text_pair") is not None:
        raise TypeError(f"texts[{position}] has a text_pair, but the model reads single texts; pass each text alone")
    if set(value) - {"text_pair"} != {"text"} or not isinstance(value["text"], str):
        raise TypeError(f'texts[{position}] is {value!r:.60}; allowed: a str, or {{"text": str}}')
    text: str = value["text"]
    return text


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, or `NA` or `NaT` of pandas."""
    if isinstance(value, float):
        return isnan(value)
    return value is None or type(value).__name__ in ("NAType", "NaTType")
