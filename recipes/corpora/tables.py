"""Writes the table of one corpus: the columns text and label, each label one of the six emotions or neutral."""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

EMOTIONS = ("sadness", "joy", "love", "anger", "fear", "surprise")
NEUTRAL = "neutral"
SAME_NAMES = {name: name for name in (*EMOTIONS, NEUTRAL)}
"""The mapping of a corpus that calls them by these names."""

Row = tuple[str, str]


def tab_separated(files: Iterable[Path]) -> Iterator[tuple[str, list[str]]]:
    """Text and label names of each line `text<TAB>label,label...` of UTF-8 files."""
    for file in files:
        for line in file.read_text(encoding="utf-8").split("\n"):
            if line:
                text, labels = line.split("\t")[:2]
                yield text, labels.split(",")


def with_one_label(rows: Iterable[tuple[str, list[str]]], mapping: Mapping[str, str]) -> Iterator[Row]:
    """Rows whose labels all map to the same emotion; a label that is not in the mapping leaves its row out."""
    for text, labels in rows:
        mapped = {mapping.get(label) for label in labels}
        if len(mapped) == 1 and None not in mapped:
            yield text, str(mapped.pop())


def arguments(description: str | None, source: str) -> argparse.Namespace:
    """`source` and `output` of a script."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="+", help=source)
    parser.add_argument("output", type=Path, help="CSV file to write, with the columns text and label")
    return parser.parse_args()


def write(output: Path, rows: Iterable[Row]) -> None:
    """Write the rows, the first of equal texts only, and print how many each label has."""
    unique = dict(reversed([(text, label) for text, label in rows]))
    table = [(text, label) for text, label in reversed(unique.items())]
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *table])
    counts = Counter(label for _, label in table)
    print(f"{output}: {len(table):,} texts;", ", ".join(f"{name} {count:,}" for name, count in counts.most_common()))
