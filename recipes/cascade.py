"""Writes cascade.json: from which probability on the bundled model answers for the accurate one.

Run: python recipes/cascade.py FOLDER --data DIR --tables runs/corpora --texts FILE.tsv ...

The texts are those of the validation split of `emotion` and, of each file, at most 2,000 that are not in the tables and
so are unknown to both models: rows of the corpora without a label among the six, with several, or without agreement.
A file has a text in the first column of each line. For each share of 50 to 99.9 % of the texts the lowest threshold is
written with which the cascade gives the answer of the accurate model, which is a label or neutral, for that share.
Every second text is not used for it, and the agreement on these is printed.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emoscope import EmotionClassifier
from emoscope.cascade import answers, confidences, fit_threshold
from emoscope.data import load_examples, load_splits
from emoscope.labels import EMOTIONS, NEUTRAL, Labels
from emoscope.manifest import read_manifest, write_manifest
from emoscope.model_folder import BUNDLED, CASCADE, model_checksum

PER_FILE = 2_000
SHARES = (*range(50, 100), 99.5, 99.9)


def main() -> None:
    """Fit the thresholds, write them, and print how well they hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="model folder of the accurate model")
    parser.add_argument("--data", required=True, help="the data set emotion")
    parser.add_argument("--tables", type=Path, required=True, help="folder of the tables that both models learnt from")
    parser.add_argument("--texts", type=Path, nargs="+", required=True, help="files of further texts")
    args = parser.parse_args()
    manifest = read_manifest(args.folder)
    (args.folder / CASCADE).unlink(missing_ok=True)
    write_manifest(args.folder, manifest)
    texts = load_splits(args.data)["validation"].texts + unknown_texts(args.texts, args.tables)
    models = (EmotionClassifier.from_pretrained(name) for name in (None, args.folder))
    fast, accurate = (model.predict_with_neutral(texts) for model in models)
    thresholds = {f"{share:g}": round(fit_threshold(fast[::2], accurate[::2], share / 100), 6) for share in SHARES}
    for share in ("90", "95", "99"):
        print(f"{share} %: {report(fast[1::2], accurate[1::2], thresholds[share])}")
    values = {"bundled": model_checksum(BUNDLED), "texts": len(texts[::2]), "thresholds": thresholds}
    (args.folder / CASCADE).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    write_manifest(args.folder, manifest)


def unknown_texts(files: Sequence[Path], tables: Path) -> list[str]:
    """Texts of the files that no table has."""
    labels = Labels((*EMOTIONS, NEUTRAL))
    known = {text for table in tables.glob("*.csv") for text in load_examples(table, labels=labels).texts}
    texts = []
    for file in files:
        first = {line.split("\t", 1)[0].strip() for line in file.read_text(encoding="utf-8").splitlines()}
        rest = sorted(first - known - {""})
        texts += random.Random(0).sample(rest, min(PER_FILE, len(rest)))
    return texts


def report(fast: NDArray[np.float32], accurate: NDArray[np.float32], threshold: float) -> str:
    """What a threshold does on texts that it was not fitted to."""
    passed = confidences(fast) < threshold
    agreeing = passed | (answers(fast) == answers(accurate))
    return f"agrees on {agreeing.mean():.2%} of other texts, of which {passed.mean():.1%} are passed on"


if __name__ == "__main__":
    main()
