"""Export a checkpoint to a model folder: one ONNX graph, held against torch before anything is written.

The model folder runs without torch, and any command takes it as --model.

examples:
  emoscope export runs/compact model --data DIR
  emoscope predict --model model "i feel so happy today"
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="folder that emoscope train wrote")
    parser.add_argument("output", type=Path, metavar="OUT", help="model folder to write; not there yet, or empty")
    parser.add_argument("--data", required=True, metavar="D", help="texts on which graph and torch must agree")
    parser.add_argument(
        "--split", default="validation", metavar="S", help="split of D, if it has any (default: validation)"
    )


def run(args: argparse.Namespace) -> int:
    """Export and print the parity record."""
    from emoscope.compact import load_checkpoint
    from emoscope.data import load_splits
    from emoscope.export import export_compact

    splits = load_splits(args.data, labels=load_checkpoint(args.checkpoint).labels)
    examples = splits["all"] if "all" in splits else splits[args.split]
    record = export_compact(args.checkpoint, args.output, examples.texts)
    for name, parity in record.items():
        print(
            f"{args.output}: {parity.equal_labels:.2%} equal labels, probabilities within "
            f"{parity.largest_difference:.1e} of torch ({name.replace('_', ' ')}) on {parity.texts:,} texts"
        )
    return 0
