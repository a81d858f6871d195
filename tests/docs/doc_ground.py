"""What a page finds in its folder: tiny data and models under the names that the pages use for the reader's own.

The recipes are the project's own with fewer epochs and units; the pretrained encoders are random ones of a few kilobytes
under the Hub ids that the recipes name.
"""

from __future__ import annotations

import csv
import gzip
import re
import shutil
from pathlib import Path

import tiny

ROOT = Path(__file__).parents[2]
SMALLER = {"epochs": "1", "dimension": "8", "hidden": "8", "batch_size": "32", "spliced": "0.5"}


def lay_ground(folder: Path) -> Path:
    """Write everything into a new folder and return it."""
    for name in ("DIR", "DATA", "dair-ai/emotion"):
        _write_splits(folder / name)
    _write_comments(folder / "GOEMOTIONS")
    _write_tables(folder)
    _write_recipes(folder / "recipes")
    return folder


def _write_splits(folder: Path) -> None:
    folder.mkdir(parents=True)
    for split, repeat in (("train", 1), ("validation", 1), ("test", 1)):
        rows = tiny.examples(split, repeat)
        starts = {"train": "", "validation": "well ", "test": "oh "}
        with (folder / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            for text, label_id in zip(rows.texts, rows.label_ids, strict=True):
                writer.writerow([starts[split] + text, rows.labels.names[label_id]])
