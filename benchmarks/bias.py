"""Name and pronoun bias of a model, by `emoscope.evaluation.check_bias`.

Run: python benchmarks/bias.py
"""

from __future__ import annotations

import argparse

import record
from emoscope import EmotionClassifier
from emoscope.evaluation import bias_text, check_bias


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    report = check_bias(EmotionClassifier.from_pretrained(args.model), model_name=args.model, seed=args.seed)
    print(bias_text(report))
    print(record.write("bias", report, packages=("emoscope", "onnxruntime", "numpy"), seed=args.seed))


if __name__ == "__main__":
    main()
