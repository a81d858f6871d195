"""Draw the rows of a scored table that are best labelled by hand.

SCORED is a table that `emoscope score` wrote, with the columns emotion and emotion_score. OUT is a new .csv or .xlsx
with the number of each row, its text, an empty column "label" to fill, and how it was drawn: keep the columns "row",
"stratum" and "sampling_probability". The predictions are not in it, so that they do not influence the labels. `emoscope
estimate` then returns the share of each emotion in all rows.

Rows are drawn by predicted emotion and score, doubtful ones more often. For the shares of groups or periods, name
their columns with --group and --time-column: each group then gets the same number of labels.

The anticipated width of the intervals is printed before anything is drawn; --width chooses the number of labels from
it, and --plan draws nothing. It is a guess from the scores: if the model is worse on these texts than it seems, the
intervals are wider, but as valid.

examples:
  emoscope sample scored.csv to_label.csv --text-column review --size 200
  emoscope sample scored.csv to_label.xlsx --text-column review --width 0.04 --labellers 2
  emoscope sample scored.csv to_label.csv --text-column review --size 600 --time-column date --period month
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from emoscope.cli.data_options import add_text_file_arguments
from emoscope.cli.numbers import number
from emoscope.cli.output import show
from emoscope.cli.scored_options import add_scored_arguments, scored_table
from emoscope.errors import DataError
from emoscope.terminal import counted

if TYPE_CHECKING:
    from emoscope.shares.sampling import Allocation, StratumSums
    from emoscope.shares.tables import ScoredTable

SUFFIXES = (".csv", ".xlsx")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("scored", type=Path, metavar="SCORED", help="a table with emotions, from emoscope score")
    parser.add_argument("output", type=Path, metavar="OUT", help="the .csv or .xlsx to write; it must not exist")
    parser.add_argument("--text-column", required=True, metavar="C", help="column of the texts")
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument("--size", type=number(int, 1), metavar="N", help="number of rows to draw")
    size.add_argument(
        "--width",
        type=number(float, 0.001, 0.5),
        metavar="W",
        help="draw as many rows as an interval of plus or minus W needs, such as 0.04 for 4 points",
    )
    add_scored_arguments(parser, by="--group", by_help="column of groups that get equal numbers of labels")
    parser.add_argument(
        "--labellers", type=number(int, 1, 20), default=1, metavar="N", help="columns of labels to fill (default: 1)"
    )
    parser.add_argument("--seed", type=number(int, 0), default=0, metavar="S", help="seed of the draw (default: 0)")
    parser.add_argument("--plan", action="store_true", help="print the anticipated width, and draw nothing")
    add_text_file_arguments(parser, "character between the cells of SCORED, a .csv: ';', '\\t' ... (default: ',')")


def run(args: argparse.Namespace) -> int:
    """Plan the sample, report the anticipated width, draw, and write the rows."""
    from emoscope.shares.samples import count_strata, draw_sample, write_sample

    if args.output.exists():
        raise DataError(f"{args.output} exists; it may hold labels, so give another name")
    if args.output.suffix.lower() not in SUFFIXES:
        allowed = " and ".join(SUFFIXES)
        raise DataError(f"{args.output}: unknown format {args.output.suffix!r}; allowed: {allowed}")
    table = scored_table(args, by=args.group)
    strata, sums = count_strata(table)
    allocation = sums.allocation(args.size or sums.labels_needed(args.width))
    show("\n".join(_plan(table, sums, allocation)), sys.stderr)
    if args.plan:
        return 0
    rows = draw_sample(table, strata, allocation, args.text_column, args.seed)
    write_sample(args.output, rows, _choices(sums), args.labellers)
    show(f"written: {args.output}; fill the column label, then: emoscope estimate {args.scored} --labels {args.output}")
    return 0


def _plan(table: ScoredTable, sums: StratumSums, allocation: Allocation) -> Iterator[str]:
    """The anticipated width, and the groups that get too few labels."""
    from emoscope.shares.estimation import MIN_LABELS

    width = allocation.half_width
    where = "intervals in the widest group" if table.groupings else "intervals"
    yield (
        f"{counted(allocation.size, 'label')} of {counted(int(sums.rows.sum()), 'row')}: {where} of about "
        f"± {100 * width:.1f} points; for half of that, {sums.labels_needed(width / 2):,} labels"
    )
    for index, name in enumerate(table.groupings):
        labels = sums.drawn_by_group(allocation, index)
        if few := [group or "(empty)" for group, count in sorted(labels.items()) if count < MIN_LABELS]:
            shown = ", ".join(few[:5]) + (" ..." if len(few) > 5 else "")
            yield (
                f"{counted(len(few), 'group')} of {name} with fewer than {MIN_LABELS} labels, too few for an estimate: "
                f"{shown}; draw more rows, or name larger groups"
            )


def _choices(sums: StratumSums) -> list[str]:
    """The labels that Excel offers."""
    from emoscope.labels import EMOTIONS, NEUTRAL

    predicted = {stratum.answer for stratum in sums.strata}
    known = {*EMOTIONS, NEUTRAL}
    return [*EMOTIONS, NEUTRAL] if predicted <= known else sorted(predicted)
