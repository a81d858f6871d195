"""Export a compact student to a model folder: one ONNX graph, held against torch before anything is written.

The model folder runs without torch, and any command takes it as --model.

examples:
  emoscope export runs/compact model --data DIR
  emoscope predict --model model "i feel so happy today"
"""

from __future__ import annotations

import argparse
from pathlib import Path

from emoscope.cli.data_options import add_data_arguments, add_split_argument, choose_split, given_labels, read_splits


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="folder that emoscope train wrote")
    parser.add_argument("output", type=Path, metavar="OUT", help="model folder to write; not there yet, or empty")
    add_data_arguments(parser, default_labels="the checkpoint's")
    add_split_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Export and print the parity record."""
    from emoscope.compact import load_checkpoint
    from emoscope.export import export_compact

    splits = read_splits(args, given_labels(args) or load_checkpoint(args.checkpoint).labels)
    record = export_compact(args.checkpoint, args.output, choose_split(splits, args).texts)
    for name, parity in record.items():
        print(
            f"{args.output}: {parity.equal_labels:.2%} equal labels, probabilities within "
            f"{parity.largest_difference:.1e} of torch ({name.replace('_', ' ')}) on {parity.texts:,} texts"
        )
    return 0
