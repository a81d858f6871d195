"""Data sets of the Hub, with a stand-in for the library `datasets`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from emoscope.data import load_examples, load_splits
from emoscope.errors import MissingExtraError
from labelled_files import label_sets, message, rows_of


def test_hub_id_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emoscope.errors.find_spec", lambda module: None)
    with pytest.raises(MissingExtraError, match=r"no file or folder 'some/moods' here.*emoscope\[train\]"):
        load_examples("some/moods")


class HubTable:
    """As much of `datasets.Dataset` as is read; its label is a ClassLabel with an order of its own."""

    column_names = ("text", "label")
    features = {"text": object(), "label": SimpleNamespace(names=["surprise", "joy", "sadness"])}  # noqa: RUF012

    def __init__(self, rows: list[tuple[str, Any]]) -> None:
        self.rows = rows

    def __getitem__(self, column: str) -> Iterator[Any]:
        return iter([row[self.column_names.index(column)] for row in self.rows])


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Data sets by id, served by a stand-in for the `datasets` library."""

    def load_dataset(hub_id: str) -> Any:
        if hub_id not in served:
            raise FileNotFoundError(f"Dataset '{hub_id}' doesn't exist on the Hub\nor cannot be accessed.")
        return served[hub_id]

    served: dict[str, Any] = {}
    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    monkeypatch.setattr("emoscope.labelled_data.require_extra", lambda extra: None)
    return served


def test_label_names_of_the_hub_decide_the_ids(hub: dict[str, Any]) -> None:
    hub["some/moods"] = {
        "train": HubTable([("a", 0), ("b", 1), ("c", 2)]),
        "test": HubTable([("d", 1)]),
    }
    splits = load_splits("some/moods")
    assert rows_of(splits["train"]) == [("a", "surprise"), ("b", "joy"), ("c", "sadness")]
    assert (splits["test"].name, splits["test"].split) == ("some/moods", "test")


@pytest.mark.parametrize("label", [-1, 9, None, [1, 2]])
def test_row_without_a_label_is_an_error(hub: dict[str, Any], label: Any) -> None:
    hub["moods"] = {"test": HubTable([("a", 0), ("b", label)])}
    assert message("moods").startswith("moods, split test, row 2: ")
    assert "column 'mood'" in message("moods", label_column="mood")


def test_data_set_that_the_hub_does_not_have_is_an_error(hub: dict[str, Any]) -> None:
    assert message("some/thing") == (
        "no file or folder 'some/thing' here, and it cannot be loaded from the Hub (FileNotFoundError: "
        "Dataset 'some/thing' doesn't exist on the Hub); check the name and the connection"
    )


class SeveralTable(HubTable):
    """The same with a list of labels a row, as GoEmotions has it there."""

    features = {"text": object(), "label": SimpleNamespace(feature=HubTable.features["label"])}  # noqa: RUF012


def test_label_names_of_the_hub_are_used_if_none_are_given(hub: dict[str, Any]) -> None:
    class Moods(HubTable):
        features = {"text": object(), "label": SimpleNamespace(names=["tense ", "calm", "bored"])}  # noqa: RUF012

    hub["some/moods"] = {"train": Moods([("a", 0), ("b", 1)]), "test": Moods([("c", 1)])}
    splits = load_splits("some/moods", labels=None)
    assert {examples.labels.names for examples in splits.values()} == {("tense", "calm", "bored")}
    assert splits["train"].label_ids.tolist() == [0, 1]


def test_lists_of_labels(hub: dict[str, Any]) -> None:
    hub["some/moods"] = {"train": SeveralTable([("a", [0, 2]), ("b", []), ("c", [1])])}
    examples = load_examples("some/moods", multi_label=True)
    assert label_sets(examples) == [{"surprise", "sadness"}, set(), {"joy"}]
