"""Find errors in labelled data: duplicates, leaks, wrong labels.

Errors are rows without a text or an allowed label, texts that are in a split more than once, have different labels or
are in several splits, and labels that only the train split lacks. Everything else is a hint. With --strict, errors
(and nothing else) make the exit code 1. Likely label errors come from cross-validated models, which have not seen the
row, or from --model, which must not have been trained on the data.

--fix writes a folder with a copy of each file, under its name and in its format, and changes.jsonl, which lists each
dropped or edited row and the reason. A text in several splits stays in the last of them (test, then validation, then
train). A data set of the Hub is written as one JSON-lines file per split, with the names of the labels.

examples:
  emoscope audit --data DIR
  emoscope audit --data rows.csv --text-column comment --label-column emotion --report audit.html
  emoscope audit --data DIR --strict --json > audit.json
  emoscope audit --data DIR --fix CLEANED
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from emoscope.cli.data_options import (
    add_data_arguments,
    add_multi_label_argument,
    given_labels,
    load_valid_splits,
    read_options,
)
from emoscope.cli.model_options import add_model_arguments, load_classifier
from emoscope.cli.output import show, write_output
from emoscope.terminal import counted

if TYPE_CHECKING:
    from emoscope.audit import Audit
    from emoscope.data import Examples, RejectedRow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    add_data_arguments(parser, default_labels="those found in the data")
    add_multi_label_argument(parser)
    add_model_arguments(
        parser, default=None, help="find label errors with this model: 'bundled', a model folder, or a Hub id"
    )
    parser.add_argument("--json", action="store_true", help="print the whole audit as JSON instead of tables")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="write the audit as a page to this file")
    parser.add_argument("--strict", action="store_true", help="exit code 1 if there are errors")
    parser.add_argument("--fix", type=Path, metavar="OUT", help="write a fixed copy and a log to this new folder")


def run(args: argparse.Namespace) -> int:
    """Audit the data, write the fixed copy and the page, and print the audit."""
    from emoscope.audit import audit_page, audit_text

    splits, rejected = load_valid_splits(args, given_labels(args))
    if args.fix:
        _fix(args, splits, rejected)
    found = _audit(args, splits, rejected)
    if args.report:
        write_output(args.report, audit_page(found))
    print(json.dumps(found.to_json(), indent=2, allow_nan=False) if args.json else audit_text(found))
    return int(args.strict and any(issue.certain for issue in found.issues))


def _audit(args: argparse.Namespace, splits: dict[str, Examples], rejected: list[RejectedRow]) -> Audit:
    from emoscope.audit import audit

    classifier = load_classifier(args) if args.model else None
    return audit(splits, rejected=rejected, classifier=classifier, classifier_name=args.model or "")


def _fix(args: argparse.Namespace, splits: dict[str, Examples], rejected: list[RejectedRow]) -> None:
    from emoscope.audit import plan_fix, write_fixed_copy

    changes = plan_fix(splits, rejected)
    write_fixed_copy(args.data, args.fix, changes, **read_options(args))
    dropped = sum(change.new_text is None for change in changes)
    show(f"{args.fix}: {counted(dropped, 'row')} dropped, {len(changes) - dropped:,} edited", sys.stderr)
