"""Draw the rows of a scored table that are best labelled by hand.

SCORED is a table that `emoscope score` wrote, with the columns emotion and emotion_score. OUT is a new .csv with the
number of each row, its text, an empty column "label" to fill, and how it was drawn: keep the columns "row", "stratum"
and "sampling_probability". The predictions are not in it, so that they do not influence the labels. `emoscope estimate`
then returns the share of each emotion in all rows.

Rows are drawn by predicted emotion and score, doubtful ones more often. The anticipated width of the intervals is
printed before anything is drawn; --width chooses the number of labels from it. It is a guess from the scores: if the
model is worse on these texts than it seems, the intervals are wider, but as valid.

examples:
  emoscope sample scored.csv to_label.csv --text-column review --size 200
  emoscope sample scored.csv to_label.csv --text-column review --width 0.04
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from emoscope.cli.data_options import add_text_file_arguments
from emoscope.cli.numbers import number
from emoscope.cli.output import write_output
from emoscope.errors import DataError
from emoscope.terminal import counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("scored", type=Path, metavar="SCORED", help="a table with emotions, from emoscope score")
    parser.add_argument("output", type=Path, metavar="OUT", help="the .csv to write; it must not exist")
    parser.add_argument("--text-column", required=True, metavar="C", help="column of the texts")
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument("--size", type=number(int, 1), metavar="N", help="number of rows to draw")
    size.add_argument(
        "--width",
        type=number(float, 0.001, 0.5),
        metavar="W",
        help="draw as many rows as an interval of plus or minus W needs, such as 0.04 for 4 points",
    )
    parser.add_argument("--seed", type=number(int, 0), default=0, metavar="S", help="seed of the draw (default: 0)")
    parser.add_argument("--prefix", default="", metavar="P", help="the --prefix that SCORED was written with")
    add_text_file_arguments(parser, "character between the cells of SCORED, a .csv: ';', '\\t' ... (default: ',')")


def run(args: argparse.Namespace) -> int:
    """Plan the sample, report the anticipated width, draw, and write the rows."""
    from emoscope.shares import draw_rows, labels_needed, plan_sample
    from emoscope.shares.tables import TextFormat, read_scored, sample_csv

    if args.output.exists():
        raise DataError(f"{args.output} exists; it may hold labels, so give another name")
    if args.output.suffix.lower() != ".csv":
        raise DataError(f"{args.output}: unknown format {args.output.suffix!r}; allowed: .csv")
    form = TextFormat(args.delimiter, args.encoding)
    scored = read_scored(args.scored, form, prefix=args.prefix)
    size = args.size or labels_needed(scored.answers, scored.scores, args.width)
    plan = plan_sample(scored.answers, scored.scores, size)
    print(
        f"{counted(size, 'label')} of {counted(len(scored.numbers), 'row')}: intervals of about "
        f"± {100 * plan.half_width:.1f} points; for half of that, "
        f"{labels_needed(scored.answers, scored.scores, plan.half_width / 2):,} labels",
        file=sys.stderr,
    )
    drawn = draw_rows(plan, args.seed)
    write_output(args.output, sample_csv(args.scored, form, args.text_column, scored, plan, drawn))
    print(
        f"written: {args.output}; fill the column label, then: emoscope estimate {args.scored} --labels {args.output}"
    )
    return 0
