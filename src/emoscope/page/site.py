"""The static site: the page of the server, with the model and what runs it in place of the server."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from emoscope import __version__
from emoscope.errors import ModelError
from emoscope.files import require_free, staged_folder
from emoscope.manifest import FORMAT, MANIFEST, read_json
from emoscope.model_folder import ModelFolder
from emoscope.onnx_files import check_onnx_file

STATIC = Path(__file__).parent / "static"
"""The files of the page, which a server serves as they are."""
LOCAL = Path(__file__).parent / "local"
"""The files that the static site has in addition, or in place of those of the same name."""
ENGINE = Path(__file__).parent / "engine"
"""The JavaScript that runs a model; the npm package contains it as well."""
SERVER_ONLY = ("docs.html", "docs.css", "docs.js", "schema.js")
"""Files of the page that describe a server's API."""
TOKENIZER = {"model": "WordPiece", "normalizer": "BertNormalizer", "pre_tokenizer": "BertPreTokenizer"}
"""The kind of tokenizer that the engine has."""
_OF_SERVER = re.compile(r" *<!--server-->.*?<!--end-->\n", re.DOTALL)
_OF_SITE = re.compile(r" *<!--site\n(.*?) *-->\n", re.DOTALL)


def write_site(output: Path, folder: ModelFolder, runtime: Mapping[str, bytes], *, model: str = "bundled") -> int:
    """Write a site that any static file server can serve: it scores texts in the browser and sends them nowhere.

    Args:
        output: folder to write; new or empty.
        folder: the model folder; its tokenizer is of the kind of BERT, as the bundled model's.
        runtime: the files of ONNX Runtime for browsers, as `read_runtime` returns them.
        model: name of the model on the page.

    Returns:
        Number of bytes of all files.

    Raises:
        ModelError: the output is in use, or the engine cannot run the model.
    """
    require_free(output, ModelError)
    total = 0
    with staged_folder(output) as staged:
        for name, content in _files(folder, runtime, model):
            path = staged / name
            path.parent.mkdir(parents=True, exist_ok=True)
            total += path.write_bytes(content)
    return total


def _files(folder: ModelFolder, runtime: Mapping[str, bytes], model: str) -> Iterator[tuple[str, bytes]]:
    """Names and contents of all files."""
    yield from _model_files(folder, model)
    for name, content in runtime.items():
        packed = name.endswith(".wasm")
        yield f"runtime/{name}{'.gz' if packed else ''}", gzip.compress(content, mtime=0) if packed else content
    files = {path.name: path for path in (*STATIC.iterdir(), *LOCAL.iterdir()) if path.name not in SERVER_ONLY}
    page = files.pop("index.html").read_text("utf-8")
    yield "index.html", _OF_SITE.sub(r"\1", _OF_SERVER.sub("", page)).encode()
    yield "runtime/LICENSE.txt", files.pop("LICENSE.txt").read_bytes()
    for name, path in files.items():
        yield f"page/{name}", path.read_bytes()
    for path in ENGINE.iterdir():
        yield f"page/engine/{path.name}", path.read_bytes()


def _model_files(folder: ModelFolder, model: str) -> Iterator[tuple[str, bytes]]:
    graph = _checked_graph(folder)
    yield "model/onnx/model.onnx", graph.read_bytes()
    for name in ("config.json", "tokenizer.json", MANIFEST):
        yield f"model/{name}", (folder.path / name).read_bytes()
    labels = folder.labels
    types = {"classifier": {"id2label": labels.id2label, "label2id": labels.label2id}}
    yield "model/site.json", json.dumps({"model_id": model, "version": __version__, "model_type": types}).encode()


def _checked_graph(folder: ModelFolder) -> Path:
    """The graph of a model that the engine can run."""
    path = folder.path
    if folder.graph is None:
        raise ModelError(f"{path} has no ONNX graph; export the checkpoint: emoscope export {path} MODEL")
    manifest = read_json(path / MANIFEST) if (path / MANIFEST).is_file() else {}
    if manifest.get("format") != FORMAT:
        raise ModelError(f"{path} has no {MANIFEST} of format {FORMAT}, which the page reads; export the model again")
    settings = read_json(path / "tokenizer.json")
    kinds = {part: (settings.get(part) or {}).get("type", "none") for part in TOKENIZER}
    if kinds != TOKENIZER:
        raise ModelError(
            f"{path / 'tokenizer.json'} has {', '.join(kinds.values())}, but the page reads "
            f"{', '.join(TOKENIZER.values())}, as in BERT; give the bundled model, or an encoder of that kind"
        )
    check_onnx_file(folder.graph, alone=True)
    return folder.graph
