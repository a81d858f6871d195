"""Where the models are that were trained without a corpus, and the corpora that they score."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emoscope.data import Examples, load_examples
from emoscope.labels import EMOTIONS, NEUTRAL, Labels


def folder_name(corpora: str, seed: int | str) -> str:
    """Name of the folder of the models that were trained without a corpus, or without several joined by "+"."""
    return f"without_{corpora}_{seed}"


def left_out_models(folder: Path, recipe: str) -> Iterator[tuple[str, Path]]:
    """Each corpus that was left out, with the model of a recipe that was trained without it.

    Args:
        folder: what holds the folders of `folder_name`.
        recipe: name of the recipe.
    """
    for models in sorted(folder.glob(folder_name("*", "*"))):
        for corpus in models.name.split("_")[1].split("+"):
            yield corpus, models / recipe


def load_table(file: Path) -> Examples:
    """A table whose labels are the emotions and neutral."""
    return load_examples(file, labels=Labels((*EMOTIONS, NEUTRAL)))
