"""Export a checkpoint to a model folder, which runs without torch.

CHECKPOINT is a compact student, or a sequence classifier of any architecture that torch's exporter supports:
DistilBERT, BERT, RoBERTa, ALBERT, ELECTRA, XLM-RoBERTa and more. Every command accepts the model folder as --model.
It is written only if its ONNX graph gives all of torch's labels on the texts of --data, and its probabilities within
1e-4. Without --data, the texts are built-in sentences without labels, and macro F1 is not compared.

With --quantize, products and embeddings are in integers of eight bits: a quarter of the size, and faster. The graph
must then give at least 99.5 % of torch's labels, and a macro F1 within 0.3 points. The rounding is fitted to texts of
the train split if --data has one, otherwise to the texts of the comparison; texts of the model's own kind are better
than the built-in sentences.

examples:
  emoscope export runs/compact model
  emoscope export runs/compact model --data DIR
  emoscope export owner/name model --data DIR --split validation
  emoscope export runs/distilbert model --data DIR --quantize
  emoscope predict --model model "i feel so happy today"
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from emoscope.cli.data_options import add_data_arguments, add_split_argument, choose_split, given_labels, read_splits
from emoscope.cli.output import show

if TYPE_CHECKING:
    from emoscope.data import Examples
    from emoscope.labels import Labels
    from emoscope.model_folder import ModelFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="folder that emoscope train wrote, or a Hub id")
    parser.add_argument("output", type=Path, metavar="OUT", help="model folder to write; new or empty")
    parser.add_argument("--quantize", action="store_true", help="write integers: onnx/model_quantized.onnx")
    add_data_arguments(parser, default_labels="the checkpoint's", without="built-in sentences")
    add_split_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Export and print the parity record."""
    from emoscope.export import export
    from emoscope.model_folder import WEIGHTS, open_folder, resolve

    folder = open_folder(resolve(args.checkpoint, one_of=WEIGHTS))
    examples, calibration = _rows(args, folder) if args.data else (None, None)
    record = export(folder, args.output, examples, calibration=calibration, quantize=args.quantize)
    for name, parity in record.items():
        f1 = "" if parity.f1_macro_difference is None else f"macro F1 {parity.f1_macro_difference:+.4f}, "
        show(
            f"{args.output}: {parity.equal_labels:.2%} equal labels, {f1}"
            f"probabilities within {parity.largest_difference:.1e} of torch ({name.replace('_', ' ')}) on "
            f"{parity.texts:,} texts"
        )
    if folder.calibration.prediction_sets and not open_folder(args.output).calibration.prediction_sets:
        show(f"{args.output}: the checkpoint's prediction sets are not valid for integers; run emoscope calibrate")
    return 0


def _rows(args: argparse.Namespace, folder: ModelFolder) -> tuple[Examples, list[str]]:
    """The rows of the comparison, and the texts that the rounding is fitted to."""
    args.multi_label = folder.calibration.multi_label
    splits = read_splits(args, given_labels(args) or _labels(folder))
    examples = choose_split(splits, args)
    return examples, splits.get("train", examples).texts


def _labels(folder: ModelFolder) -> Labels:
    """The model's labels; if they are the six emotions, in their usual order."""
    from emoscope.labels import Labels

    own = folder.labels
    return Labels() if set(own.names) == set(Labels().names) else own
