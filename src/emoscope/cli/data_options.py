"""The flags that name labelled data, and the reading of that data."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emoscope.cli.output import show
from emoscope.errors import DataError
from emoscope.terminal import counted

if TYPE_CHECKING:
    from emoscope.data import Examples, RejectedRow
    from emoscope.labels import Labels
    from emoscope.protocols import Classifier


def add_data_arguments(parser: argparse.ArgumentParser, *, default_labels: str, without: str = "") -> None:
    """Add the flags of every command that reads labelled rows.

    Args:
        parser: the command's parser.
        default_labels: the labels without --labels, in words.
        without: what the command uses without --data, in words; empty where it is required.
    """
    help = "a folder of splits, a file, or a Hub id" + (f" (default: {without})" if without else "")
    parser.add_argument("--data", required=not without, metavar="DATA", help=help)
    parser.add_argument(
        "--labels",
        metavar="LABELS",
        help=f"the labels in index order: a file with one per line, or a,b,c (default: {default_labels})",
    )
    for name in ("text", "label"):
        help = f"column of the {name}s: a name, or a number from 0 (default: {name})"
        parser.add_argument(f"--{name}-column", default=name, metavar="COLUMN", help=help)
    add_text_file_arguments(parser, "character between the cells of .csv files: ';', '\\t' ... (default: ',')")
    parser.add_argument(
        "--label-separator",
        metavar="S",
        help="what separates the labels in a cell of multi-label data: '|', '#' ... (default: ',')",
    )
    parser.add_argument(
        "--map",
        nargs="+",
        action="extend",
        default=[],
        type=_mapped,
        metavar="FROM=TO",
        help="read labels under other names: joyful=joy mad=anger 3=fear",
    )
    parser.add_argument(
        "--skip-other-labels",
        action="store_true",
        help="leave out rows with a label that is not among the labels (--labels, or the default), and count them",
    )


def add_text_file_arguments(parser: argparse.ArgumentParser, delimiter_help: str) -> None:
    """Add the flags that say how text files are written."""
    parser.add_argument(
        "--delimiter",
        type=lambda character: "\t" if character == "\\t" else character,
        metavar="D",
        help=delimiter_help,
    )
    parser.add_argument(
        "--encoding",
        default="utf-8",
        metavar="E",
        help="encoding of text files: windows-1252, utf-16 ... (default: utf-8)",
    )


def add_date_order_argument(parser: argparse.ArgumentParser) -> None:
    """Add the flag for dates of conversations."""
    parser.add_argument(
        "--date-order",
        choices=("day-first", "month-first"),
        help="for conversations: how dates such as 03/04/2025 are read, if all of a file can be read in both ways",
    )


def add_multi_label_argument(parser: argparse.ArgumentParser) -> None:
    """Add the flag of multi-label data."""
    parser.add_argument("--multi-label", action="store_true", help="a row has any number of labels")


def _mapped(text: str) -> tuple[str, str]:
    label, sign, name = text.rpartition("=")
    if not (label and sign and name):
        raise argparse.ArgumentTypeError(f"must be FROM=TO, as in joyful=joy, got {text!r}")
    return label.strip(), name.strip()


def add_split_argument(parser: argparse.ArgumentParser) -> None:
    """Add the flag that names one split."""
    parser.add_argument("--split", metavar="SPLIT", help="split to read (default: validation, or the only one)")


def read_splits(args: argparse.Namespace, labels: Labels | None) -> dict[str, Examples]:
    """Every split of --data, with these labels, or with the labels found in the data if None."""
    from emoscope.data import load_splits

    splits = load_splits(args.data, labels=labels, **read_options(args))
    _report_skipped(splits)
    return splits


def load_valid_splits(args: argparse.Namespace, labels: Labels | None) -> tuple[dict[str, Examples], list[RejectedRow]]:
    """The usable rows of every split of --data, and the rejected rows."""
    from emoscope import data

    splits, rejected = data.load_valid_splits(args.data, labels=labels, **read_options(args))
    _report_skipped(splits)
    return splits, rejected


def _report_skipped(splits: Mapping[str, Examples]) -> None:
    for split, examples in splits.items():
        if skipped := examples.skipped_labels:
            rows, counts = len(examples.skipped), ", ".join(f"{label} {count:,}" for label, count in skipped.items())
            name = f" of {split}" if examples.split else ""
            text = f"{counted(rows, 'row')}{name} skipped, whose labels are not among the labels: {counts}"
            show(text, sys.stderr)


def read_options(args: argparse.Namespace) -> dict[str, Any]:
    """How the rows of --data are read: the attributes of `ReadOptions`."""
    return {
        "multi_label": getattr(args, "multi_label", False),
        "text_column": args.text_column,
        "label_column": args.label_column,
        "delimiter": args.delimiter,
        "encoding": args.encoding,
        "label_separator": args.label_separator,
        "label_map": dict(args.map),
        "skip_other_labels": args.skip_other_labels,
    }


def given_labels(args: argparse.Namespace) -> Labels | None:
    """The labels of --labels; without it None, or with --skip-other-labels the six emotions."""
    from emoscope.labels import Labels

    if args.labels:
        return Labels.read(args.labels)
    return Labels() if args.skip_other_labels else None


def labels_for(args: argparse.Namespace, classifier: Classifier) -> Labels:
    """The labels of --labels, or else the classifier's; the six emotions are always in their own order."""
    from emoscope.labels import EMOTIONS, Labels

    if args.labels:
        return Labels.read(args.labels)
    return Labels() if set(classifier.labels) == set(EMOTIONS) else Labels(classifier.labels)


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
