"""Check whether names and pronouns move the emotion: pairs of texts that differ in nothing else.

Templates of our own, with and without an emotion, are scored with she, he and they, and with names of women and men of
several origins. For each comparison: how many pairs change their label, how much probability moves, and in favour of
which label on average; a star marks a mean shift that chance would hardly make (corrected for all of them).

examples:
  emoscope bias
  emoscope bias --model DIR --json > bias.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from emoscope.cli.output import write_whole


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.add_argument(
        "--model", default="bundled", metavar="M", help="'bundled' (default), a model folder, a checkpoint, or a Hub id"
    )
    parser.add_argument("--device", default="cpu", metavar="D", help="of a checkpoint: cpu (default), cuda, cuda:1")
    parser.add_argument("--report", type=Path, metavar="FILE.json", help="write the whole report there")
    parser.add_argument("--json", action="store_true", help="print the whole report as JSON, no table")


def run(args: argparse.Namespace) -> int:
    """Check, write, print."""
    from emoscope.classifier import EmotionClassifier
    from emoscope.evaluation import bias_text, check_bias

    classifier = EmotionClassifier.from_pretrained(args.model, device=args.device)
    report = check_bias(classifier, model_name=args.model)
    text = json.dumps(report, indent=2, allow_nan=False)
    if args.report:
        write_whole(args.report, text + "\n")
    print(text if args.json else bias_text(report))
    return 0
