"""The four architectures at their published size: train, evaluate, compare, model card. Random weights, a few rows.

It shows that sizes, formats and memory are right, not how good the models are. The encoders are made here with the
published configurations; their vocabularies are those of the tests' Hub, padded to the published size.

Run: python benchmarks/full_size.py [--rows 64]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import ModelCard
from transformers import AlbertConfig, AutoModel, BertConfig, DistilBertConfig, PreTrainedConfig, RobertaConfig

import record

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import tiny
from emoscope import EmotionClassifier
from emoscope.evaluation.comparison import compare
from emoscope.training import train
from emoscope.training.config import EncoderConfig
from hub.repositories import ARCHITECTURES, build

ALBERT = {"embedding_size": 128, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}
CONFIGS: dict[str, PreTrainedConfig] = {
    "distilbert": DistilBertConfig(vocab_size=30522),
    "bert": BertConfig(vocab_size=30522),
    "roberta": RobertaConfig(vocab_size=50265, max_position_embeddings=514, type_vocab_size=1),
    "albert": AlbertConfig(vocab_size=30000, **ALBERT),
}
PUBLISHED_MILLIONS = {"distilbert": 66.96, "bert": 109.49, "roberta": 124.65, "albert": 11.69}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=64)
    rows = range(parser.parse_args().rows)
    splits = {name: tiny.examples(name).subset(rows) for name in ("train", "validation")}
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        build(root / "hub")
        results = {architecture.name: _architecture(root, architecture, splits) for architecture in ARCHITECTURES}
        trained = {name: EmotionClassifier.from_pretrained(root / "runs" / name) for name in results}
        comparison = compare(trained, splits["validation"], rounds=2)
    path = record.write(
        "full_size",
        {"architectures": results, "comparison": comparison},
        packages=("emoscope", "torch", "transformers"),
        seed=42,
    )
    print(path)


def _architecture(root: Path, architecture: Any, splits: Any) -> dict[str, Any]:
    encoder = root / "hub" / "models" / architecture.encoder
    torch.manual_seed(0)
    settings = json.loads((encoder / "config.json").read_text())
    config = CONFIGS[architecture.name]
    for token in ("pad_token_id", "bos_token_id", "eos_token_id"):
        setattr(config, token, settings.get(token))
    AutoModel.from_config(config).save_pretrained(encoder)
    start = time.perf_counter()
    report = train(
        EncoderConfig(model=str(encoder), epochs=1, batch_size=16), splits, root / "runs" / architecture.name
    )
    seconds = time.perf_counter() - start
    parameters = EmotionClassifier.from_pretrained(root / "runs" / architecture.name).parameters
    card = ModelCard.load(root / "runs" / architecture.name / "README.md")
    result = {
        "parameters": parameters,
        "published_millions": PUBLISHED_MILLIONS[architecture.name],
        "equal": round(parameters / 1e6, 2) == PUBLISHED_MILLIONS[architecture.name],
        "train_seconds": seconds,
        "samples_per_second": report["samples_per_second"],
        "card_metrics": len(card.data.eval_results),
    }
    print(architecture.name, result)
    return result


if __name__ == "__main__":
    main()
