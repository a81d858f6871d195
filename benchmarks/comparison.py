"""Compare the bundled model and a fine-tuned encoder on the same rows, as `emoscope compare` does.

Run: python benchmarks/comparison.py --data DIR bundled runs/minilm
"""

from __future__ import annotations

import argparse
from pathlib import Path

import record
from emoscope.data import load_examples
from emoscope.evaluation import compare, comparison_text, load_classifiers, measure_footprint, plot_comparison

PLOT = Path(__file__).parents[1] / "docs" / "comparison.png"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("models", nargs="+")
    args = parser.parse_args()
    examples = load_examples(args.data, "validation")
    texts = examples.texts[:512]
    comparison = compare(
        load_classifiers(args.models),
        examples,
        rounds=5,
        footprints={name: measure_footprint(name, texts) for name in args.models},
    )
    print(comparison_text(comparison))
    plot_comparison(comparison, PLOT)
    print(record.write("comparison", comparison, packages=("emoscope", "onnxruntime", "torch", "transformers"), seed=0))


if __name__ == "__main__":
    main()
