"""Which split and which labels a command reads."""

from __future__ import annotations

import argparse
from types import SimpleNamespace

import pytest

from emoscope.cli.data_options import choose_split, labels_for
from emoscope.errors import DataError
from emoscope.labels import EMOTIONS


def args(**values: str | None) -> argparse.Namespace:
    return argparse.Namespace(data="DIR", **values)


def test_the_default_split_is_validation_or_the_only_one() -> None:
    assert choose_split({"train": 1, "validation": 2}, args(split=None)) == 2
    assert choose_split({"all": 1}, args(split=None)) == 1


def test_a_split_can_be_named_as_its_file_is() -> None:
    assert choose_split({"train": 1, "validation": 2}, args(split="dev")) == 2


def test_an_unknown_split_is_an_error_that_lists_the_splits() -> None:
    with pytest.raises(DataError, match=r"DIR has no split 'test'; name one of them: --split train\|validation"):
        choose_split({"train": 1, "validation": 2}, args(split="test"))


def test_the_six_emotions_keep_their_order() -> None:
    assert labels_for(args(labels=None), SimpleNamespace(labels=EMOTIONS[::-1])).names == EMOTIONS
    assert labels_for(args(labels=None), SimpleNamespace(labels=("b", "a"))).names == ("b", "a")
    assert labels_for(args(labels="a,b"), SimpleNamespace(labels=("b", "a"))).names == ("a", "b")
