"""Files, flags and JSON of edition 0.1 are still read and written. They were made by `data/edition_0_1/make.py`."""

from __future__ import annotations

import argparse
import asyncio
import csv
import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emoscope import EmotionClassifier
from emoscope.cli import main
from emoscope.cli.parser import build_parser

DATA = Path(__file__).parent / "data" / "edition_0_1"
MODIFIED = 1_700_000_000_000_000_000
"""Time of the last change of the tables, in nanoseconds, as the scoring runs remember it."""
TOLERANCE = 1e-5
"""Largest difference of a probability between two machines."""
NEEDS = {
    "audit": ("sklearn", "cleanlab", "datasketch"),
    "compare": ("torch", "safetensors"),
    "explain-gradients": ("torch", "transformers", "captum"),
    "predict-compact": ("torch", "safetensors"),
    "predict-encoder": ("torch", "transformers"),
    "score": ("pyarrow", "fsspec"),
}
"""Modules that a command needs beyond the base install."""


def read_json(name: str) -> Any:
    return json.loads((DATA / name).read_text("utf-8"))


def need(*modules: str) -> None:
    for module in modules:
        pytest.importorskip(module)


@pytest.fixture
def edition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the files, as the working directory."""
    folder = shutil.copytree(DATA, tmp_path / "edition")
    for table in ("rows.csv", "rows.jsonl"):
        os.utime(folder / "score" / table, ns=(MODIFIED, MODIFIED))
    monkeypatch.chdir(folder)
    return folder


# -- JSON that commands print


def losses(old: Any, new: Any, path: str = "$") -> Iterator[str]:
    """Keys of an old JSON value that the new one lacks, and values of another type."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old:
            yield from losses(old[key], new[key], f"{path}.{key}") if key in new else [f"{path}.{key}"]
    elif isinstance(old, list) and isinstance(new, list):
        for first, second in zip(old[:1], new[:1], strict=False):
            yield from losses(first, second, f"{path}[]")
    elif old is not None and new is not None and not isinstance(new, (int, float) if is_number(old) else type(old)):
        yield f"{path}: {old!r} became {new!r}"


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def differences(old: Any, new: Any, path: str = "$") -> Iterator[str]:
    """Where an old JSON value is not in the new one, key by key; numbers may differ by the tolerance."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old:
            yield from differences(old[key], new.get(key, "missing"), f"{path}.{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (first, second) in enumerate(zip(old, new, strict=True)):
            yield from differences(first, second, f"{path}[{index}]")
    elif old != (pytest.approx(new, abs=TOLERANCE) if is_number(new) else new):
        yield f"{path}: {old!r} became {new!r}"


@pytest.mark.parametrize(
    "name",
    ["predict", "predict-compact", "predict-encoder", "explain", "explain-gradients", "timeline"],
)
def test_answers_for_texts_are_the_same(name: str, edition: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need(*NEEDS.get(name, ()))
    recorded = read_json(f"answers/{name}.json")
    assert main(recorded["command"]) == 0
    answer = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert list(differences(recorded["answer"], answer)) == []


def test_the_bundled_model_answers_with_the_same_keys(edition: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its scores are those of another model."""
    recorded = read_json("answers/predict-bundled.json")
    assert main(recorded["command"]) == 0
    answer = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert list(losses(recorded["answer"], answer)) == []


@pytest.mark.parametrize("name", ["evaluate", "audit", "compare", "bias", "calibrate", "score"])
def test_reports_have_the_same_keys(name: str, edition: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need(*NEEDS.get(name, ()))
    recorded = read_json(f"answers/{name}.json")
    assert main(recorded["command"]) == 0
    assert list(losses(recorded["answer"], json.loads(capsys.readouterr().out))) == []
    if name == "score":
        files = (DATA / "answers" / "rejected.jsonl", Path("scored.csv.rejected.jsonl"))
        recorded_row, row = (json.loads(file.read_bytes()) for file in files)
        assert recorded_row | {"reason": row["reason"]} == row  # reasons are for people, and may be worded anew


def test_server_answers_and_metrics_have_the_same_keys(edition: Path) -> None:
    need("uvicorn", "httptools", "prometheus_client", "httpx")
    import httpx

    from emoscope.serving import Settings, create_app

    app = create_app(EmotionClassifier.from_pretrained("model"), Settings(), model="model")
    app.service.warm_up()
    recorded = read_json("answers/http.json")
    exchanges, streamed = recorded["exchanges"], recorded["streamed"]

    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            table, csv_type = Path("score", "rows.csv").read_bytes(), {"Content-Type": "text/csv"}
            return [
                *[await client.request(e["method"], e["path"], json=e["body"]) for e in exchanges],
                await client.post(streamed["path"], content=table, headers=csv_type),
                await client.get("/metrics"),
            ]

    *answers, table, metrics = asyncio.run(ask())
    for exchange, answer in zip(exchanges, answers, strict=True):
        assert answer.status_code == exchange["status"]
        assert list(losses(exchange["answer"], answer.json(), exchange["path"])) == []
    assert list(differences(exchanges[0]["answer"], answers[0].json())) == []
    assert_equal_tables(table.text, streamed["answer"])
    names = {line.split()[2] for line in metrics.text.splitlines() if line.startswith("# TYPE ")}
    assert {name for name in recorded["metrics"] if name.startswith("emoscope_")} <= names


def assert_equal_tables(new: str, old: str) -> None:
    """Equal CSV tables but for the last digits of numbers."""
    rows, old_rows = (list(csv.reader(text.splitlines())) for text in (new, old))
    assert [len(row) for row in rows] == [len(row) for row in old_rows]
    for cell, old_cell in zip(chain(*rows), chain(*old_rows), strict=True):
        assert cell == old_cell or float(cell) == pytest.approx(float(old_cell), abs=TOLERANCE)


# -- models


def test_a_model_folder_is_verified_calibrated_again_and_keeps_what_it_knows(
    edition: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "--self-test", "--model", "model"]) == 0
    (before,) = EmotionClassifier.from_pretrained("model").predict(["the bus leaves at ten"])
    assert main(["calibrate", "model", "--data", "rows", "--keep-temperature", "--output", "again"]) == 0
    assert main(["predict", "--self-test", "--model", "again"]) == 0
    (after,) = EmotionClassifier.from_pretrained("again").predict(["the bus leaves at ten"])
    assert after == before
    assert main(["explain", "--model", "again", "--json", "i was amazed"]) == 0
    assert '"ambiguous"' in capsys.readouterr().out
    assert main(["calibrate", "model", "--data", "rows", "--clear-from", "kinds"]) == 0
    assert main(["predict", "--self-test", "--model", "model"]) == 0


@pytest.mark.parametrize("checkpoint", ["compact", "encoder"])
def test_a_checkpoint_is_exported(checkpoint: str, edition: Path) -> None:
    need("torch", "transformers", "onnx", "onnxscript")
    texts = [text for text, _ in read_rows("rows/train.csv")]
    expected = EmotionClassifier.from_pretrained(checkpoint).predict_proba(texts)
    assert main(["export", checkpoint, "exported", "--data", "rows"]) == 0
    np.testing.assert_allclose(EmotionClassifier.from_pretrained("exported").predict_proba(texts), expected, atol=1e-3)


def read_rows(name: str) -> list[list[str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def test_a_folder_of_folds_answers_with_the_model_that_did_not_see_the_text(edition: Path) -> None:
    need("torch", "transformers", "accelerate", "datasets")
    from emoscope.training import FoldEnsemble

    texts = [text for text, _ in read_rows("rows/train.csv")]
    teacher = FoldEnsemble(Path("folds"))
    np.testing.assert_array_equal(teacher.out_of_fold(texts), np.load(DATA / "folds" / "held_out.npy"))
    members = [EmotionClassifier.from_pretrained(f"folds/fold-{fold}") for fold in range(2)]
    mean = np.mean([member.predict_proba(["a new text"]) for member in members], axis=0)
    np.testing.assert_allclose(teacher.out_of_fold(["a new text"]), mean, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("old", "arguments"),
    [("labels_at", (0.9,)), ("clear", None)],
)
def test_old_names_of_a_prediction_warn(old: str, arguments: tuple[Any, ...] | None, edition: Path) -> None:
    (prediction,) = EmotionClassifier.from_pretrained("model").predict(["i feel so happy today"])
    recorded = read_json("answers/predict.json")["answer"][0]
    with pytest.warns(DeprecationWarning, match=old):
        value = getattr(prediction, old)
        value = value if arguments is None else value(*arguments)
    assert value == (recorded["clear"] if old == "clear" else tuple(recorded["set"]))


# -- recipes


@pytest.mark.parametrize("name", sorted(path.name for path in (DATA / "recipes").glob("*.toml")))
def test_a_recipe_is_read_as_it_was(name: str) -> None:
    need("torch", "transformers", "accelerate", "datasets", "tomllib")
    from emoscope.training.config import configure, kind_of, read_recipe

    config = configure(read_recipe(DATA / "recipes" / name))
    recorded = read_json("recipes/read.json")[name]
    values = {RENAMED_KEYS.get(key, key): value for key, value in recorded.items()}
    read = {"kind": kind_of(config), **json.loads(json.dumps(dataclasses.asdict(config)))}
    assert {key: read.pop(key) for key in values} == values
    assert all(read[key] == NEW_KEYS[key] for key in read)


NEW_KEYS = {
    "extra_data": [],
    "extra_epochs": 1,
    "label_shift": 0.0,
    "label_smoothing": 0.0,
    "precision": "auto",
    "repeats": 1,
    "unlabelled_epochs": 0,
}
"""Keys that 0.1 did not have; their defaults train as 0.1 did."""
RENAMED_KEYS = {
    "vectors": "embeddings",
    "vector_std": "embedding_std",
    "further": "extra_data",
    "spliced": "recombined",
    "text_form": "normalizer",
    "copy_neighbour": "copy_swap",
}
"""Keys of recipes and settings that have other names today."""

# -- scoring runs


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that the model has scored so far."""
    texts: list[str] = []
    predict_proba = EmotionClassifier.predict_proba

    def record(self: EmotionClassifier, batch: Any, *rest: Any, **options: Any) -> Any:
        texts.extend(batch)
        return predict_proba(self, batch, *rest, **options)

    monkeypatch.setattr(EmotionClassifier, "predict_proba", record)
    return texts


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
@pytest.mark.parametrize(("run", "texts"), [("nearly", 0), ("begun", 14)])
def test_a_scoring_run_is_resumed(
    run: str, texts: int, suffix: str, edition: Path, scored: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    need("pyarrow", "fsspec", "tqdm")
    monkeypatch.setattr("emoscope.__version__", "0.2.0")
    monkeypatch.chdir("score")
    options = ["--text-column", "review", "--model", "../model", "--part-rows", "8", "--resume"]
    assert main(["score", f"rows.{suffix}", f"{run}.{suffix}", *options]) == 0
    assert len(scored) == texts
    output, expected = (Path(f"{name}.{suffix}").read_text("utf-8") for name in (run, "expected"))
    if run == "nearly":
        assert output == expected
    elif suffix == "csv":
        assert_equal_tables(output, expected)
    else:
        pairs = zip(output.splitlines(), expected.splitlines(), strict=True)
        assert [problem for new, old in pairs for problem in differences(json.loads(old), json.loads(new))] == []
    assert not Path(f"{run}.{suffix}.parts").exists()


def test_a_scoring_run_of_another_model_is_refused(
    edition: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    need("pyarrow", "fsspec", "tqdm")
    monkeypatch.chdir("score")
    arguments = ["score", "rows.csv", "begun.csv", "--text-column", "review", "--part-rows", "8", "--resume"]
    assert main(arguments) == 1
    assert "model" in capsys.readouterr().err


# -- flags


def test_every_flag_is_accepted() -> None:
    need("torch", "transformers")
    parsers = next(a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)).choices
    lost = [
        f"{command} {flag}"
        for command, flags in read_json("flags.json").items()
        for flag, recorded in flags.items()
        if not is_accepted(parsers[command], flag, recorded)
    ]
    assert lost == []


def is_accepted(parser: argparse.ArgumentParser, flag: str, recorded: dict[str, Any]) -> bool:
    """Whether a command has the flag, with or without a value as before, and the values that it allowed."""
    action = parser._option_string_actions.get(flag)
    if action is None or (action.nargs != 0) != recorded["takes_a_value"]:
        return False
    return action.choices is None or set(recorded["choices"] or ()) <= set(action.choices)


class CapturedError(Exception):
    """Ends a command once the settings of its server are known."""


@pytest.mark.parametrize("case", read_json("serve.json")["cases"], ids=lambda case: " ".join(case["flags"][::2]))
def test_flags_of_a_server_give_the_same_settings(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    need("uvicorn", "httptools", "prometheus_client")
    captured: dict[str, Any] = {}

    def create_app(classifier: object, settings: Any, **options: Any) -> None:
        captured.update(dataclasses.asdict(settings), access_log=settings.access_log or settings.log_texts)
        raise CapturedError

    monkeypatch.setattr("emoscope.serving.create_app", create_app)
    arguments = vars(build_parser().parse_args(["serve", *case["flags"]]))
    assert {name: str(arguments[name]) for name in case["arguments"]} == {
        name: str(value) for name, value in case["arguments"].items()
    }
    if arguments["workers"] == 1 and not arguments["new_key"]:
        with pytest.raises(CapturedError):
            main(["serve", *case["flags"], "--port", "0"])
        recorded = {RENAMED_KEYS.get(key, key): value for key, value in case["settings"].items()}
        assert {**captured, "cors_origins": list(captured["cors_origins"])} == captured | recorded


def test_api_keys_come_from_the_file_and_the_environment(tmp_path: Path) -> None:
    need("uvicorn", "httptools", "prometheus_client")
    from emoscope.serving.api_keys import read_keys

    recorded = read_json("serve.json")["keys"]
    file = tmp_path / "keys"
    file.write_text(recorded["file"])
    keys = read_keys(None, {recorded["file_variable"]: str(file), **recorded["environment"]})
    assert len(keys) == 3
    for key in (recorded["key_of_file"], "first-of-several-keys", "second-of-several-keys"):
        assert keys.accepts({b"authorization": f"Bearer {key}".encode()})
    assert not keys.accepts({b"x-api-key": hashlib.sha256(b"x").hexdigest().encode()})
