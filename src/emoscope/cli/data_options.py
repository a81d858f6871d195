"""The flags that name labelled data, and the reading of that data."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from emoscope.errors import DataError

if TYPE_CHECKING:
    from emoscope.data import Examples, RejectedRow
    from emoscope.labels import Labels
    from emoscope.protocols import Classifier


def add_data_arguments(parser: argparse.ArgumentParser, *, default_labels: str) -> None:
    """Add the flags of every command that reads labelled rows.

    Args:
        parser: the command's parser.
        default_labels: the labels without --labels, in words.
    """
    parser.add_argument("--data", required=True, metavar="DATA", help="a folder of splits, a file, or a Hub id")
    parser.add_argument(
        "--labels",
        metavar="LABELS",
        help=f"the labels in index order: a file with one per line, or a,b,c (default: {default_labels})",
    )
    for name in ("text", "label"):
        help = f"column of the {name}s: a name, or a number from 0 (default: {name})"
        parser.add_argument(f"--{name}-column", default=name, metavar="COLUMN", help=help)


def add_split_argument(parser: argparse.ArgumentParser) -> None:
    """Add the flag that names one split."""
    parser.add_argument("--split", metavar="SPLIT", help="split to read (default: validation, or the only one)")


def read_splits(args: argparse.Namespace, labels: Labels | None) -> dict[str, Examples]:
    """Every split of --data, with these labels, or with the labels found in the data if None."""
    from emoscope.data import load_splits

    return load_splits(args.data, labels=labels, **_reading(args))


def load_valid_splits(args: argparse.Namespace, labels: Labels | None) -> tuple[dict[str, Examples], list[RejectedRow]]:
    """The usable rows of every split of --data, and the rejected rows."""
    from emoscope import data

    return data.load_valid_splits(args.data, labels=labels, **_reading(args))


def _reading(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "multi_label": getattr(args, "multi_label", False),
        "text_column": args.text_column,
        "label_column": args.label_column,
    }


def given_labels(args: argparse.Namespace) -> Labels | None:
    """The labels of --labels; None without it."""
    from emoscope.labels import Labels

    return Labels.read(args.labels) if args.labels else None


def labels_for(args: argparse.Namespace, classifier: Classifier) -> Labels:
    """The labels of --labels, or else the classifier's; the six emotions are always in their own order."""
    from emoscope.labels import EMOTIONS, Labels

    own = Labels() if set(classifier.labels) == set(EMOTIONS) else Labels(classifier.labels)
    return given_labels(args) or own


def choose_split(splits: dict[str, Examples], args: argparse.Namespace) -> Examples:
    """The split of --split; without it, validation or the only split.

    Raises:
        DataError: there is no such split.
    """
    from emoscope.labelled_data import SPLIT_OF_STEM

    if args.split is None and len(splits) == 1:
        return next(iter(splits.values()))
    split = args.split or "validation"
    for name in (split, SPLIT_OF_STEM.get(split, split)):
        if name in splits:
            return splits[name]
    raise DataError(f"{args.data} has no split {split!r}; name one of them: --split {'|'.join(splits)}")
