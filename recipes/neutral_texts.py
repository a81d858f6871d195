"""Write neutral and emotional texts for `emoscope calibrate --neutral-data`.

Run: python recipes/neutral_texts.py GOEMOTIONS OUT

The texts are comments of GoEmotions (Demszky et al., ACL 2020; CC BY 4.0). Neutral comments have the label neutral
alone, emotional ones have any of the 27 emotions and not that label. Comments with both are left out.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

NEUTRAL = "neutral"
SPLITS = {"train.tsv": "train.csv", "dev.tsv": "validation.csv"}


def kind(names: set[str]) -> str | None:
    """The kind of a text with these labels; None if it is left out."""
    if NEUTRAL not in names:
        return "emotional"
    return NEUTRAL if names == {NEUTRAL} else None


def main() -> None:
    """Write one file per split."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("goemotions", type=Path, help="folder with train.tsv, dev.tsv and labels.txt")
    parser.add_argument(
        "output", type=Path, help="folder for train.csv and validation.csv; created if it does not exist"
    )
    args = parser.parse_args()
    names = (args.goemotions / "labels.txt").read_text(encoding="utf-8").split()
    args.output.mkdir(parents=True, exist_ok=True)
    for source, target in SPLITS.items():
        lines = (args.goemotions / source).read_text(encoding="utf-8").splitlines()
        cells = (line.split("\t") for line in lines)
        kinds = ((text, kind({names[int(number)] for number in numbers.split(",")})) for text, numbers, _ in cells)
        rows = [(text, label) for text, label in kinds if label]
        with (args.output / target).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *rows])
        print(f"{args.output / target}: {len(rows):,} texts, {sum(label == NEUTRAL for _, label in rows):,} neutral")


if __name__ == "__main__":
    main()
