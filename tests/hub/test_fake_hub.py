"""The tests' Hub, used by the real clients, unmodified."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

for module in ("pyarrow", "safetensors", "torch", "transformers", "datasets"):
    pytest.importorskip(module)

from hub.fixtures import RunWithHub
from hub.repositories import ARCHITECTURES, DATASET, build
from hub.sentences import EMOTIONS, splits
from hub.server import Hub
from hub.storage import Repository

MODEL = "bhadresh-savani/distilbert-base-uncased-emotion"
SNAPSHOT = "from huggingface_hub import snapshot_download; print(snapshot_download({!r}))"
TEXT = "I woke up stunned, and 42 zebras didn't care."


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def snapshot(run_with_hub: RunWithHub) -> Callable[..., Any]:
    """Function: download MODEL; returns the exit status, and the folder or standard error."""

    def download(**changes: str) -> tuple[int, str]:
        run = run_with_hub(SNAPSHOT.format(MODEL), **changes)
        return run.returncode, (run.stdout if run.returncode == 0 else run.stderr).strip()

    return download


@pytest.fixture
def ask(hub: Hub) -> Callable[..., http.client.HTTPResponse]:
    """Function: send one request with `http.client`."""

    def request(method: str, path: str, body: Any = None, **headers: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", hub.port)
        connection.request(method, path, json.dumps(body) if body else None, headers)
        response = connection.getresponse()
        response.content = response.read()  # type: ignore[attr-defined]
        connection.close()
        return response

    return request


# -- reading


def test_every_build_gives_the_same_repositories(hub: Hub, tmp_path: Path) -> None:
    build(tmp_path)
    ids = [
        ("models", name) for architecture in ARCHITECTURES for name in (architecture.encoder, architecture.fine_tuned)
    ]
    for kind, name in [*ids, ("datasets", DATASET)]:
        assert Repository(tmp_path / kind / name, kind, name).commit == hub.repository(name, kind).commit


def test_the_sentencepiece_file_of_albert_equals_its_tokenizer(hub: Hub) -> None:
    sentencepiece = pytest.importorskip("transformers.utils.sentencepiece_model_pb2_new")
    folder = hub.repository("albert/albert-base-v2").folder
    proto = sentencepiece.ModelProto()
    proto.ParseFromString((folder / "spiece.model").read_bytes())
    pieces = json.loads((folder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    assert [piece.piece for piece in proto.pieces] == [name for name, _ in pieces]
    assert [piece.score for piece in proto.pieces] == pytest.approx([score for _, score in pieces])
    assert proto.trainer_spec.model_type == proto.trainer_spec.UNIGRAM


def test_a_snapshot_equals_the_folder(hub: Hub, snapshot: Callable[..., Any]) -> None:
    status, folder = snapshot()
    assert status == 0, folder
    assert contents(Path(folder)) == contents(hub.repository(MODEL).folder)


MODELS = """
import json, sys
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

text, pairs = json.loads(sys.argv[1])
report = {}
for name in [name for pair in pairs for name in pair]:
    model, loading = AutoModelForSequenceClassification.from_pretrained(name, output_loading_info=True)
    tokenizer = AutoTokenizer.from_pretrained(name)
    inputs = tokenizer([text, "so"], return_tensors="pt", padding=True)
    with torch.inference_mode():
        logits = model.eval()(**inputs).logits
    report[name] = {
        "type": model.config.model_type, "ids": tokenizer(text)["input_ids"], "limit": tokenizer.model_max_length,
        "mask": tokenizer.mask_token, "missing": sorted(loading["missing_keys"]),
        "shape": list(logits.shape), "finite": bool(logits.isfinite().all()),
    }
for _, name in pairs:
    scores = pipeline(model=name, top_k=None)([text])[0]
    report[name]["scores"] = {score["label"]: score["score"] for score in scores}
print(json.dumps(report))
"""


def test_all_eight_models_load_and_run_in_transformers(hub: Hub, run_with_hub: RunWithHub) -> None:
    names = [(architecture.short_name, architecture.fine_tuned) for architecture in ARCHITECTURES]
    run = run_with_hub(["-c", MODELS, json.dumps([TEXT, names])])
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    for architecture in ARCHITECTURES:
        encoder, fine_tuned = report[architecture.short_name], report[architecture.fine_tuned]
        tokenizer = Tokenizer.from_file(str(hub.repository(architecture.fine_tuned).folder / "tokenizer.json"))
        for model in (encoder, fine_tuned):
            assert model["type"] == architecture.name and model["limit"] == 512
            assert model["mask"] == architecture.tokens["mask_token"]
            assert model["ids"] == tokenizer.encode(TEXT).ids
            assert model["finite"]
        assert encoder["missing"] and all("classifier" in key for key in encoder["missing"])
        assert fine_tuned["missing"] == []
        assert fine_tuned["shape"] == [2, 6]
        assert set(fine_tuned["scores"]) == set(EMOTIONS)
        assert sum(fine_tuned["scores"].values()) == pytest.approx(1, abs=1e-5)


DATA = """
import json
from datasets import load_dataset

data = load_dataset("dair-ai/emotion")
unsplit = load_dataset("dair-ai/emotion", "unsplit", split="train")
rows = {name: [list(row.values()) for row in split] for name, split in data.items()}
print(json.dumps({"rows": rows, "names": data["train"].features["label"].names, "unsplit": len(unsplit)}))
"""


def test_the_data_set_loads_in_datasets(run_with_hub: RunWithHub) -> None:
    run = run_with_hub(DATA)
    assert run.returncode == 0, run.stderr
    loaded = json.loads(run.stdout)
    assert loaded["rows"] == {name: [list(row) for row in rows] for name, rows in splits().items()}
    assert loaded["names"] == list(EMOTIONS)
    assert loaded["unsplit"] == 120


# -- pushing

PUSH = """
import sys
from huggingface_hub import HfApi

api, folder = HfApi(), sys.argv[1]
api.create_repo("someone/pushed", private=True)
api.create_repo("someone/pushed", exist_ok=True)
api.upload_folder(repo_id="someone/pushed", folder_path=folder)
api.upload_file(repo_id="someone/pushed", path_or_fileobj=b"later", path_in_repo="notes/later.txt")
api.upload_file(repo_id="someone/pushed", path_or_fileobj=b"gone", path_in_repo="gone.txt")
api.delete_file("gone.txt", "someone/pushed")
print(api.list_repo_files("someone/pushed"))
"""


def test_a_pushed_folder_is_downloaded_unchanged_over_a_cut_connection(
    hub: Hub, run_with_hub: RunWithHub, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "README.md").write_text("---\nlanguage: en\n---\n# Pushed\n", encoding="utf-8")
    (folder / "sub" / "weights.safetensors").write_bytes(os.urandom(22 << 20))
    (folder / "big.txt").write_bytes(os.urandom(11 << 20))
    hub.requests.clear()
    run = run_with_hub(["-c", PUSH, str(folder)])
    assert run.returncode == 0, run.stderr
    assert len([request for request in hub.requests if request.method == "PUT"]) == 2
    files = contents(folder) | {"notes/later.txt": b"later"}
    assert {
        k: v for k, v in contents(hub.repository("someone/pushed").folder).items() if k != ".gitattributes"
    } == files
    with hub.fail("/cdn/*/weights.safetensors", "cut", times=1) as cut:
        run = run_with_hub(SNAPSHOT.format("someone/pushed"))
    assert run.returncode == 0, run.stderr
    downloaded = contents(Path(run.stdout.strip()))
    assert cut.hits == 1 and {name: downloaded[name] for name in files} == files
    assert 206 in [request.status for request in hub.requests if request.path.endswith("weights.safetensors")]


def test_without_a_token_nothing_is_written(hub: Hub, ask: Callable[..., Any]) -> None:
    before = contents(hub.root)
    repository = f"/api/models/{MODEL}"
    batch = f"/{MODEL}.git/info/lfs/objects/batch"
    for path in ("/api/repos/create", f"{repository}/preupload/main", f"{repository}/commit/main", batch):
        assert ask("POST", path, {"name": "x"}).status == 401
    assert contents(hub.root) == before


def test_a_commit_stays_inside_its_repository(hub: Hub, ask: Callable[..., Any]) -> None:
    line = {"key": "file", "value": {"path": "../../../outside.txt", "content": "eA=="}}
    response = ask("POST", f"/api/models/{MODEL}/commit/main", line, Authorization="Bearer hf_tests")
    assert response.status == 400
    assert not list(hub.root.rglob("outside.txt"))


# -- failures


def test_a_range_returns_that_part_of_the_file(hub: Hub, ask: Callable[..., Any]) -> None:
    path = f"/{MODEL}/resolve/main/vocab.txt"
    body = (hub.repository(MODEL).folder / "vocab.txt").read_bytes()
    for start, stop in ((0, 1), (7, 20), (len(body) - 1, len(body))):
        response = ask("GET", path, Range=f"bytes={start}-{stop - 1}")
        assert (response.status, response.content) == (206, body[start:stop])
        assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(body)}"
    assert ask("GET", path, Range="bytes=9-").content == body[9:]
    assert ask("GET", path, Range=f"bytes={len(body)}-").status == 416


@pytest.mark.parametrize("how", ["cut", "reset"])
def test_a_broken_connection_leaves_the_cache_usable(hub: Hub, snapshot: Callable[..., Any], how: str) -> None:
    with hub.fail("*/model.safetensors", how) as broken:
        status, error = snapshot()
    assert status == 1 and broken.hits > 0
    assert ("RemoteProtocolError" if how == "cut" else "ReadError") in error
    status, folder = snapshot()
    assert status == 0, folder
    assert contents(Path(folder)) == contents(hub.repository(MODEL).folder)


def test_each_status_raises_the_error_that_the_client_has_for_it(hub: Hub, snapshot: Callable[..., Any]) -> None:
    for pattern, status, error in (
        ("/api/*", 401, "HfHubHTTPError"),
        ("/api/*", 403, "GatedRepoError"),
        ("/api/*", 404, "RepositoryNotFoundError"),
        ("/api/*", 503, "LocalEntryNotFoundError"),
        ("/cdn/*/model.safetensors", 500, "HfHubHTTPError"),
        ("*/resolve/*/model.safetensors", 404, "RemoteEntryNotFoundError"),
    ):
        with hub.fail(pattern, status) as fault:
            code, message = snapshot()
        assert code == 1 and fault.hits > 0
        assert f"huggingface_hub.errors.{error}" in message
    assert snapshot()[0] == 0


def test_a_corrupt_file_has_the_right_length(hub: Hub, ask: Callable[..., Any]) -> None:
    path = f"/{MODEL}/resolve/main/config.json"
    right = (hub.repository(MODEL).folder / "config.json").read_bytes()
    with hub.fail("*/config.json", "corrupt", times=1) as fault:
        wrong = ask("GET", path).content
        assert ask("GET", path).content == right
    assert fault.hits == 1 and len(wrong) == len(right)
    assert sum(a != b for a, b in zip(wrong, right, strict=True)) == 16


def test_missing_repositories_files_and_revisions_have_different_errors(ask: Callable[..., Any]) -> None:
    token = {"Authorization": "Bearer hf_tests"}
    assert ask("GET", "/api/models/no/such").status == 401
    missing = ask("GET", "/api/models/no/such", **token)
    assert (missing.status, missing.headers["X-Error-Code"]) == (404, "RepoNotFound")
    file = ask("HEAD", f"/{MODEL}/resolve/main/absent.txt")
    assert (file.status, file.headers["X-Error-Code"]) == (404, "EntryNotFound")
    revision = ask("HEAD", f"/{MODEL}/resolve/{'0' * 40}/config.json")
    assert (revision.status, revision.headers["X-Error-Code"]) == (404, "RevisionNotFound")


def test_an_unknown_fault_is_an_error(hub: Hub) -> None:
    with pytest.raises(ValueError, match="cut, reset, corrupt, slow"), hub.fail("*", "explode"):
        pass


def test_offline_mode_sends_no_request(hub: Hub, snapshot: Callable[..., Any]) -> None:
    assert snapshot()[0] == 0
    hub.requests.clear()
    status, folder = snapshot(HF_HUB_OFFLINE="1")
    assert status == 0 and contents(Path(folder)) == contents(hub.repository(MODEL).folder)
    assert hub.requests == []
