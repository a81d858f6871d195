"""Estimate the share of each emotion in scored rows, with intervals.

Counts of predictions are biased, because a model confuses some emotions more often than others. Labels of some of the
rows correct the bias: `emoscope sample` draws them, a person fills the column "label" (an emotion, or neutral), and
this command reads them back with --labels. Beside the share and its interval it prints the naive count, and how much
narrower the interval is than that of as many labels of a simple random sample, without predictions.

--by also estimates the shares in each group of a column, and --time-column those in each period. Groups are compared
with each other, and periods with the one before; --event compares the rows before a day with those from it on. The
p-values are adjusted for the number of comparisons (Holm). --report writes a page with charts.

Several people may label the same rows: name their columns with --label-column. Their agreement is reported, and their
disagreement makes the intervals wider.

A table of labels of your own needs the columns "row" (number of the row in SCORED, from 1) and "label". Its rows must
have been drawn at random, with equal chances or those in the column "sampling_probability".

Without labels, --reference names held-out rows with labels, scored by the same model, or --prior gives the shares of
the emotions in them. The estimate then assumes that only these shares differ (label shift), and has no interval. With
--reference the assumption is checked.

examples:
  emoscope estimate scored.csv --labels labelled.csv
  emoscope estimate scored.csv --labels labelled.csv --by product --time-column date --report shares.html
  emoscope estimate scored.csv --labels labelled.csv --label-column label_1 label_2 --json > shares.json
  emoscope estimate scored.csv --reference scored_held_out.csv
  emoscope estimate scored.csv --prior sadness=0.29 joy=0.34 love=0.08 anger=0.13 fear=0.12 surprise=0.04
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from emoscope.cli.data_options import add_text_file_arguments
from emoscope.cli.numbers import number
from emoscope.cli.output import show, write_output
from emoscope.cli.scored_options import add_scored_arguments, scored_table
from emoscope.terminal import counted, printable, shortened

if TYPE_CHECKING:
    from emoscope.shares import Agreement, Coefficient, Estimate, LabelShift, ShareDifference, Shares

ASSUMPTION = "label shift: only the shares of the classes differ from the data that the model was calibrated on"
SIGNIFICANT = 0.05
MAX_SHOWN = 20
"""Maximum number of differences that are printed; --json and --report have all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("scored", type=Path, metavar="SCORED", help="a table with emotions, from emoscope score")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--labels", type=Path, metavar="LABELLED", help="the table of labels, from emoscope sample")
    source.add_argument(
        "--reference",
        type=Path,
        metavar="HELD_OUT",
        help="without labels: held-out rows with labels, scored by the same model",
    )
    source.add_argument(
        "--prior",
        nargs="+",
        type=_share,
        metavar="CLASS=SHARE",
        help="without labels: the shares of the classes in the data that the model was calibrated on",
    )
    parser.add_argument(
        "--label-column",
        nargs="+",
        default=["label"],
        metavar="C",
        help="column of the labels, or one for each labeller (default: label)",
    )
    add_scored_arguments(parser, by="--by", by_help="also the shares in each group of this column")
    parser.add_argument(
        "--event",
        type=_day,
        metavar="DAY",
        help="with --time-column: compare the rows before this day (YYYY-MM-DD) with those from it on",
    )
    parser.add_argument(
        "--level", type=number(float, 0.5, 0.999), default=0.95, metavar="L", help="level of intervals (default: 0.95)"
    )
    parser.add_argument(
        "--as-sample",
        action="store_true",
        help="the rows are themselves a random sample: estimate the shares of their source, with wider intervals",
    )
    add_text_file_arguments(parser, "character between the cells of all .csv files: ';', '\\t' ... (default: ',')")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="write a page with charts")
    parser.add_argument("--json", action="store_true", help="print the shares as JSON instead of tables")
    parser.set_defaults(refuse=parser.error)


def run(args: argparse.Namespace) -> int:
    """Estimate and print the shares."""
    _check(args)
    if not args.labels:
        shift = _label_shift(args)
        show(json.dumps(_shift_json(shift), indent=2) if args.json else "\n".join(_shift_table(shift)))
        return 0
    found, ordered, left_out = _estimate(args)
    for sentence in left_out:
        show(sentence, sys.stderr)
    if args.report:
        from emoscope.shares.shares_page import shares_page

        write_output(args.report, shares_page(args.scored.name, found, ordered, [f"{part}." for part in left_out]))
    show(json.dumps(found.to_json(), indent=2, allow_nan=False) if args.json else "\n".join(_text(found)))
    return 0


def _check(args: argparse.Namespace) -> None:
    for flag, given in (("--by", args.by), ("--time-column", args.time_column), ("--report", args.report)):
        if given and not args.labels:
            args.refuse(f"{flag} needs --labels")
    if args.event and not args.time_column:
        args.refuse("--event goes with --time-column")
    if args.reference and len(args.label_column) > 1:
        args.refuse("--reference takes one --label-column")


def _estimate(args: argparse.Namespace) -> tuple[Estimate, list[str], list[str]]:
    """The shares, the groupings in the order of time, and what was left out."""
    from emoscope.shares.estimation import Options
    from emoscope.shares.jobs import estimate_table
    from emoscope.shares.samples import read_sample

    table = scored_table(args, by=args.by)
    sample = read_sample(args.labels, table.form, args.label_column)
    found = estimate_table(table, sample, Options(args.level, not args.as_sample))
    counts = (
        (found.without_score, "without an emotion"),
        (sample.without_label, "without a label"),
        (found.without_time, f"without a time in {args.time_column!r}, of the periods"),
    )
    left_out = [f"left out: {counted(count, 'row')} {kind}" for count, kind in counts if count]
    ordered = [name for name, in_order in zip(table.groupings, table.ordered, strict=True) if in_order]
    return found.estimate, ordered, left_out


def _label_shift(args: argparse.Namespace) -> LabelShift:
    from emoscope.shares.jobs import shift_by_prior, shift_by_reference
    from emoscope.shares.tables import ScoredTable

    table = scored_table(args)
    if args.prior:
        return shift_by_prior(table, dict(args.prior))
    return shift_by_reference(table, ScoredTable(args.reference, table.form, args.prefix), args.label_column[0])


def _text(found: Estimate) -> Iterator[str]:
    for index, shares in enumerate((found.overall, *found.groups)):
        yield from [""] * bool(index)
        yield from _table(shares)
    for by, tests in groupby(found.differences, key=lambda test: test.by):
        yield from _difference_table(by, list(tests))
    if found.agreement:
        yield from _agreement(found.agreement)


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


def _difference_table(by: str, tests: list[ShareDifference]) -> Iterator[str]:
    """The significant differences of a grouping."""
    found = sorted((test for test in tests if test.p_adjusted < SIGNIFICANT), key=lambda test: test.p)
    yield ""
    yield (
        f"by {printable(by)}: {len(found)} of {counted(len(tests), 'difference')} significant at {SIGNIFICANT:.0%} "
        "(Holm)"
    )
    if found:
        yield f"{'label':<12}{'group':<18}{'minus':<18}{'points':>8}{'interval':>18}{'p':>10}"
    for test in found[:MAX_SHOWN]:
        names = "".join(f"{shortened(printable(name), 17):<18}" for name in (test.first, test.second))
        ends = f"{100 * test.interval.low:+.1f} to {100 * test.interval.high:+.1f}"
        p = "< 0.001" if test.p_adjusted < 0.001 else f"{test.p_adjusted:.3f}"
        yield f"{shortened(printable(test.label), 11):<12}{names}{100 * test.difference:>+8.1f}{ends:>18}{p:>10}"
    if len(found) > MAX_SHOWN:
        yield f"and {len(found) - MAX_SHOWN} more: see --json or --report"


def _agreement(agreement: Agreement) -> Iterator[str]:
    agreed = "-" if agreement.agreed is None else f"{agreement.agreed:.1%}"
    yield ""
    yield f"{agreement.labellers} labellers, {counted(agreement.rows, 'row')} labelled twice or more, {agreed} agreed"
    yield f"{'Krippendorff alpha':<20}{_coefficient(agreement.alpha)}"
    for kappa in agreement.kappa:
        yield f"{'Cohen kappa':<20}{_coefficient(kappa)}"


def _coefficient(coefficient: Coefficient) -> str:
    if coefficient.value is None or coefficient.interval is None:
        return "not defined: all labels are alike"
    low, high = coefficient.interval
    return f"{coefficient.value:.2f}  (95 % interval {low:.2f} to {high:.2f})"


def _shift_json(shift: LabelShift) -> dict[str, object]:
    rows = zip(shift.classes, shift.naive, shift.shares, strict=True)
    check = shift.check
    return {
        "method": "label shift",
        "assumption": ASSUMPTION,
        "rows": shift.rows,
        "check": check
        and {
            "holds": check.holds,
            "p": check.p,
            "distance": check.distance,
            "largest_difference": check.largest_difference,
        },
        "classes": [{"label": label, "naive": naive, "share": share, "interval": None} for label, naive, share in rows],
    }


def _shift_table(shift: LabelShift) -> Iterator[str]:
    yield f"{counted(shift.rows, 'row')}, no labels; this assumes {ASSUMPTION}"
    yield f"{'label':<12}{'naive':>8}{'share':>9}"
    for label, naive, share in zip(shift.classes, shift.naive, shift.shares, strict=True):
        yield f"{shortened(printable(label), 11):<12}{naive:>8.1%}{share:>9.1%}"
    yield _checked(shift)
    yield "no interval: it would not cover an error of the assumption; labels (emoscope sample) give one"


def _checked(shift: LabelShift) -> str:
    check = shift.check
    if check is None:
        return "the assumption was not checked; --reference checks it"
    figures = (
        f"p {check.p:.3f}; {check.distance:.1%} of the rows not explained; the probabilities alone give shares up "
        f"to {100 * check.largest_difference:.1f} points away"
    )
    if check.holds:
        return f"check of the assumption: not contradicted ({figures})"
    return f"check of the assumption: FAILED, do not use these shares ({figures})"


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a day as in 2024-05-31, got {text!r}") from None


def _share(text: str) -> tuple[str, float]:
    label, _, value = text.rpartition("=")
    if not label:
        raise argparse.ArgumentTypeError(f"must be CLASS=SHARE, as in joy=0.3, got {text!r}")
    return label, number(float, 0, 1)(value)
