"""Columns that are read and added."""

from __future__ import annotations

import pytest

from emoscope.errors import DataError
from emoscope.rows.columns import available_columns, check_columns, chosen_columns, column_list


def test_chosen_columns_keep_their_order() -> None:
    assert chosen_columns(None, ("a", "b")) == ("a", "b")
    assert chosen_columns(["b", "a"], ("a", "b")) == ("b", "a")


@pytest.mark.parametrize("chosen", [["c"], ["a", "a"], [""]])
def test_unknown_or_repeated_column_is_an_error(chosen: list[str]) -> None:
    with pytest.raises(DataError, match="cannot be added; allowed, once each: a, b"):
        chosen_columns(chosen, ("a", "b"))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["id"], "in.csv: no column 'text'; the columns are: 'id', hint"),
        (["text", "text"], "in.csv: more than one column 'text'; the columns are: 'text', 'text', hint"),
        (["text", "joy"], "in.csv: there is a column 'joy' already; rename it, or choose the columns to add"),
    ],
)
def test_wrong_columns_are_an_error(columns: list[str], message: str) -> None:
    check_columns(["id", "text"], ["text"], ["joy"])
    with pytest.raises(DataError) as caught:
        check_columns(columns, ["text"], ["joy"], place="in.csv", hint=", hint")
    assert str(caught.value) == message


def test_long_list_of_columns_is_cut() -> None:
    shown = column_list([f"column {i}" for i in range(100)])
    assert len(shown) == 300 and shown.endswith("...")


@pytest.mark.parametrize("label", ["emotion", "emotion_score", "emotion_error", "joy"])
def test_label_with_the_name_of_another_added_column_is_an_error(label: str) -> None:
    with pytest.raises(DataError, match=f"the model has a label named '{label}', as an added column is; rename it"):
        available_columns(("joy", label), "emotion_error")
    assert available_columns(("joy",), "more") == ("emotion", "emotion_score", "joy", "more")
