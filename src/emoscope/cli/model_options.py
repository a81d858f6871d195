"""The flags that name a model and its device, and the loading of that model."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emoscope.classifier import EmotionClassifier

MODEL_HELP = (
    "'bundled' (default), 'accurate' (extra accurate), 'cascade' (bundled where it is sure, else accurate; "
    "cascade:0.95 for 95 %% of the answers of accurate instead of 99), a model folder, a checkpoint, or a Hub id"
)


def add_model_arguments(
    parser: argparse._ActionsContainer, *, default: str | None = "bundled", help: str = MODEL_HELP
) -> None:
    """Add --model and --device.

    Args:
        parser: the command's parser, or a group of it.
        default: the model without --model.
        help: text of --model.
    """
    parser.add_argument("--model", default=default, metavar="MODEL", help=help)
    parser.add_argument(
        "--device", default="cpu", metavar="DEVICE", help="where a checkpoint runs: cpu (default), cuda, cuda:1"
    )


def load_classifier(args: argparse.Namespace) -> EmotionClassifier:
    """The model that --model names, on --device."""
    from emoscope.classifier import EmotionClassifier

    return EmotionClassifier.from_pretrained(args.model, device=args.device)
