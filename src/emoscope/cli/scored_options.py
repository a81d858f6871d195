"""The flags of commands that read scored tables."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emoscope.shares.tables import ScoredTable

PERIODS = ("day", "week", "month", "quarter", "year")


def add_scored_arguments(parser: argparse.ArgumentParser, *, by: str, by_help: str) -> None:
    """Add the flags of columns of groups and times.

    Args:
        parser: the command's parser.
        by: name of the flag of the column of groups.
        by_help: what the groups are for.
    """
    parser.add_argument(by, metavar="C", help=by_help)
    parser.add_argument("--time-column", metavar="C", help="column of times: likewise for each period")
    parser.add_argument("--period", choices=PERIODS, default="month", help="length of the periods (default: month)")
    parser.add_argument(
        "--time-format", metavar="F", help="format of the times: '%%d.%%m.%%Y' ... (default: the usual ones)"
    )
    parser.add_argument("--prefix", default="", metavar="P", help="the --prefix that SCORED was written with")


def scored_table(args: argparse.Namespace, *, by: str | None = None) -> ScoredTable:
    """The scored table that the flags describe.

    Args:
        args: parsed arguments.
        by: the column of groups.
    """
    from emoscope.shares.blocks import TextFormat
    from emoscope.shares.tables import ScoredTable, TimeColumn

    time = TimeColumn(args.time_column, args.period, args.time_format) if args.time_column else None
    form = TextFormat(args.delimiter, args.encoding)
    return ScoredTable(args.scored, form, args.prefix, by, time, vars(args).get("event"))
