"""Export a checkpoint to a model folder: one ONNX graph, checked against torch on the texts given.

examples:
  emoscope export runs/compact model --data DIR
  emoscope predict --model model "i feel so happy today"
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.add_argument(
        "checkpoint", type=Path, metavar="CHECKPOINT", help="folder that emoscope train wrote"
    )
    parser.add_argument(
        "output", type=Path, metavar="OUT", help="model folder to write; must be empty or not there"
    )
    parser.add_argument(
        "--data",
        required=True,
        metavar="D",
        help="texts on which graph and torch must agree: a folder of splits or a file",
    )
    parser.add_argument("--split", metavar="S", help="split of D (default: validation)")


def run(args: argparse.Namespace) -> int:
    """Export and print the parity record."""
    from emoscope.data import load_examples
    from emoscope.export import export_compact

    return 0
