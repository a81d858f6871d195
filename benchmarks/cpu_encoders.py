"""Speed of full-size encoders on the CPU, from texts to probabilities: emoscope and its peers, in turns.

The weights are random (speed does not depend on them), the sizes are the published ones, and each architecture has its
own kind of tokenizer, trained on the given texts, so that a text has about as many tokens as with the published one.
Every system scores texts of the same lengths for --seconds. A system that fails is recorded with its error, and the
others go on.

Run: python benchmarks/cpu_encoders.py --data DIR [--architecture bert ...] [--infinity PYTHON]
Dry run: python benchmarks/cpu_encoders.py --data DIR --architecture distilbert --texts 16 --rounds 1 --layers 1

PYTHON is the interpreter of a virtual environment with `pip install "infinity-emb[torch,optimum]"`, which needs
transformers 4 and therefore cannot share an environment with emoscope.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from copy import deepcopy
from functools import partial
from pathlib import Path
from threading import Timer
from typing import IO, Any

import numpy as np
import onnxruntime
import tokenizers
import torch
from tokenizers import pre_tokenizers
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import UnigramTrainer
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast, pipeline

import record
from emoscope import EMOTIONS, EmotionClassifier
from emoscope.data import Examples, load_splits
from emoscope.model_folder import open_folder
from full_size import ARCHITECTURES, CONFIGS
from gpu_encoders import flops_per_text, packed_encoder, texts_per_second

Call = Callable[[Sequence[str]], Any]

PEER_BATCH = 32
PIPELINE_BATCHES = (1, 8, 32)
MIN_TEXTS = 64
GATE_TEXTS = 256
MAX_ANSWER_SECONDS = 60.0
GRAPH = "model.onnx"

INFINITY = """
import asyncio, json, sys
from infinity_emb import AsyncEmbeddingEngine, EngineArgs
async def main(folder, engine, batch):
    settings = dict(model_name_or_path=folder, engine=engine, device="cpu", batch_size=batch, model_warmup=False)
    engine = AsyncEmbeddingEngine.from_args(EngineArgs(**settings))
    async with engine:
        for line in sys.stdin:
            scores, _ = await engine.classify(sentences=json.loads(line), raw_scores=False)
            print("scored", len(scores), flush=True)
asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def main() -> None:
    args = _arguments()
    splits = load_splits(args.data)
    ceiling = _ceiling()
    print("matrix products, GFLOP/s:", {name: round(rate / 1e9, 1) for name, rate in ceiling.items()})
    architectures = {}
    for name in args.architecture:
        with ExitStack() as stack:
            work = args.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            architectures[name] = _architecture(name, work / name, splits, args, max(ceiling.values()), stack)
    results = {
        "seconds_a_call": args.seconds,
        "texts": args.texts,
        "layers": args.layers,
        "products": ceiling,
        "architectures": architectures,
    }
    packages = ("emoscope", "onnxruntime", "torch", "transformers", "tokenizers", "numpy")
    print(record.write(args.name, results, packages=packages, seed=0, folder=args.output))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of splits; validation is scored")
    parser.add_argument("--architecture", nargs="+", default=list(CONFIGS), choices=CONFIGS)
    parser.add_argument("--systems", nargs="+", default=[""], metavar="NAME", help="beginnings of names; default: all")
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="duration of a call; decides how many texts each scores"
    )
    parser.add_argument("--texts", type=int, help="texts of every call, instead of --seconds")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--layers", type=int, help="fewer than published, for a dry run")
    parser.add_argument("--infinity", type=Path, metavar="PYTHON")
    parser.add_argument("--work", type=Path, help="folder that keeps checkpoints and model folders for the next run")
    parser.add_argument("--name", default="cpu_encoders", help="name of the result")
    parser.add_argument("--output", type=Path, default=record.RESULTS, help="folder of the result")
    return parser.parse_args()


# -- one architecture


def _architecture(
    name: str, folder: Path, splits: dict[str, Examples], args: argparse.Namespace, ceiling: float, stack: ExitStack
) -> dict[str, Any]:
    validation = splits["validation"]
    checkpoint = folder / "checkpoint"
    if not checkpoint.is_dir():
        save_random(name, checkpoint, splits["train"].texts, args.layers)
    errors: dict[str, str] = {}
    calls: dict[str, tuple[Call, list[str]]] = {}
    for system, build in _systems(folder, validation, args, stack).items():
        if not system.startswith(tuple(args.systems)):
            continue
        try:
            call = build()
            call(_spread(validation.texts, 8))
            calls[system] = call, _spread(validation.texts, args.texts or _texts(call, validation.texts, args.seconds))
        except Exception as error:
            errors[system] = f"{type(error).__name__}: {error}"[:500]
            print(f"{name:<12} {system:<36} {errors[system]}", flush=True)
    lengths = np.array(EmotionClassifier.from_pretrained(checkpoint).token_counts(validation.texts))
    return {
        "tokens_a_text": float(lengths.mean()),
        "errors": errors,
        "texts": {system: len(texts) for system, (_, texts) in calls.items()},
        "largest_difference": _differences(calls, _spread(validation.texts, 32)),
        **_summary(_turns(name, calls, args.rounds), flops_per_text(packed_encoder(checkpoint), lengths), ceiling),
    }


def _systems(
    folder: Path, examples: Examples, args: argparse.Namespace, stack: ExitStack
) -> dict[str, Callable[[], Call]]:
    checkpoint = folder / "checkpoint"
    systems: dict[str, Callable[[], Call]] = {
        "emoscope, fp32": partial(_emoscope, folder, examples, quantize=False),
        "emoscope, int8": partial(_emoscope, folder, examples, quantize=True),
        "emoscope, torch": lambda: EmotionClassifier.from_pretrained(checkpoint).predict_proba,
        "plain torch, sorted": partial(_plain_torch, checkpoint, compiled=False),
        "plain torch, sorted, compiled": partial(_plain_torch, checkpoint, compiled=True),
        "plain ONNX, sorted": partial(_plain_onnx, checkpoint),
    }
    systems["infinity, torch"] = lambda: _infinity(checkpoint, args.infinity, "torch", stack)
    systems["infinity, optimum"] = lambda: _infinity(_graph_beside(checkpoint), args.infinity, "optimum", stack)
    for batch in PIPELINE_BATCHES:
        systems[f"pipeline, batch {batch}"] = partial(_pipeline, checkpoint, batch)
    return systems


def _spread(texts: Sequence[str], count: int) -> list[str]:
    """`count` texts whose lengths are distributed like those of all, in the order of the data."""
    by_length = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    places = np.linspace(0, len(texts) - 1, min(count, len(texts))).round().astype(int)
    return [texts[i] for i in sorted(by_length[place] for place in places)]


def _texts(call: Call, texts: Sequence[str], seconds: float) -> int:
    probe = _spread(texts, MIN_TEXTS)
    return max(MIN_TEXTS, min(len(texts), int(texts_per_second(call, probe) * seconds)))


def _turns(architecture: str, calls: dict[str, tuple[Call, list[str]]], rounds: int) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {system: [] for system in calls}
    for _ in range(rounds):
        for system, (call, texts) in calls.items():
            rates[system].append(texts_per_second(call, texts))
            print(f"{architecture:<12} {system:<36} {rates[system][-1]:10.1f} texts/s", flush=True)
    return rates


def _differences(calls: dict[str, tuple[Call, list[str]]], texts: list[str]) -> dict[str, float]:
    """Largest difference of a probability from plain torch, for each system that returns an array."""
    rows = {system: call(texts) for system, (call, _) in calls.items() if not system.startswith(("pipe", "infinity"))}
    expected = rows.get("plain torch, sorted")
    return {} if expected is None else {system: float(np.abs(row - expected).max()) for system, row in rows.items()}


def _summary(rates: dict[str, list[float]], flops: float, ceiling: float) -> dict[str, Any]:
    median = {system: statistics.median(values) for system, values in rates.items()}
    pipelines = [rate for system, rate in median.items() if system.startswith("pipeline")]
    best = max(pipelines, default=None)
    return {
        "texts_per_second": rates,
        "median": median,
        "ratio_to_best_pipeline": {system: rate / best for system, rate in median.items()} if best else None,
        "flops_a_text": flops,
        "bound": ceiling / flops,
        "bound_to_best_pipeline": ceiling / flops / best if best else None,
        "share_of_bound": {system: rate * flops / ceiling for system, rate in median.items() if "int8" not in system},
    }


# -- the ceiling


def _ceiling() -> dict[str, float]:
    """FLOP/s of large float32 matrix products on all cores by library, each the best of ten."""
    size = 2048
    x, y = np.random.default_rng(0).standard_normal((2, size, size), np.float32)
    a, b = torch.from_numpy(x), torch.from_numpy(y)
    products = {"numpy": lambda: x @ y, "torch": lambda: a @ b}
    seconds = {name: min(_seconds(product) for _ in range(10)) for name, product in products.items()}
    return {name: 2 * size**3 / value for name, value in seconds.items()}


def _seconds(step: Callable[[], Any]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


# -- checkpoints


def save_random(name: str, folder: Path, texts: Sequence[str], layers: int | None = None) -> None:
    """Save a checkpoint at the published size: random weights, and a tokenizer of its kind trained on the texts."""
    torch.manual_seed(0)
    architecture = next(each for each in ARCHITECTURES if each.name == name)
    config = deepcopy(CONFIGS[name])
    tokenizer = _tokenizer(architecture, texts, config.vocab_size)
    for token in ("pad", "bos", "eos"):
        setattr(config, f"{token}_token_id", tokenizer.token_to_id(architecture.tokens.get(f"{token}_token", "")))
    config.id2label = dict(enumerate(EMOTIONS))
    config.label2id = {label: i for i, label in enumerate(EMOTIONS)}
    if layers:
        config.num_hidden_layers = layers
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    inputs = ["input_ids", "attention_mask"]
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=512, model_input_names=inputs, **architecture.tokens
    ).save_pretrained(folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings |= {"tokenizer_class": "PreTrainedTokenizerFast"}  # a name that transformers 4 knows too
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def _tokenizer(architecture: Any, texts: Sequence[str], size: int) -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer.from_str(architecture.vocabulary()[0].to_str())
    special = ["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"]
    trainer = tokenizer.model.get_trainer()
    if architecture.name == "roberta":
        special = ["cls_token", "pad_token", "sep_token", "unk_token", "mask_token"]
        trainer.initial_alphabet = pre_tokenizers.ByteLevel.alphabet()
    if architecture.name == "albert":
        trainer = UnigramTrainer(unk_token=architecture.tokens["unk_token"])
    trainer.vocab_size, trainer.show_progress = size, False
    trainer.special_tokens = [architecture.tokens[token] for token in special]
    tokenizer.train_from_iterator(texts, trainer)
    before, after = architecture.tokens["cls_token"], architecture.tokens["sep_token"]
    ids = [(token, tokenizer.token_to_id(token)) for token in (before, after)]
    tokenizer.post_processor = TemplateProcessing(single=f"{before} $A {after}", special_tokens=ids)
    return tokenizer


# -- the systems


def _emoscope(folder: Path, examples: Examples, *, quantize: bool) -> Call:
    """The model folder that `emoscope export` writes; the parity gate uses a part of the examples."""
    from emoscope.export import export

    output = folder / ("int8" if quantize else "fp32")
    if not output.is_dir():
        part = examples.subset(range(0, len(examples), max(1, len(examples) // GATE_TEXTS)))
        export(open_folder(folder / "checkpoint"), output, part, quantize=quantize)
    return EmotionClassifier.from_pretrained(output).predict_proba


def _model(checkpoint: Path) -> torch.nn.Module:
    return AutoModelForSequenceClassification.from_pretrained(checkpoint).eval()


def _pipeline(checkpoint: Path, batch: int) -> Call:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(checkpoint)
    peer = pipeline("text-classification", model=_model(checkpoint), tokenizer=tokenizer, top_k=None, device="cpu")
    return lambda texts: peer(list(texts), batch_size=batch)


def _plain_torch(checkpoint: Path, *, compiled: bool) -> Call:
    model = _model(checkpoint)
    run = torch.compile(model, dynamic=True) if compiled else model

    @torch.inference_mode()
    def logits(feed: dict[str, np.ndarray]) -> np.ndarray:
        return run(**{name: torch.from_numpy(values) for name, values in feed.items()}).logits.numpy()

    return partial(_sorted_batches, checkpoint, logits)


def _plain_onnx(checkpoint: Path) -> Call:
    """The graph as torch exports it, on ONNX Runtime with default settings, which is what optimum did."""
    session = onnxruntime.InferenceSession(_graph_beside(checkpoint) / GRAPH, providers=["CPUExecutionProvider"])
    return partial(_sorted_batches, checkpoint, lambda feed: session.run(["logits"], feed)[0])


def _graph_beside(checkpoint: Path) -> Path:
    return with_graph(checkpoint, checkpoint.parent / "with_graph")


def with_graph(checkpoint: Path, folder: Path) -> Path:
    """The folder with the checkpoint and the graph as torch exports it, made unless it exists."""
    if not (folder / GRAPH).is_file():
        shutil.copytree(checkpoint, folder, dirs_exist_ok=True)
        _export_plainly(checkpoint, folder / GRAPH)
    return folder


def _export_plainly(checkpoint: Path, path: Path) -> None:
    feed = {name: torch.ones(2, 8, dtype=torch.int64) for name in ("input_ids", "attention_mask")}
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length")}
    torch.onnx.export(
        _model(checkpoint),
        kwargs=feed,
        f=path,
        dynamo=True,
        external_data=False,
        verbose=False,
        output_names=["logits"],
        dynamic_shapes=dict.fromkeys(feed, axes),
    )


def _sorted_batches(
    checkpoint: Path, logits: Callable[[dict[str, np.ndarray]], np.ndarray], texts: Sequence[str]
) -> np.ndarray:
    """Probabilities, in batches of 32 of about equal length, padded to the longest."""
    tokenizer = tokenizers.Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    tokenizer.no_padding()
    ids = [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))]
    order = sorted(range(len(ids)), key=lambda row: -len(ids[row]))
    result = np.empty((len(ids), len(EMOTIONS)), np.float32)
    for start in range(0, len(order), PEER_BATCH):
        rows = order[start : start + PEER_BATCH]
        padded = np.ones((len(rows), len(ids[rows[0]])), np.int64)
        mask = np.zeros_like(padded)
        for i, row in enumerate(rows):
            padded[i, : len(ids[row])], mask[i, : len(ids[row])] = ids[row], 1
        exponentials = np.exp(logits({"input_ids": padded, "attention_mask": mask}))
        result[rows] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return result


def _infinity(checkpoint: Path, python: Path | None, engine: str, stack: ExitStack) -> Call:
    if python is None:
        raise FileNotFoundError("no --infinity PYTHON given")
    command = [str(python.absolute()), "-c", INFINITY, ".", engine, str(PEER_BATCH)]  # optimum needs the current folder
    log = stack.enter_context((checkpoint.parent / "infinity.log").open("w+"))
    process = stack.enter_context(
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=checkpoint)
    )
    stack.callback(process.terminate)
    return partial(_ask, process, log)


def _ask(process: subprocess.Popen[str], log: IO[str], texts: Sequence[str]) -> None:
    assert process.stdin and process.stdout
    watchdog = Timer(MAX_ANSWER_SECONDS, process.kill)  # it never answers if its worker fails
    watchdog.start()
    process.stdin.write(json.dumps(list(texts)) + "\n")
    process.stdin.flush()
    while (line := process.stdout.readline()) and not line.startswith("scored"):
        pass  # output of its start
    watchdog.cancel()
    if not line:
        log.seek(0)
        raise RuntimeError((log.read().strip() or "it ended").splitlines()[-1])


if __name__ == "__main__":
    main()
