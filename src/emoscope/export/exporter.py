"""From a checkpoint folder to a model folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx

from emoscope.compact import Checkpoint, CompactRuntime, load_checkpoint
from emoscope.errors import ModelError
from emoscope.export.graph import build_graph, with_int8_vectors
from emoscope.export.parity import TOLERANCE, Parity, compare_runtimes, require_parity
from emoscope.model_folder import write_manifest
from emoscope.runtime import OnnxModel
from emoscope.text import FORMS
from emoscope.tokenization import Tokenizer


def export_compact(folder: Path, output: Path, texts: Sequence[str]) -> dict[str, Parity]:
    """Write the model folder of a compact checkpoint, unless its graph fails the parity gate.

    Args:
        folder: the checkpoint.
        output: the model folder to write; must not be there, or be empty.
        texts: on which the graph must agree with torch.

    Returns:
        The parity record: "int8_vectors" against torch with the same vectors, "as_trained" against the checkpoint.

    Raises:
        ModelError: no such checkpoint, `output` is in use, or the gate is shut.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ModelError(f"{output} exists and is not empty; give another OUT or remove it")
    checkpoint = load_checkpoint(folder)
    output.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as temporary:
        draft = Path(temporary) / "model"
        (draft / "onnx").mkdir(parents=True)
        onnx.save(build_graph(checkpoint.model), draft / "onnx" / "model.onnx")
        record = _parity(checkpoint, draft / "onnx" / "model.onnx", texts)
        require_parity(record["int8_vectors"], record["as_trained"])
        _fill(draft, folder, checkpoint, record)
        if output.exists():
            output.rmdir()
        draft.rename(output)
    return record


def _parity(checkpoint: Checkpoint, graph: Path, texts: Sequence[str]) -> dict[str, Parity]:
    tokenizer = Tokenizer.from_file(checkpoint.tokenizer, max_length=checkpoint.max_length)
    batch = tokenizer.encode([FORMS[checkpoint.text_form](text) for text in texts])
    models = {"int8_vectors": with_int8_vectors(checkpoint.model), "as_trained": checkpoint.model}
    runtime = OnnxModel(graph)
    return {
        name: compare_runtimes(runtime, CompactRuntime(model), batch, checkpoint.temperature)
        for name, model in models.items()
    }


def _fill(draft: Path, folder: Path, checkpoint: Checkpoint, record: dict[str, Parity]) -> None:
    for name in ("config.json", "tokenizer.json", "README.md"):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, draft / name)
    parity = {"tolerance": TOLERANCE} | {name: asdict(parity) for name, parity in record.items()}
    write_manifest(
        draft,
        text_form=checkpoint.text_form,
        max_length=checkpoint.max_length,
        temperature=checkpoint.temperature,
        parameters=sum(weight.numel() for weight in checkpoint.model.parameters()),
        parity=json.loads(json.dumps(parity)),
    )
