"""Write the ambiguous keywords of the training data into a model folder, with the shares of their labels.

`emoscope explain` names such a keyword when it decides a text. Only words and shares are written, no text.
Run: python recipes/ambiguous_keywords.py MODEL --data DIR
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from emoscope.data import load_splits
from emoscope.evaluation.keywords import Keywords, fit_keywords
from emoscope.manifest import write_manifest
from emoscope.model_folder import open_folder


def main() -> None:
    """Find the keywords in the training split and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL", help="model folder; its emoscope.json is updated")
    parser.add_argument("--data", required=True, help="folder with a train split")
    args = parser.parse_args()
    keywords = shares(fit_keywords(load_splits(args.data)["train"]))
    write_manifest(args.model, replace(open_folder(args.model).manifest, ambiguous_keywords=keywords))
    print(f"{args.model}: {len(keywords)} words: {', '.join(keywords)}")


def shares(keywords: Keywords) -> dict[str, dict[str, float]]:
    """Each ambiguous keyword with its two most frequent labels and their shares of the rows that it decides."""
    rows = keywords.predict_proba(list(keywords.ambiguous))
    top = np.argsort(-rows, axis=1, kind="stable")[:, :2]
    return {
        word: {keywords.labels[label]: round(float(row[label]), 4) for label in two}
        for word, row, two in zip(keywords.ambiguous, rows, top, strict=True)
    }


if __name__ == "__main__":
    main()
