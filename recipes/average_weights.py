"""Averages the weights of two fine-tuned encoders, which is better than either and costs nothing to run.

Run: python recipes/average_weights.py FIRST SECOND OUTPUT --data DIR

Encoders fine-tuned from the same weights can be averaged (Wortsman et al., "Model soups", ICML 2022). The share of
FIRST is the one with the lowest loss on the validation split of `emotion`, after a temperature is fitted. The heads of
the two were drawn at random, so the average gives smaller logits; its head is multiplied by the inverse of that
temperature, which keeps the probability of neutral in proportion. OUTPUT is a checkpoint like SECOND, with report and
card of its own.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from emoscope import EmotionClassifier
from emoscope.calibration import fit_temperature
from emoscope.data import Examples, load_splits
from emoscope.evaluation.metrics import log_loss
from emoscope.probabilities import probabilities
from emoscope.training.config import configure, read_recipe
from emoscope.training.corpus import Corpus
from emoscope.training.trainer import finish, read_extra_data

WEIGHTS, HEAD = "model.safetensors", "classifier."
SHARES = np.linspace(0, 1, 21).round(2).tolist()
NOTE = """
**Averaged weights.** The weights are the mean of two trainings: {share:.0%} by the recipe `{first}.toml`, the rest by
the one above (`recipes/average_weights.py`).
"""


def main() -> None:
    """Find the share, and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--data", required=True, help="the data set emotion")
    args = parser.parse_args()
    splits = load_splits(args.data)
    first, second = (load_file(folder / WEIGHTS) for folder in (args.first, args.second))
    losses: dict[tuple[float, float], float] = {}
    for share in SHARES:
        temperature, loss = _measured(averaged(first, second, share), args.second, splits["validation"])
        losses[share, temperature] = loss
        print(f"{share:4.0%} of {args.first.name}: loss {loss:.4f} at temperature {temperature:.3f}", flush=True)
    share, temperature = min(losses, key=losses.__getitem__)
    folder = args.output.with_name(args.output.name + ".partial")
    _write(averaged(first, second, share, 1 / temperature), args.second, folder)
    config = configure(read_recipe(args.second / "recipe.toml"))
    corpus = Corpus.of(splits["train"]).with_extra_data(read_extra_data(config, splits), 0, config.label_shift)
    finish(config, splits, folder, args.output, corpus)
    with (args.output / "README.md").open("a", encoding="utf-8") as card:
        card.write(NOTE.format(share=share, first=args.first.name))


def averaged(
    first: Mapping[str, torch.Tensor], second: Mapping[str, torch.Tensor], share: float, scale: float = 1.0
) -> dict[str, torch.Tensor]:
    """The mean of two sets of weights.

    Args:
        first: the weights by name.
        second: weights of the same names and shapes.
        share: weight of `first` in the mean, in [0, 1].
        scale: factor of the head, and so of all logits.
    """
    means = {name: share * first[name] + (1 - share) * second[name] for name in second}
    return {name: mean * scale if name.startswith(HEAD) else mean for name, mean in means.items()}


def _measured(weights: Mapping[str, torch.Tensor], like: Path, validation: Examples) -> tuple[float, float]:
    """Temperature fitted on the validation rows, and their loss."""
    with TemporaryDirectory() as folder:
        _write(weights, like, Path(folder))
        logits = EmotionClassifier.from_pretrained(folder).predict_logits(validation.texts)
    temperature = fit_temperature(logits, validation.label_ids)
    return temperature, log_loss(probabilities(logits, temperature), validation.label_ids)


def _write(weights: Mapping[str, torch.Tensor], like: Path, folder: Path) -> None:
    """A checkpoint with the files of another one and these weights."""
    shutil.copytree(like, folder, dirs_exist_ok=True)
    with safe_open(like / WEIGHTS, "pt") as file:
        save_file(dict(weights), folder / WEIGHTS, metadata=file.metadata())


if __name__ == "__main__":
    main()
