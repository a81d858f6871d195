"""Test whether names and pronouns change the emotion.

Templates of our own, with and without an emotion, are scored with she, he and they, and with names of women and men of
several origins. For each comparison: how many pairs change their label, how much probability moves, and in favour of
which label on average; a star marks a mean shift that chance would hardly make (corrected for all of them).

examples:
  emoscope bias
  emoscope bias --model DIR --json > bias.json
"""

from __future__ import annotations

import argparse

from emoscope.cli.model_options import add_model_arguments, load_classifier
from emoscope.cli.output import add_report_arguments, write_report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    add_model_arguments(parser)
    add_report_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Check, write, print."""
    from emoscope.evaluation import bias_text, check_bias

    report = check_bias(load_classifier(args), model_name=args.model)
    text = write_report(args, report)
    print(text if args.json else bias_text(report))
    return 0
