"""Probabilities of a fine-tuned encoder with 16-bit floats, compared with transformers with 32-bit floats.

Run: python benchmarks/precision.py CHECKPOINT --data DIR
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from transformers import pipeline

import record
from emoscope import EmotionClassifier
from emoscope.data import load_splits

BATCH = 8
NEAR = 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("--data", required=True, help="folder of splits; texts of validation are scored")
    args = parser.parse_args()
    texts = load_splits(args.data)["validation"].texts
    labels = EmotionClassifier.from_pretrained(args.checkpoint).labels
    reference = _reference(args.checkpoint, texts, labels)
    results = {}
    for dtype in ("float32", "float16", "bfloat16"):
        scores = EmotionClassifier.from_pretrained(args.checkpoint, dtype=dtype).predict_proba(texts)
        difference = np.abs(scores - reference).max(axis=1)
        results[dtype] = {
            "largest_difference": float(difference.max()),
            "texts_beyond_0.01": int((difference > NEAR).sum()),
            "equal_labels": float((scores.argmax(axis=1) == reference.argmax(axis=1)).mean()),
        }
        print(dtype, results[dtype], flush=True)
    summary = {"texts": len(texts), "by_dtype": results}
    print(record.write("precision", summary, packages=("emoscope", "torch", "transformers")))


def _reference(checkpoint: str, texts: Sequence[str], labels: Sequence[str]) -> NDArray[np.float64]:
    """Probabilities (texts, labels) of the pipeline."""
    answers = pipeline("text-classification", checkpoint, top_k=None)(list(texts), batch_size=BATCH)
    named = [{each["label"]: each["score"] for each in answer} for answer in answers]
    return np.array([[row[label] for label in labels] for row in named])


if __name__ == "__main__":
    main()
