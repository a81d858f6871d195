"""Test whether names and pronouns change the emotion.

Sentences with and without an emotion are scored with she, he and they, and with names of women and men of several
origins. Each comparison reports how many pairs of texts change their label, how much probability moves, and to which
label on average. A star marks a significant mean shift, corrected for the number of comparisons.

examples:
  emoscope bias
  emoscope bias --model DIR --json > bias.json
"""

from __future__ import annotations

import argparse

from emoscope.cli.model_options import add_model_arguments, load_classifier
from emoscope.cli.output import add_report_arguments, show, write_report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    add_model_arguments(parser)
    add_report_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Test the model, write the report and print it."""
    from emoscope.evaluation import bias_text, check_bias

    report = check_bias(load_classifier(args), model_name=args.model)
    text = write_report(args, report)
    show(text if args.json else bias_text(report))
    return 0
