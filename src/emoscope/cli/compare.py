"""Compare models on the same rows: quality, speed, size, memory.

A model is 'bundled', a model folder, a checkpoint or a Hub id. Two models are a tie unless McNemar's exact test, with
Holm's correction for all pairs, is significant. On dair-ai/emotion the published results of the public model card are
shown for reference, apart from what is measured. With --multi-label a row is right if all its labels are.

examples:
  emoscope compare bundled DIR --data DATA
  emoscope compare bundled owner/name DIR --data DATA --split test --report comparison.json --plot comparison.png
  emoscope compare bundled DIR --data rows.csv --markdown > comparison.md
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from emoscope.cli.data_options import (
    add_data_arguments,
    add_multi_label_argument,
    add_split_argument,
    choose_split,
    labels_for,
    read_splits,
)
from emoscope.cli.numbers import number
from emoscope.cli.output import add_report_arguments, show, write_report
from emoscope.errors import DataError

if TYPE_CHECKING:
    from emoscope.data import Examples
    from emoscope.evaluation import Comparison
    from emoscope.protocols import Classifier


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument(
        "models", nargs="+", metavar="MODEL", help="'bundled', a model folder, a checkpoint or a Hub id"
    )
    add_data_arguments(parser, default_labels="the models'")
    add_split_argument(parser)
    add_multi_label_argument(parser)
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw accuracy against speed (extra: plot)")
    add_report_arguments(parser, "comparison").add_argument(
        "--markdown", action="store_true", help="print tables in GitHub's Markdown"
    )
    parser.add_argument(
        "--rounds", type=number(int, 1), default=3, metavar="N", help="timings of each model (default: 3)"
    )
    parser.add_argument(
        "--speed-texts", type=number(int, 1), default=512, metavar="N", help="number of texts timed (default: 512)"
    )
    parser.add_argument(
        "--no-memory", action="store_true", help="do not measure memory, for which each model is loaded again"
    )


def run(args: argparse.Namespace) -> int:
    """Compare the models, write the report and the plot, and print the comparison."""
    from emoscope.errors import require_extra
    from emoscope.evaluation import comparison_markdown, comparison_text, plot_comparison

    if args.plot:
        require_extra("plot")
    comparison = _compare(args)
    text = write_report(args, comparison)
    if args.plot:
        plot_comparison(comparison, args.plot)
    if not args.json:
        text = comparison_markdown(comparison) if args.markdown else comparison_text(comparison)
    show(text)
    return 0


def _compare(args: argparse.Namespace) -> Comparison:
    from emoscope.evaluation import compare, load_classifiers, measure_footprint
    from emoscope.evaluation.comparison import check_comparable

    classifiers = load_classifiers(args.models)
    examples = _examples(args, classifiers[args.models[0]])
    check_comparable(classifiers, examples)
    timed = examples.texts[: args.speed_texts]
    return compare(
        classifiers,
        examples,
        rounds=args.rounds,
        speed_texts=args.speed_texts,
        footprints={name: measure_footprint(name, timed, memory=not args.no_memory) for name in classifiers},
    )


def _examples(args: argparse.Namespace, classifier: Classifier) -> Examples:
    """The rows with the classifier's labels, or, if these do not fit, with their own for an error that names both."""
    try:
        splits = read_splits(args, labels_for(args, classifier))
    except DataError:
        if args.labels:
            raise
        splits = read_splits(args, None)
    return choose_split(splits, args)
