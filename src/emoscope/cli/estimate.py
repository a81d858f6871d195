"""Estimate the share of each emotion in scored rows, with intervals.

Counts of predictions are biased, because a model confuses some emotions more often than others. Labels of some of the
rows correct the bias: `emoscope sample` draws them, a person fills the column "label" (an emotion, or neutral), and
this command reads them back with --labels. Beside the share and its interval it prints the naive count, and how much
narrower the interval is than that of as many labels of a simple random sample, without predictions. --by also estimates
the shares in each group of a column.

A table of labels of your own needs the columns "row" (number of the row in SCORED, from 1) and "label". Its rows must
have been drawn at random, with equal chances or those in the column "sampling_probability".

Without labels, --prior gives the shares of the emotions in the data that the model was calibrated on. The estimate then
assumes that only these shares differ (label shift). It has no interval, and nothing in the rows shows whether the
assumption holds.

examples:
  emoscope estimate scored.csv --labels labelled.csv
  emoscope estimate scored.csv --labels labelled.csv --by product --json > shares.json
  emoscope estimate scored.csv --prior sadness=0.29 joy=0.34 love=0.08 anger=0.13 fear=0.12 surprise=0.04
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from emoscope.cli.data_options import add_text_file_arguments
from emoscope.cli.numbers import number
from emoscope.terminal import counted, printable, shortened

if TYPE_CHECKING:
    from emoscope.shares import LabelShift, Shares

ASSUMPTION = "label shift: only the shares of the classes differ from the data that the model was calibrated on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("scored", type=Path, metavar="SCORED", help="a table with emotions, from emoscope score")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--labels", type=Path, metavar="LABELLED", help="the table of labels, from emoscope sample")
    source.add_argument(
        "--prior",
        nargs="+",
        type=_share,
        metavar="CLASS=SHARE",
        help="without labels: the shares of the classes in the data that the model was calibrated on",
    )
    parser.add_argument("--label-column", default="label", metavar="C", help="column of the labels (default: label)")
    parser.add_argument(
        "--by", metavar="C", help="with --labels: also the shares in each group of this column of SCORED"
    )
    parser.add_argument(
        "--level", type=number(float, 0.5, 0.999), default=0.95, metavar="L", help="level of intervals (default: 0.95)"
    )
    parser.add_argument(
        "--as-sample",
        action="store_true",
        help="the rows are themselves a random sample: estimate the shares of their source, with wider intervals",
    )
    parser.add_argument("--prefix", default="", metavar="P", help="the --prefix that SCORED was written with")
    add_text_file_arguments(parser, "character between the cells of both .csv files: ';', '\\t' ... (default: ',')")
    parser.add_argument("--json", action="store_true", help="print the shares as JSON instead of tables")
    parser.set_defaults(refuse=parser.error)


def run(args: argparse.Namespace) -> int:
    """Estimate and print the shares."""
    if args.prior and args.by:
        args.refuse("--by needs --labels")
    if args.prior:
        shift = _label_shift(args)
        print(json.dumps(_shift_json(shift), indent=2) if args.json else "\n".join(_shift_table(shift)))
        return 0
    found = _estimate(args)
    if args.json:
        report = {"method": "prediction-powered inference", "shares": [shares.to_json() for shares in found]}
        print(json.dumps(report, indent=2, allow_nan=False))
    else:
        print("\n\n".join("\n".join(_table(shares)) for shares in found))
    return 0


def _estimate(args: argparse.Namespace) -> tuple[Shares, ...]:
    import numpy as np

    from emoscope.shares import LabelledRows, estimate
    from emoscope.shares.tables import TextFormat, class_names, positions, read_probabilities, read_sample, read_scored

    form = TextFormat(args.delimiter, args.encoding)
    sample = read_sample(args.labels, form, args.label_column)
    scored = read_scored(args.scored, form, prefix=args.prefix, by=args.by)
    for count, kind in ((scored.without_score, "an emotion"), (sample.without_label, "a label")):
        if count:
            print(f"left out: {counted(count, 'row')} without {kind}", file=sys.stderr)
    classes = class_names(args.scored, form, scored, sample.labels, args.prefix)
    predicted = read_probabilities(args.scored, form, scored, classes, args.prefix)
    return estimate(
        predicted,
        LabelledRows(
            positions(scored, sample),
            [classes.index(label) for label in sample.labels],
            sample.probability,
            sample.strata,
        ),
        classes,
        answers=np.array([classes.index(name) for name in scored.classes])[scored.answers],
        groups=scored.groups,
        level=args.level,
        finite=not args.as_sample,
    )


def _label_shift(args: argparse.Namespace) -> LabelShift:
    from emoscope.shares import label_shift
    from emoscope.shares.tables import TextFormat, prior_of, read_probabilities, read_scored

    form = TextFormat(args.delimiter, args.encoding)
    scored = read_scored(args.scored, form, prefix=args.prefix)
    classes, prior = prior_of(dict(args.prior), scored)
    return label_shift(read_probabilities(args.scored, form, scored, classes, args.prefix), prior, classes)


def _table(shares: Shares) -> Iterator[str]:
    """The lines of one table."""
    name = "" if shares.group is None else f"{printable(shares.group) or '(empty)'}: "
    yield f"{name}{counted(shares.rows, 'row')}, {counted(shares.labels, 'label')}"
    interval = f"{100 * shares.level:g} % interval"
    yield f"{'label':<12}{'naive':>8}{'share':>9}{interval:>19}{'shift':>9}{'narrower':>10}"
    for row in shares.classes:
        start = f"{shortened(printable(row.label), 11):<12}{row.naive:>8.1%}"
        if row.share is None or row.interval is None or row.shift is None or row.narrower is None:
            yield f"{start}{'-':>9}{'too few labels':>19}"
            continue
        ends = f"{row.interval.low:.1%} to {row.interval.high:.1%}"
        yield f"{start}{row.share:>9.1%}{ends:>19}{100 * row.shift:>+9.1f}{row.narrower:>10.0%}"


def _shift_json(shift: LabelShift) -> dict[str, object]:
    rows = zip(shift.classes, shift.naive, shift.shares, strict=True)
    return {
        "method": "label shift",
        "assumption": ASSUMPTION,
        "rows": shift.rows,
        "classes": [{"label": label, "naive": naive, "share": share, "interval": None} for label, naive, share in rows],
    }


def _shift_table(shift: LabelShift) -> Iterator[str]:
    yield f"{counted(shift.rows, 'row')}, no labels; this assumes {ASSUMPTION}"
    yield f"{'label':<12}{'naive':>8}{'share':>9}"
    for label, naive, share in zip(shift.classes, shift.naive, shift.shares, strict=True):
        yield f"{shortened(printable(label), 11):<12}{naive:>8.1%}{share:>9.1%}"
    yield "no interval: it would not cover an error of the assumption; labels (emoscope sample) give one"


def _share(text: str) -> tuple[str, float]:
    label, _, value = text.rpartition("=")
    if not label:
        raise argparse.ArgumentTypeError(f"must be CLASS=SHARE, as in joy=0.3, got {text!r}")
    return label, number(float, 0, 1)(value)
