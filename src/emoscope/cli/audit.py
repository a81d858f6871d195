"""Say what is wrong with a data set: duplicates, contradictions, leaks, shortcuts, likely label errors.

Wrong for certain are rows without a text or an allowed label, texts that stand more than once in a split, with
different labels or in several splits, and labels that the train split alone lacks: --strict makes those, and nothing
else, exit code 1. All else is a hint. Likely label errors come from models that did not see the row
(cross-validation); --model judges in their place, and must not have been trained on the data.

--fix writes a folder with a copy of each file, under its name and in its format, and changes.jsonl, which has each row
dropped or edited and why. A text in several splits stays in the last of them (test, then validation, then train). A
data set of the Hub is written as JSON lines, a file a split, with the names of its labels.

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

from emoscope.cli.data_options import add_data_arguments, given_labels, load_valid_splits
from emoscope.cli.model_options import add_model_arguments, load_classifier
from emoscope.cli.output import write_output

if TYPE_CHECKING:
    from emoscope.audit import Audit
    from emoscope.data import Examples, RejectedRow


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    add_data_arguments(parser, default_labels="those found in the data")
    parser.add_argument("--multi-label", action="store_true", help="a row has any number of labels")
    add_model_arguments(parser, default=None, help="judges the labels: 'bundled', a model folder, or a Hub id")
    parser.add_argument("--json", action="store_true", help="print everything found as JSON, no tables")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="write a page there that needs no network")
    parser.add_argument("--strict", action="store_true", help="exit code 1 if something is wrong for certain")
    parser.add_argument("--fix", type=Path, metavar="OUT", help="write a mended copy and a log into this new folder")


def run(args: argparse.Namespace) -> int:
    """Examine, write, print."""
    from emoscope.audit import audit_page, audit_text

    splits, refused = load_valid_splits(args, given_labels(args))
    if args.fix:
        _fix(args, splits, refused)
    found = _audit(args, splits, refused)
    if args.report:
        write_output(args.report, audit_page(found))
    print(json.dumps(found.to_json(), indent=2, allow_nan=False) if args.json else audit_text(found))
    return int(args.strict and any(problem.certain for problem in found.problems))


def _audit(args: argparse.Namespace, splits: dict[str, Examples], refused: list[RejectedRow]) -> Audit:
    from emoscope.audit import audit

    classifier = load_classifier(args) if args.model else None
    return audit(splits, refused=refused, classifier=classifier, classifier_name=args.model or "")


def _fix(args: argparse.Namespace, splits: dict[str, Examples], refused: list[RejectedRow]) -> None:
    from emoscope.audit import plan_fix, write_repair

    changes = plan_fix(splits, refused)
    write_repair(args.data, args.fix, changes, text_column=args.text_column, label_column=args.label_column)
    dropped = sum(change.new_text is None for change in changes)
    print(f"{args.fix}: {dropped:,} rows dropped, {len(changes) - dropped:,} edited", file=sys.stderr)
