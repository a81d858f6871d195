"""`emoscope predict` and `emoscope evaluate` with ids of models on the tests' Hub."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from emoscope import EMOTIONS, EmotionClassifier
from emoscope.model_folder import BUNDLED
from hub.fixtures import RunWithHub
from hub.repositories import ARCHITECTURES
from hub.server import Hub
from hub.storage import File

FINE_TUNED = [architecture.fine_tuned for architecture in ARCHITECTURES]
MODEL = FINE_TUNED[0]
TEXT = "I love using transformers."
PREDICT = ["-m", "emoscope", "predict", TEXT, "--model"]
PREDICT_ALL = """
import sys
from emoscope.cli import main

def predict_all(*names):
    return any(main(["predict", "i am sad", "and so happy", "--model", name]) for name in names)
"""
RESOLVE = """
import sys
from emoscope.model_folder import GRAPHS, WEIGHTS, resolve

print(resolve(sys.argv[1], one_of=(GRAPHS, *WEIGHTS)))
"""


def downloaded(run: CompletedProcess[str]) -> set[str]:
    """Names of the files in the folder that RESOLVE printed."""
    assert run.returncode == 0, run.stderr
    folder = Path(run.stdout.strip())
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def error_line(run: CompletedProcess[str], code: int = 1) -> str:
    """The one line on standard error."""
    assert (run.returncode, run.stdout) == (code, "")
    line, *rest = run.stderr.splitlines()
    assert rest == [] and line.startswith("emoscope predict: error: ")
    return line


@contextmanager
def repository(hub: Hub, name: str, source: Path) -> Iterator[Path]:
    """A copy of a folder, as a repository with this name inside the block."""
    folder = shutil.copytree(source, hub.repository(name).folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


PREDICT_AND_EVALUATE = """
status = predict_all(*sys.argv[1:])
data = ["--data", "dair-ai/emotion", "--split", "test"]
sys.exit(status or main(["evaluate", "--model", sys.argv[1], *data, "--json"]))
"""


def test_the_four_published_models_predict_and_evaluate_and_then_predict_offline(
    hub: Hub, run_with_hub: RunWithHub
) -> None:
    program = PREDICT_ALL + PREDICT_AND_EVALUATE
    online = run_with_hub(["-c", program, *FINE_TUNED], HF_DATASETS_DISABLE_PROGRESS_BARS="1")
    assert (online.returncode, online.stderr) == (0, "")
    predictions = online.stdout.splitlines()[: 2 * len(FINE_TUNED)]
    report = json.loads("".join(online.stdout.splitlines()[len(predictions) :]))
    assert (report["model"], report["dataset"]["name"], report["dataset"]["split"]) == (
        MODEL,
        "dair-ai/emotion",
        "test",
    )
    assert set(report["per_label"]) == set(EMOTIONS)
    assert report["trainer"]["test_accuracy"] == report["accuracy"]
    rows = [json.loads(line) for line in predictions]
    assert len(rows) == 2 * len(FINE_TUNED)
    for row in rows:
        assert tuple(row["scores"]) == EMOTIONS
        assert sum(row["scores"].values()) == pytest.approx(1, abs=1e-5)
        assert row["label"] == max(row["scores"], key=row["scores"].get)
    assert len({json.dumps(row["scores"]) for row in rows}) == len(rows)
    hub.requests.clear()
    program = PREDICT_ALL + "sys.exit(predict_all(*sys.argv[1:]))"
    offline = run_with_hub(["-c", program, *FINE_TUNED], HF_HUB_OFFLINE="1")
    assert (offline.returncode, offline.stderr) == (0, "")
    assert offline.stdout.splitlines() == predictions
    assert hub.requests == []


@pytest.mark.parametrize(
    ("pattern", "how", "says"),
    [
        ("/api/*", 404, "no such model .status 404.; check the id"),
        ("/api/*", 401, "no access .status 401.; .* HF_TOKEN"),
        ("/api/*", 403, "no access .status 403.; .* HF_TOKEN"),
        ("/api/*", 503, "status 503; try again later"),
        ("/cdn/*/model.safetensors", 500, "status 500; try again later"),
        ("*/model.safetensors", "cut", "connection failed"),
        ("*/model.safetensors", "reset", "connection failed"),
        ("*/model.safetensors", "corrupt", "model.safetensors was damaged .* try again"),
        ("*/tokenizer.json", "corrupt", "tokenizer.json was damaged .* try again"),
    ],
)
def test_each_failure_prints_one_line_and_the_next_try_works(
    hub: Hub, run_with_hub: RunWithHub, pattern: str, how: int | str, says: str
) -> None:
    with hub.fail(pattern, how) as fault:
        line = error_line(run_with_hub([*PREDICT, MODEL]), 1 if how in (404, 401, 403) else 75)
    assert fault.hits > 0
    assert re.search(says, line)
    run = run_with_hub(["-c", RESOLVE, MODEL])
    names = downloaded(run)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    for name in names:
        original = hub.repository(MODEL).folder / name
        assert (Path(run.stdout.strip()) / name).read_bytes() == original.read_bytes()


@pytest.mark.parametrize("etag", ["../../../../../evil", "{folder}/evil", "..", "a/b", "C:evil"])
def test_etag_that_leads_to_another_folder_is_an_error(
    run_with_hub: RunWithHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, etag: str
) -> None:
    """The client joins it to the path of its cache."""
    monkeypatch.setattr(File, "etag", property(lambda file: f'"{etag.format(folder=tmp_path)}"'))
    line = error_line(run_with_hub([*PREDICT, MODEL]), 1)
    assert "it names a file '" in line and "which is not a digest" in line
    assert [path.name for path in tmp_path.rglob("*") if "evil" in path.name] == []
    assert {path.name for path in tmp_path.iterdir()} <= {"hf_home"}


def test_a_missing_server_or_model_prints_one_line(run_with_hub: RunWithHub, hub_environment: dict[str, str]) -> None:
    offline = error_line(run_with_hub([*PREDICT, MODEL], HF_HUB_OFFLINE="1"))
    assert "not completely in the cache, and HF_HUB_OFFLINE is set" in offline
    unreachable = error_line(run_with_hub([*PREDICT, MODEL], HF_ENDPOINT="http://127.0.0.1:9"), 75)
    assert re.search("the connection failed .*Connect.*check the network", unreachable)
    missing = error_line(run_with_hub([*PREDICT, "no/such-model"]))
    assert re.search("no such model .status 404.; check the id; a private one needs HF_TOKEN", missing)
    anonymous = error_line(run_with_hub([*PREDICT, "no/such-model"], HF_TOKEN=""))
    assert re.search("no such model .status 401.; check the id; a private one needs HF_TOKEN", anonymous)


def test_a_cached_model_works_while_the_hub_is_down(hub: Hub, run_with_hub: RunWithHub) -> None:
    names = downloaded(run_with_hub(["-c", RESOLVE, MODEL]))
    with hub.fail("*", 503) as down:
        assert downloaded(run_with_hub(["-c", RESOLVE, MODEL])) == names
    assert down.hits > 0


def test_only_the_needed_files_are_downloaded(hub: Hub, run_with_hub: RunWithHub) -> None:
    source = hub.repository(MODEL).folder
    others = ("pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "rust_model.ot", "training_args.bin")
    with repository(hub, "someone/both", source) as both, repository(hub, "someone/old", source) as old:
        for folder in (both, old):
            for name in others:
                (folder / name).write_bytes(b"weights of another kind")
        (old / "model.safetensors").unlink()
        hub.requests.clear()
        assert downloaded(run_with_hub(["-c", RESOLVE, "someone/both"])) & {"model.safetensors", *others} == {
            "model.safetensors"
        }
        assert downloaded(run_with_hub(["-c", RESOLVE, "someone/old"])) & {"model.safetensors", *others} == {
            "pytorch_model.bin"
        }
        requested = {request.path.rpartition("/")[2] for request in hub.requests}
    assert requested & set(others) == {"pytorch_model.bin"}


SHARD_AND_PREDICT = """
from pathlib import Path
from transformers import AutoModelForSequenceClassification

folder = Path(sys.argv[1])
AutoModelForSequenceClassification.from_pretrained(folder).save_pretrained(folder, max_shard_size="50KB")
(folder / "model.safetensors").unlink()
sys.exit(predict_all(*sys.argv[2:]))
"""


def test_a_graph_is_preferred_to_weights_and_shards_are_joined(hub: Hub, run_with_hub: RunWithHub) -> None:
    with repository(hub, "someone/graph", BUNDLED) as graph:
        (graph / "model.safetensors").write_bytes(b"not needed")
        row = json.loads(run_with_hub([*PREDICT, "someone/graph"]).stdout)
        assert downloaded(run_with_hub(["-c", RESOLVE, "someone/graph"])) & {
            "onnx/model.onnx",
            "model.safetensors",
        } == {"onnx/model.onnx"}
        (graph / "model.safetensors").unlink()
        line = error_line(run_with_hub([*PREDICT, "someone/graph", "--device", "cuda"]))
    assert "no weights, and a graph runs on device 'cpu', got 'cuda'" in line
    (bundled,) = EmotionClassifier.from_pretrained().predict([TEXT])
    assert row["scores"] == pytest.approx(bundled.scores, abs=1e-5)
    with repository(hub, "someone/shards", hub.repository(MODEL).folder) as shards:
        run = run_with_hub(["-c", PREDICT_ALL + SHARD_AND_PREDICT, str(shards), "someone/shards", MODEL])
        assert len(list(shards.glob("model-*.safetensors"))) > 1
    assert run.returncode == 0, run.stderr
    sad, happy, *unsharded = [json.loads(line)["scores"] for line in run.stdout.splitlines()]
    assert [sad, happy] == [pytest.approx(scores, abs=1e-5) for scores in unsharded]


def test_the_checksum_of_an_encoder_to_start_from_is_checked(hub: Hub, run_with_hub: RunWithHub) -> None:
    encoder = ARCHITECTURES[1].encoder
    find = [
        "-c",
        "import sys; from emoscope.model_folder import resolve\n"
        "print(resolve(sys.argv[1], files=('config.json', 'tokenizer.json', 'model.safetensors')))",
        encoder,
    ]
    with hub.fail("*/model.safetensors", "corrupt"):
        run = run_with_hub(find)
    assert "ChecksumError: model.safetensors was damaged" in run.stderr
    assert downloaded(run_with_hub(find)) == {"config.json", "tokenizer.json", "model.safetensors"}
