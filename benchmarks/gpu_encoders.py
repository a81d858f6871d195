"""Speed of full-size encoders on a GPU, from texts to probabilities: emoscope, torch and the transformers pipeline.

They take turns. The weights are random (speed does not depend on them), and every architecture has the bundled model's
tokenizer, so that all score the same tokens. A fine-tuned checkpoint, given with --checkpoint, adds the figures on
precision. A system that fails is recorded with its error, and the others go on. Writes one file per architecture, into
$OUT if it is set.

Run: python benchmarks/gpu_encoders.py --data DIR [--checkpoint DIR]
Dry run: python benchmarks/gpu_encoders.py --data DIR --device cpu --texts 200 --layers 2 --rounds 1 --no-compile
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

import record
from emoscope import EMOTIONS, EmotionClassifier
from emoscope.classifier import MAX_PROCESSES
from emoscope.data import load_splits
from emoscope.model_folder import BUNDLED
from emoscope.parallel import usable_cores
from emoscope.preprocessing import Preprocessor
from emoscope.text import NORMALIZERS
from emoscope.tokenization import Tokenizer
from emoscope.torch_runtime import PackedModel, TorchModel, load_module
from emoscope.torch_runtime.architectures import pack
from emoscope.torch_runtime.loading import DTYPES
from emoscope.torch_runtime.operations import on_cuda
from emoscope.torch_runtime.packed_encoder import PackedEncoder

TOKENIZER = BUNDLED / "tokenizer.json"
SPECIAL = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "distilbert": ("DistilBert", {}),
    "bert": ("Bert", {}),
    "roberta": ("Roberta", {"max_position_embeddings": 514, "type_vocab_size": 1, "pad_token_id": 1}),
    "albert": ("Albert", {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}),
}
PIPELINE_TEXTS = {1: 500, 8: 2_000, 32: 4_000, 128: 8_000, 512: 8_000}
"""Texts of one call to the pipeline, by batch size, in a run of 400,000 texts."""
PLAIN_TEXTS, PLAIN_BATCH = 40_000, 1_024
LARGEST_STEPS = (5_632, 11_264, 22_528, 45_056, 90_112)
ALONE_TEXTS = 16_384
PRECISION_TEXTS = 2_000

Call = Callable[[Sequence[str]], Any]


def main() -> None:
    args = _arguments()
    pool = [text for split in load_splits(args.data).values() for text in split.texts]
    random.Random(0).shuffle(pool)
    texts = list(islice(cycle(pool), args.texts))
    results: dict[str, Any] = {"device": _device_name(args.device), "dtype": args.dtype, "texts": args.texts}
    results["products"] = _products(args)
    if args.checkpoint:
        results["precision"] = _precision(args.checkpoint, pool[: min(PRECISION_TEXTS, args.texts)], args.device)
    for architecture in args.architectures:
        with tempfile.TemporaryDirectory(prefix=f"{architecture}-") as folder:
            save_random(architecture, Path(folder), args.layers)
            measured = _architecture(Path(folder), texts, args, results["products"]["square"])
        path = record.write(
            f"gpu_{architecture}",
            results | measured,
            packages=("torch", "transformers", "tokenizers", "numpy"),
            seed=0,
            folder=Path(os.environ.get("OUT", record.RESULTS)),
        )
        print(path)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="float16", choices=DTYPES)
    parser.add_argument("--architectures", nargs="+", default=list(CONFIGS), choices=CONFIGS)
    parser.add_argument("--texts", type=int, default=400_000)
    parser.add_argument("--layers", type=int, help="fewer than published, for a dry run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--checkpoint", type=Path, help="a fine-tuned checkpoint of one of the architectures")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    return parser.parse_args()


def save_random(architecture: str, folder: Path, layers: int | None) -> None:
    """Save a checkpoint at the published size, with random weights and the bundled word pieces."""
    torch.manual_seed(0)
    prefix, settings = CONFIGS[architecture]
    labels = dict(enumerate(EMOTIONS))
    settings = settings | {"vocab_size": 30_522, "id2label": labels, "label2id": {v: k for k, v in labels.items()}}
    if layers:
        settings["n_layers" if architecture == "distilbert" else "num_hidden_layers"] = layers
    config = getattr(transformers, f"{prefix}Config")(**settings)
    getattr(transformers, f"{prefix}ForSequenceClassification")(config).save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes(TOKENIZER.read_bytes())


# -- one architecture


def _architecture(folder: Path, texts: list[str], args: argparse.Namespace, ceiling: float) -> dict[str, Any]:
    batch = Tokenizer.from_file(TOKENIZER, max_length=512).encode(texts[:ALONE_TEXTS])
    flops = flops_per_text(packed_encoder(folder), batch.lengths)
    errors: dict[str, str] = {}
    calls = {}
    for name, (count, build) in _contestants(folder, args).items():
        try:
            calls[name] = texts[:count], build()
            calls[name][1](texts[: min(count, 20_000)])
        except Exception as error:
            calls.pop(name, None)
            errors[name] = f"{type(error).__name__}: {error}"[:500]
            print(name, errors[name], flush=True)
    rates: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(args.rounds):
        for name, (rows, call) in calls.items():
            rates[name].append(texts_per_second(call, rows))
            print(f"{folder.name:<20} {name:<36} {rates[name][-1]:12,.1f} texts/s", flush=True)
    median = {name: statistics.median(values) for name, values in rates.items()}
    ours = {name: rate for name, rate in median.items() if name.startswith("emoscope")}
    pipeline = max((rate for name, rate in median.items() if name.startswith("pipeline")), default=None)
    return {
        "texts_per_second": rates,
        "median": median,
        "errors": errors,
        "tokens_a_text": float(batch.lengths.mean()),
        "flops_a_text": flops,
        "share_of_ceiling": {name: rate * flops / ceiling for name, rate in ours.items()},
        "ratio_to_best_pipeline": max(ours.values()) / pipeline if ours and pipeline else None,
        "encoder_alone": _alone(folder, batch, args, flops, ceiling),
    }


def _contestants(folder: Path, args: argparse.Namespace) -> dict[str, tuple[int, Callable[[], Call]]]:
    """The number of texts in one call, and a function that makes the function to call, by name."""
    share = args.texts / 400_000
    cuda = args.device != "cpu"
    contestants: dict[str, tuple[int, Callable[[], Call]]] = {
        "emoscope": (args.texts, partial(_emoscope, folder, args)),
        "emoscope, bfloat16": (args.texts, partial(_emoscope, folder, args, dtype=torch.bfloat16)),
        "emoscope, a thread that tokenises": (args.texts, partial(_emoscope, folder, args, processes=0)),
    }
    for operations in on_cuda() if cuda else ():
        contestants[f"emoscope, {operations.name}"] = (
            args.texts,
            partial(_emoscope, folder, args, operations=operations),
        )
    for tokens in LARGEST_STEPS if cuda else ():
        steps = (*(size for size in (704, 2_816, 11_264) if size < tokens), tokens)
        contestants[f"emoscope, steps of {tokens}"] = args.texts, partial(_emoscope, folder, args, step_tokens=steps)
    contestants["plain torch, sorted"] = max(8, int(PLAIN_TEXTS * share)), partial(_plain, folder, args, compiled=False)
    if args.compile:
        name = "plain torch, sorted, compiled"
        contestants[name] = max(8, int(PLAIN_TEXTS * share)), partial(_plain, folder, args, compiled=True)
    for batch, count in PIPELINE_TEXTS.items():
        contestants[f"pipeline, batch {batch}"] = max(8, int(count * share)), partial(_pipeline, folder, args, batch)
    return contestants


def packed_encoder(folder: Path) -> PackedEncoder:
    encoder = pack(load_module(folder).model)
    assert encoder is not None
    return encoder


def _emoscope(folder: Path, args: argparse.Namespace, *, processes: int | None = None, **settings: Any) -> Call:
    if processes is None:
        processes = 0 if args.device == "cpu" else max(1, min(MAX_PROCESSES, usable_cores() - 1))
    settings = {"dtype": None if args.device == "cpu" else DTYPES[args.dtype]} | settings
    classifier = EmotionClassifier(
        EMOTIONS,
        Preprocessor(NORMALIZERS["raw"], Tokenizer.from_file(TOKENIZER, max_length=512)),
        PackedModel(packed_encoder(folder), parameters=0, device=args.device, **settings),
        processes=processes,
    )
    return classifier.predict_proba


def _model(folder: Path, args: argparse.Namespace) -> torch.nn.Module:
    model: torch.nn.Module = load_module(folder).model
    return model.to(args.device, torch.float32 if args.device == "cpu" else DTYPES[args.dtype]).eval()


def _pipeline(folder: Path, args: argparse.Namespace, batch: int) -> Call:
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(TOKENIZER), **SPECIAL)
    peer = transformers.pipeline(
        "text-classification", model=_model(folder, args), tokenizer=tokenizer, top_k=None, device=args.device
    )
    return lambda texts: peer(list(texts), batch_size=batch)


def _plain(folder: Path, args: argparse.Namespace, *, compiled: bool) -> Call:
    """Batches sorted by length and padded to a multiple of 8, with all threads of the library's tokenizer."""
    import tokenizers

    model = _model(folder, args)
    run = torch.compile(model, dynamic=True) if compiled else model
    tokenizer = tokenizers.Tokenizer.from_file(str(TOKENIZER))
    tokenizer.no_padding()

    @torch.inference_mode()
    def call(texts: Sequence[str]) -> np.ndarray:
        ids = [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))]
        order = sorted(range(len(ids)), key=lambda row: -len(ids[row]))
        outputs = []
        for start in range(0, len(order), PLAIN_BATCH):
            part = [ids[row] for row in order[start : start + PLAIN_BATCH]]
            padded = np.zeros((len(part), -(-len(part[0]) // 8) * 8), np.int64)
            for row, values in zip(padded, part, strict=True):
                row[: len(values)] = values
            on_device = torch.from_numpy(padded).to(args.device)
            logits = run(input_ids=on_device, attention_mask=(on_device != 0).long()).logits
            outputs.append(logits.float().softmax(-1))
        result = np.empty((len(ids), len(EMOTIONS)), np.float32)
        result[order] = torch.cat(outputs).cpu().numpy()
        return result

    return call


def texts_per_second(call: Call, texts: Sequence[str]) -> float:
    start = time.perf_counter()
    call(texts)
    return len(texts) / (time.perf_counter() - start)


# -- arithmetic


def flops_per_text(encoder: PackedEncoder, lengths: np.ndarray) -> float:
    """Mean number of floating-point operations per text.

    Counts products and attention within rows; the last layer computes all but keys and values for first tokens only.
    """
    layer: Any = encoder.layers[0]
    hidden, inner, layers = layer.qkv.in_features, layer.up.out_features, len(encoder.layers)
    token = 2 * (4 * hidden**2 + 2 * hidden * inner)
    keys_and_values = 2 * 2 * hidden**2
    projection = getattr(encoder.embedding.projection, "weight", torch.empty(0)).numel() * 2
    full = (layers - 1) * (lengths * token + 4 * lengths**2 * hidden)
    last = lengths * keys_and_values + (token - keys_and_values) + 4 * lengths * hidden
    head = 2 * hidden * (hidden + encoder.labels)
    return float(np.mean(full + last + head + lengths * projection))


def _products(args: argparse.Namespace) -> dict[str, float]:
    """FLOP/s of matrix products: a large square one (the ceiling), and those of a layer in the largest step."""
    cpu = args.device == "cpu"
    size, tokens = (256, 88) if cpu else (8_192, 22_528)
    shapes = {
        "square": (size, size, size),
        "qkv": (tokens, 768, 2_304),
        "mix": (tokens, 768, 768),
        "up": (tokens, 768, 3_072),
        "down": (tokens, 3_072, 768),
    }
    dtype = torch.float32 if cpu else DTYPES[args.dtype]
    rates = {name: _product_rate(shape, args.device, dtype) for name, shape in shapes.items()}
    seconds = sum(2 * m * k * n / rates[name] for name, (m, k, n) in shapes.items() if name != "square")
    total = sum(2 * m * k * n for name, (m, k, n) in shapes.items() if name != "square")
    return rates | {"layer": total / seconds}


def _product_rate(shape: tuple[int, int, int], device: str, dtype: torch.dtype) -> float:
    m, k, n = shape
    x, weight = torch.randn(m, k, device=device, dtype=dtype), torch.randn(n, k, device=device, dtype=dtype)
    return 2 * m * k * n / _seconds(lambda: torch.nn.functional.linear(x, weight), device)


def _seconds(step: Callable[[], Any], device: str, times: int = 20) -> float:
    """Median seconds of a step over `times` runs, after three runs that do not count."""
    seconds = []
    for run in range(times + 3):
        _wait(device)
        start = time.perf_counter()
        for _ in range(10):
            step()
        _wait(device)
        if run >= 3:
            seconds.append((time.perf_counter() - start) / 10)
    return statistics.median(seconds)


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize(device)


def _alone(folder: Path, batch: Any, args: argparse.Namespace, flops: float, ceiling: float) -> dict[str, float]:
    """Speed and memory of the encoder without tokenising: from token ids to logits."""
    dtype = None if args.device == "cpu" else DTYPES[args.dtype]
    model = PackedModel(packed_encoder(folder), parameters=0, device=args.device, dtype=dtype)
    model.logits(batch)
    seconds = _seconds(lambda: model.logits(batch), args.device, times=3)
    rate = batch.texts / seconds
    memory = torch.cuda.max_memory_allocated() if args.device != "cpu" else 0
    return {"texts_per_second": rate, "share_of_ceiling": rate * flops / ceiling, "peak_gpu_bytes": memory}


def _precision(checkpoint: Path, texts: Sequence[str], device: str) -> dict[str, Any]:
    """Difference of packed probabilities from those of transformers in float32, by precision."""
    batch = Tokenizer.from_file(checkpoint / "tokenizer.json", max_length=512).encode(list(texts))
    expected = _softmax(TorchModel(load_module(checkpoint), device=device).logits(batch))
    rows: dict[str, Any] = {"texts": len(texts)}
    for name, dtype in DTYPES.items():
        model = PackedModel(packed_encoder(checkpoint), parameters=0, device=device, dtype=dtype)
        difference = np.abs(_softmax(model.logits(batch)) - expected).max(axis=1)
        rows[name] = {
            "operations": model.operations.name,
            "largest_difference": float(difference.max()),
            "rows_over_0.01": int((difference > 1e-2).sum()),
            "equal_labels": float((_softmax(model.logits(batch)).argmax(1) == expected.argmax(1)).mean()),
        }
        print(name, rows[name], flush=True)
    return rows


def _softmax(logits: np.ndarray) -> np.ndarray:
    return torch.from_numpy(logits).softmax(-1).numpy()


def _device_name(device: str) -> str:
    return torch.cuda.get_device_name(device) if device != "cpu" else record.machine()["processor"]


if __name__ == "__main__":
    main()
