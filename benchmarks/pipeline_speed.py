"""Speed from texts to probabilities: the installed models and a transformers pipeline of DistilBERT's size.

They score texts of `emotion` in turns, in one run. The pipeline's weights are random: speed does not depend on them. A
cascade's speed depends on how many texts the bundled model is not sure of; few are of this kind.

Run: python benchmarks/pipeline_speed.py --data DIR
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from typing import Any

import torch
from transformers import (
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedTokenizerFast,
    pipeline,
)

import record
from emoscope import EMOTIONS, EmotionClassifier
from emoscope.data import load_splits
from emoscope.model_folder import BUNDLED

PIPELINE_BATCHES = (1, 8, 32)
LARGER = ("accurate", "cascade", "cascade:0.95")


def main() -> None:
    args = _arguments()
    splits = load_splits(args.data)
    pool = [text for split in splits.values() for text in split.texts]
    texts = list(islice(cycle(pool), args.texts))
    peer = _distilbert_pipeline()
    contestants: dict[str, tuple[Callable[[Sequence[str]], Any], Sequence[str]]] = {
        "emoscope": (EmotionClassifier.from_pretrained().predict_proba, texts)
    }
    for name in LARGER:
        contestants[name] = (EmotionClassifier.from_pretrained(name).predict_proba, splits["validation"].texts)
    for batch in PIPELINE_BATCHES:
        call = lambda rows, batch=batch: peer(list(rows), batch_size=batch)  # noqa: E731
        contestants[f"pipeline, batch {batch}"] = (call, splits["validation"].texts[: args.pipeline_texts])
    rates = {name: [] for name in contestants}
    for _ in range(args.rounds):
        for name, (call, rows) in contestants.items():
            rates[name].append(_rate(call, rows))
            print(f"{name:<20} {rates[name][-1]:12,.1f} texts/s")
    print(
        record.write(
            "pipeline_speed",
            _summary(rates, args),
            packages=("emoscope", "onnxruntime", "torch", "transformers"),
        )
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--pipeline-texts", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def _distilbert_pipeline() -> Any:
    torch.manual_seed(0)
    labels = dict(enumerate(EMOTIONS))
    config = DistilBertConfig(num_labels=len(labels), id2label=labels, label2id={v: k for k, v in labels.items()})
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(BUNDLED / "tokenizer.json"),
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    )
    model = DistilBertForSequenceClassification(config).eval()
    return pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None, device="cpu")


def _rate(call: Callable[[Sequence[str]], Any], texts: Sequence[str]) -> float:
    start = time.perf_counter()
    call(texts)
    return len(texts) / (time.perf_counter() - start)


def _summary(rates: dict[str, list[float]], args: argparse.Namespace) -> dict[str, Any]:
    medians = {name: statistics.median(values) for name, values in rates.items()}
    best = max(rate for name, rate in medians.items() if name.startswith("pipeline"))
    return {
        "texts": args.texts,
        "pipeline_texts": args.pipeline_texts,
        "texts_per_second": rates,
        "median": medians,
        "ratio_to_best_pipeline": medians["emoscope"] / best,
        "ratios": {name: medians[name] / best for name in ("emoscope", *LARGER)},
    }


if __name__ == "__main__":
    main()
