"""Writes files of edition 0.1, which later editions must read: run with the source of that edition alone.

Run: PYTHONPATH=OLD/src python tests/data/edition_0_1/make.py OUT, where OLD is a checkout of commit 6809657.

Everything is made here: rows, a tiny encoder to start from, and models trained on these rows for seconds. OUT gets

- `rows` and `kinds`: labelled texts of the six emotions, and texts labelled neutral or emotional;
- `compact` and `encoder`: checkpoints; `model`: a calibrated model folder; `folds`: a folder of folds;
- `recipes`: recipes of every kind, and the configurations that they were read as;
- `score`: tables, the folders of scoring runs that a SIGKILL ended, and the files that they would have written;
- `flags.json`: the flags of every command; `serve.json`: flags of a server with its settings, and its API keys;
- `answers`: JSON that commands and the server printed.
"""

from __future__ import annotations

import asyncio
import csv
import dataclasses
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import redirect_stdout
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

EMOTIONS = ("sadness", "joy", "love", "anger", "fear", "surprise")
KEYWORDS = {
    "sadness": ("sad", "lonely", "hopeless", "miserable"),
    "joy": ("happy", "glad", "cheerful", "proud"),
    "love": ("loving", "tender", "caring", "romantic"),
    "anger": ("angry", "furious", "mad", "annoyed"),
    "fear": ("scared", "afraid", "nervous", "anxious"),
    "surprise": ("surprised", "amazed", "stunned", "shocked"),
}
PATTERNS = ("i feel {} today", "I am {}!", "i was so {} when they came", "they made me feel {}", "feeling {} again")
PLACES = ("at the bus stop", "in the garden", "on the stairs", "near the old mill")
NEUTRAL = ("the meeting is {}", "my bike stands {}", "the report lies {}", "it rained {}")
MODIFIED = 1_700_000_000_000_000_000
"""Time of the last change of the tables that were being scored, in nanoseconds: a run remembers it."""
TEXTS = ["i feel so happy today", "I was SCARED, then they came!", "the bus leaves at ten", "i feel strange"]
LETTER = "I was scared of the stairs. Then they came and I was happy! My bike stands in the garden."
STREAMED = "/v1/score?text_column=review&columns=emotion,emotion_score,joy&format=csv"
COMPACT = ["--vectors", "start", "--dimension", "8", "--hidden", "6", "--batch-size", "16", "--max-length", "256"]


def main() -> None:
    """Write everything into the folder named."""
    output = Path(sys.argv[1]).resolve()
    output.mkdir(parents=True)
    os.chdir(output)
    _data()
    _start()
    emoscope("train", *COMPACT, "--epochs", "10", "--learning-rate", "0.02", "--data", "rows", "--output", "compact")
    emoscope("train", "--model", "start", "--text-form", "marked", "--epochs", "12", "--learning-rate", "0.02",
             "--batch-size", "16", "--max-length", "24", "--data", "rows", "--output", "encoder")  # fmt: skip
    emoscope("train", *COMPACT, "--epochs", "10", "--learning-rate", "0.02", "--data", "rows", "--output", "folds",
             "--folds", "2")  # fmt: skip
    _model()
    _recipes()
    _scoring()
    _flags()
    _server()
    _answers()
    shutil.rmtree("start")
    for cache in output.rglob("__pycache__"):
        shutil.rmtree(cache)


def emoscope(*arguments: str) -> str:
    """Standard output of a command of edition 0.1."""
    from emoscope.cli import main as command

    printed = io.StringIO()
    with redirect_stdout(printed):
        status = command(arguments)
    assert status == 0, arguments
    return printed.getvalue()


# -- data and models


def _data() -> None:
    """Rows of the six emotions, one in ten with a wrong label; texts with and without emotion."""
    rng = np.random.default_rng(0)
    rows = [
        (pattern.format(word), emotion)
        for emotion, words in KEYWORDS.items()
        for word, pattern in product(words, PATTERNS)
    ]
    for split in ("train", "validation"):
        wrong = rng.random(len(rows)) < 0.1
        labels = [str(rng.choice(EMOTIONS)) if other else row[1] for row, other in zip(rows, wrong, strict=True)]
        _write_csv(Path("rows", f"{split}.csv"), [(text, label) for (text, _), label in zip(rows, labels, strict=True)])
    plain = [pattern.format(place) for pattern, place in product(NEUTRAL, PLACES)]
    kinds = [*((text, "neutral") for text in plain), *((text, "emotional") for text, _ in rows[::4])]
    _write_csv(Path("kinds", "train.csv"), kinds[::2])
    _write_csv(Path("kinds", "validation.csv"), kinds[1::2])


def _write_csv(path: Path, rows: list[tuple[str, str]]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])


def _start() -> None:
    """A random BERT of one layer, which both kinds of models start from."""
    import torch
    from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

    with Path("rows", "train.csv").open(encoding="utf-8") as file:
        words = {word for text, _ in csv.reader(file) for word in text.lower().replace("!", " ! ").split()}
    pieces = [piece for letter in "abcdefghijklmnopqrstuvwxyz" for piece in (letter, f"##{letter}")]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted({*words, ",", ".", "!", *pieces})]
    Path("start").mkdir()
    Path("start", "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    BertTokenizerFast("start/vocab.txt").save_pretrained("start")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(vocab_size=len(vocabulary), max_position_embeddings=32, **sizes)
    BertForMaskedLM(config).save_pretrained("start")


def _model() -> None:
    """The compact checkpoint exported, with ambiguous keywords, calibrated."""
    from emoscope.model_folder import open_folder, write_manifest

    emoscope("export", "compact", "model", "--data", "rows")
    keywords = {"passionate": {"love": 0.5625, "joy": 0.4375}, "amazed": {"surprise": 0.5, "joy": 0.5}}
    manifest = dataclasses.asdict(open_folder(Path("model")).manifest) | {"ambiguous_keywords": keywords}
    write_manifest(Path("model"), **{key: manifest[key] for key in manifest if key not in ("files", "format")})
    emoscope("calibrate", "model", "--data", "rows", "--clear-from", "kinds")


# -- recipes


def _recipes() -> None:
    """A recipe of each kind with every key, and some short ones; and the configuration that each is."""
    from emoscope.training.config import KINDS, configure, kind_of, recipe_text

    recipes = {f"{kind}.toml": recipe_text(config(**_values(config))) for kind, config in KINDS.items()}
    recipes["short-compact.toml"] = 'further = ["more.csv", "real.tsv"]\nspliced = 2.0\nvectors = "start"\n'
    recipes["short-encoder.toml"] = 'kind = "encoder"\nmodel = "start"\ntext_form = "plain"\n'
    recipes["short-student.toml"] = 'teachers = ["folds", "bundled"]\ncopy_neighbour = 0.2\nreader_weight = 0.5\n'
    Path("recipes").mkdir()
    import tomllib

    read = {}
    for name, text in recipes.items():
        Path("recipes", name).write_text(text, encoding="utf-8")
        config = configure(tomllib.loads(text))
        read[name] = {"kind": kind_of(config)} | dataclasses.asdict(config)
    Path("recipes", "read.json").write_text(json.dumps(read, indent=1) + "\n", encoding="utf-8")


def _values(config: Any) -> dict[str, Any]:
    """A value for each key that is not its default."""
    others = {field.name: _other(field.default) for field in dataclasses.fields(config)}
    return others | ({"text_form": "marked"} if "text_form" in others else {})


def _other(default: Any) -> Any:
    if isinstance(default, str):
        return f"another-{default}"
    if isinstance(default, tuple):
        return ("first", "second")
    return default + 1 if isinstance(default, int) else default / 2 + 0.0625


# -- scoring runs that were killed

KILLED = """
import os, signal, sys
from emoscope.cli import main
from emoscope.scoring import checkpoint

def write_whole(path, content, write=checkpoint.write_whole):
    if path.suffix == ".npy" and len(list(path.parent.glob("*.npy"))) == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, content)

checkpoint.write_whole = write_whole
finish = checkpoint.WorkFolder.finish
checkpoint.WorkFolder.finish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main(sys.argv[2:])
"""


def _scoring() -> None:
    """Tables of both text formats, and runs over them that a SIGKILL ended: in the middle, and before the last step."""
    Path("score").mkdir()
    os.chdir("score")
    rows = [(str(i), PATTERNS[i % 5].format(KEYWORDS[EMOTIONS[i % 6]][i % 4])) for i in range(30)]
    rows[7] = ("007", " ")
    with Path("rows.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_NONNUMERIC).writerows([("id", "review"), *rows])
    lines = [json.dumps({"id": number, "review": text, "more": {"a": [1.50, None]}}) for number, text in rows]
    Path("rows.jsonl").write_text("\n".join([*lines[:20], "{broken", *lines[20:]]) + "\n", encoding="utf-8")
    for table in ("rows.csv", "rows.jsonl"):
        os.utime(table, ns=(MODIFIED, MODIFIED))
        for name, parts in (("begun", 2), ("nearly", 99)):
            suffix = Path(table).suffix
            arguments = [table, f"{name}{suffix}", "--text-column", "review", "--model", "../model", "--part-rows", "8"]
            killed = subprocess.run([sys.executable, "-c", KILLED, str(parts), "score", *arguments], check=False)
            assert killed.returncode == -signal.SIGKILL
            assert not Path(arguments[1]).exists()
        emoscope("score", table, f"expected{suffix}", *arguments[2:])
    os.chdir("..")


# -- flags and settings


def _flags() -> None:
    """Every flag of every command, and the values that it is limited to."""
    import argparse

    from emoscope.cli import COMMANDS
    from emoscope.cli import _parser as parser

    commands = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    flags = {
        name: {
            flag: {"takes_a_value": action.nargs != 0, "choices": action.choices and list(action.choices)}
            for action in commands.choices[name]._actions
            for flag in action.option_strings
        }
        for name in COMMANDS
    }
    Path("flags.json").write_text(json.dumps(flags, indent=1) + "\n", encoding="utf-8")


def _server() -> None:
    """Each flag of `emoscope serve`, and the settings that it gives."""
    from emoscope.cli import _parser as parser
    from emoscope.cli import serve as command

    flags = [
        [],
        ["--max-texts", "7", "--max-characters", "1000", "--max-body-mb", "0.5"],
        ["--max-connections", "20", "--target-latency", "0.2", "--timeout", "3"],
        ["--max-batch-tokens", "512", "--cache-mb", "0", "--access-log"],
        ["--log-texts", "--cors-origin", "https://a.example", "--cors-origin", "https://b.example"],
        ["--host", "127.0.0.1", "--port", "8080", "--workers", "3", "--grace", "2.5", "--device", "cpu"],
        ["--api-keys", "keys", "--model", "bundled", "--new-key"],
    ]
    cases = []
    for given in flags:
        arguments = parser().parse_args(["serve", *given])
        settings = dataclasses.asdict(command._settings(arguments))
        names = ("model", "device", "host", "port", "workers", "api_keys", "new_key", "grace")
        cases.append({"flags": given, "settings": settings, "arguments": {n: _plain(arguments, n) for n in names}})
    key = "a-key-of-edition-0.1"
    line = f"sha256:{hashlib.sha256(key.encode()).hexdigest()} for one client"
    environment = {"EMOSCOPE_API_KEYS": "first-of-several-keys, second-of-several-keys"}
    keys = {"file": line, "key_of_file": key, "environment": environment, "file_variable": "EMOSCOPE_API_KEYS_FILE"}
    Path("serve.json").write_text(json.dumps({"cases": cases, "keys": keys}, indent=1) + "\n", encoding="utf-8")


def _plain(arguments: Any, name: str) -> Any:
    value = getattr(arguments, name)
    return str(value) if isinstance(value, Path) else value


# -- what commands and the server said


def _answers() -> None:
    """JSON of commands, and of the server, whose keys scripts may use."""
    Path("answers").mkdir()
    model = ["--model", "model"]
    rows = ["--data", "rows"]
    lines = {
        "predict": ["predict", *model, "--coverage", "0.9", "--abstain", "0.8", "--json", *TEXTS],
        "predict-encoder": ["predict", "--model", "encoder", "--json", *TEXTS],
        "predict-compact": ["predict", "--model", "compact", "--json", *TEXTS],
        "predict-bundled": ["predict", "--coverage", "0.95", "--json", *TEXTS],
        "explain": ["explain", *model, "--json", *TEXTS[:2]],
        "explain-gradients": ["explain", "--model", "compact", "--method", "integrated-gradients", "--json", TEXTS[0]],
        "timeline": ["timeline", *model, "--json", LETTER],
    }
    documents = {
        "evaluate": ["evaluate", *model, *rows, "--slices", "--json"],
        "audit": ["audit", *rows, "--json"],
        "compare": [
            "compare",
            "model",
            "compact",
            *rows,
            "--rounds",
            "1",
            "--speed-texts",
            "8",
            "--no-memory",
            "--json",
        ],
        "bias": ["bias", *model, "--json"],
    }
    for name, arguments in lines.items():
        _write_answer(name, arguments, [json.loads(line) for line in emoscope(*arguments).splitlines()])
    for name, arguments in documents.items():
        _write_answer(name, arguments, json.loads(emoscope(*arguments)))
    arguments = ["calibrate", "model", *rows, "--clear-from", "kinds", "--output", "copy", "--json"]
    _write_answer("calibrate", arguments, json.loads(emoscope(*arguments)))
    arguments = ["score", "score/rows.jsonl", "scored.csv", "--text-column", "review", *model, "--json"]
    _write_answer("score", arguments, json.loads(emoscope(*arguments)))
    Path("answers", "rejected.jsonl").write_bytes(Path("scored.csv.rejected.jsonl").read_bytes())
    for left in ("scored.csv", "scored.csv.rejected.jsonl"):
        Path(left).unlink()
    shutil.rmtree("copy")
    _http()


def _write_answer(name: str, arguments: list[str], answer: Any) -> None:
    content = json.dumps({"command": arguments, "answer": answer}, indent=1)
    Path("answers", f"{name}.json").write_text(content + "\n", encoding="utf-8")


def _http() -> None:
    """Requests in every dialect of the server and its answers, a streamed table, and the names of the metrics."""
    import httpx

    from emoscope import EmotionClassifier
    from emoscope.serving import Settings, create_app

    app = create_app(EmotionClassifier.from_pretrained("model"), Settings(), model="model")
    app.service.warm_up()
    requests = [
        ("POST", "/v1/predict", {"texts": TEXTS}),
        ("POST", "/v1/explain", {"texts": TEXTS[:2], "method": "shapley"}),
        ("POST", "/v1/sentences", {"text": LETTER}),
        ("POST", "/", {"inputs": TEXTS[0], "parameters": {"top_k": 3}}),
        ("POST", "/predict", {"inputs": [[TEXTS[0]], [TEXTS[1]]]}),
        ("POST", "/classify", {"input": TEXTS[:2], "model": "model"}),
        ("POST", "/v1/classify", {"input": TEXTS[:2], "model": "model"}),
        ("POST", "/v1/predict", {"texts": []}),
        ("GET", "/health", None),
        ("GET", "/health/ready", None),
        ("GET", "/info", None),
    ]

    async def ask() -> list[Any]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            answers = [await client.request(method, path, json=body) for method, path, body in requests]
            headers = {"Content-Type": "text/csv"}
            content = Path("score", "rows.csv").read_bytes()
            table = await client.post(STREAMED, content=content, headers=headers)
            return [*answers, table, await client.get("/metrics")]

    *answers, table, metrics = asyncio.run(ask())
    exchanges = [
        {"method": method, "path": path, "body": body, "status": answer.status_code, "answer": answer.json()}
        for (method, path, body), answer in zip(requests, answers, strict=True)
    ]
    names = [line.split()[2] for line in metrics.text.splitlines() if line.startswith("# TYPE ")]
    http = {"exchanges": exchanges, "streamed": {"path": STREAMED, "answer": table.text}, "metrics": names}
    Path("answers", "http.json").write_text(json.dumps(http, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
