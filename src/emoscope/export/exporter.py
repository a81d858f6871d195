"""Exports a checkpoint to a model folder: graphs are drafted, compared with torch, and only then written."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from emoscope.calibrated import Calibration
from emoscope.classifier import EmotionClassifier
from emoscope.compact import load_checkpoint
from emoscope.compact.checkpoint import MODEL_TYPE
from emoscope.data import Examples
from emoscope.errors import ModelError
from emoscope.evaluation.report import describe_dataset
from emoscope.export.card import CARD, drop_calibration, write_card
from emoscope.export.compact_graph import build_graph, with_int8_vectors
from emoscope.export.encoder_graph import encoder_graph
from emoscope.export.parity import EXACT, INTEGERS, TOLERANCE, Gate, Parity, compare, require
from emoscope.export.quantization import quantize as quantize_graph
from emoscope.export.tokenizer_files import TOKENIZER_FILES, check_tokenizer, complete_tokenizer
from emoscope.familiarity import KNOWN_WORDS
from emoscope.files import require_free, staged_folder
from emoscope.manifest import Manifest, write_manifest
from emoscope.model_folder import GRAPHS, ModelFolder
from emoscope.neutral import Neutral
from emoscope.preprocessing import Preprocessor
from emoscope.protocols import Runtime
from emoscope.runtime import OnnxModel
from emoscope.score_store import texts_digest
from emoscope.tokenization import TokenBatch, Tokenizer
from emoscope.torch_runtime import CompactClassifier, TorchModel, TransformersClassifier
from emoscope.torch_runtime.pretrained import load_sequence_classifier
from emoscope.verification import VerificationRecord, margins

GRAPH, INTEGER_GRAPH = GRAPHS
FILES = ("config.json", *TOKENIZER_FILES, KNOWN_WORDS, CARD)
"""Files of a checkpoint that are copied."""
CALIBRATION_TEXTS = 512
"""Maximum number of texts that the rounding of weights is fitted to."""
REFERENCE_TEXTS = Path(__file__).with_name("reference_texts.txt")
"""Sentences, one per line, that are recorded with torch's probabilities to verify a folder on another machine.

A graph is compared with torch on them if there are no labelled texts.
"""
MARGIN = 0.01
"""Difference of a probability that an integer graph may have on another machine beyond the largest on this one."""


@dataclass(frozen=True)
class _Candidate:
    """A graph, the torch model that it must agree with, and the limits of their differences."""

    path: Path
    reference: TorchModel
    gate: Gate


def export(
    folder: ModelFolder,
    output: Path,
    examples: Examples | None = None,
    *,
    calibration: Sequence[str] | None = None,
    quantize: bool = False,
) -> dict[str, Parity]:
    """Write the model folder of a checkpoint, unless a graph fails the parity gate.

    If the checkpoint is calibrated, a graph in float32 keeps the whole calibration, and one in integers only the
    temperature.

    Args:
        folder: the opened checkpoint: a compact student, or a sequence classifier that torch's exporter supports.
        output: the model folder to write; it must not exist yet, or be empty.
        examples: data on which the graph must agree with torch; its labels are the model's, in any order. None for
            built-in sentences without labels, where the difference of macro F1 is None.
        calibration: texts that the rounding to integers is fitted to, without labels; None for those of the comparison.
        quantize: write an encoder's products and embeddings in integers; a compact student's embeddings always are.

    Returns:
        The parity record. For an encoder, "fp32" and, with `quantize`, "int8". For a compact student, "int8_vectors"
        (against torch with the same int8 embeddings) and "as_trained".

    Raises:
        ModelError: `output` cannot be written, the folder is not a checkpoint or cannot be exported, the examples have
            other labels, or a graph fails the gate.
    """
    _check(folder, output, examples, quantize)
    texts = _reference_texts() if examples is None else examples.texts
    with staged_folder(output) as draft:
        (draft / "onnx").mkdir(parents=True)
        for name in FILES:
            if (folder.path / name).is_file():
                shutil.copyfile(folder.path / name, draft / name)
        if _is_compact(folder):
            scorer = _Scorer(folder, draft)
            candidates = _compact(folder, draft)
        else:
            complete_tokenizer(folder.path, draft)
            scorer = _Scorer(folder, draft)
            check_tokenizer(folder, scorer.preprocessor, texts)
            batch = scorer.preprocessor(_spread(calibration or texts)) if quantize else None
            candidates = _encoder(folder, draft, batch)
        record = _parity(candidates, scorer, texts, examples)
        in_float32 = list(record) == ["fp32"]
        if not in_float32:
            drop_calibration(draft)
        if not _is_compact(folder):
            write_card(draft, output.name, folder.labels.names, record)
        parity = {name: asdict(values) for name, values in record.items()}
        manifest = replace(
            folder.manifest if in_float32 else _without_calibration(folder),
            parity={"dataset": _dataset(texts, examples), "tolerance": TOLERANCE, **parity},
            verification=_verification(candidates, draft, scorer),
            parameters=next(iter(candidates.values())).reference.parameters,
        )
        write_manifest(draft, manifest)
    return record


def _check(folder: ModelFolder, output: Path, examples: Examples | None, quantize: bool) -> None:
    """Raise an error for what is wrong before anything that takes time."""
    require_free(output, ModelError)
    if not folder.has_weights:
        raise ModelError(f"{folder.path} has an ONNX graph but no weights; give the checkpoint that it was made from")
    folder.normalizer  # noqa: B018 - raises an error for an unknown one
    if quantize and _is_compact(folder):
        raise ModelError(f"{folder.path} is a compact student, whose embeddings are int8 anyway; leave --quantize out")
    if examples is None:
        return
    names, others = folder.labels.names, examples.labels.names
    both = folder.calibration.multi_label, examples.multi_label
    if set(names) != set(others) or both[0] != both[1]:
        model, data = ("any number of" if multi_label else "one of" for multi_label in both)
        raise ModelError(
            f"the model gives {model} the labels {', '.join(names)}, the data {data} {', '.join(others)}; "
            "give data with the model's labels"
        )


def _is_compact(folder: ModelFolder) -> bool:
    return folder.config.get("model_type") == MODEL_TYPE


def _compact(folder: ModelFolder, draft: Path) -> dict[str, _Candidate]:
    model = load_checkpoint(folder.path).model
    onnx.save(build_graph(model), draft / GRAPH)
    return {
        "int8_vectors": _Candidate(draft / GRAPH, TorchModel(CompactClassifier(with_int8_vectors(model))), EXACT),
        "as_trained": _Candidate(draft / GRAPH, TorchModel(CompactClassifier(model)), INTEGERS),
    }


def _encoder(folder: ModelFolder, draft: Path, batch: TokenBatch | None) -> dict[str, _Candidate]:
    """The graph in float32 and, fitted to a batch, in integers; if there are both, only the latter is in the draft.

    The reference is the module of `transformers` itself, never the packed encoder, whose code it must not depend on.
    """
    model = load_sequence_classifier(folder.path, attn_implementation="eager")
    reference = TorchModel(TransformersClassifier(model))
    graph = encoder_graph(model)
    path = draft / GRAPH if batch is None else draft.parent / "float.onnx"
    onnx.save(graph, path)
    candidates = {"fp32": _Candidate(path, reference, EXACT)}
    if batch is not None:
        onnx.save(quantize_graph(graph, batch), draft / INTEGER_GRAPH)
        candidates["int8"] = _Candidate(draft / INTEGER_GRAPH, reference, INTEGERS)
    return candidates


def _spread(texts: Sequence[str]) -> Sequence[str]:
    """At most CALIBRATION_TEXTS, at equal distances, because the data may be sorted by label."""
    return texts[:: -(-len(texts) // CALIBRATION_TEXTS)]


class _Scorer:
    """Scores texts as the folder's classifier would with another runtime."""

    def __init__(self, folder: ModelFolder, draft: Path) -> None:
        self.labels, self.calibration = folder.labels.names, folder.calibration
        tokenizer = Tokenizer.from_file(draft / "tokenizer.json", max_length=folder.manifest.max_length)
        self.preprocessor = Preprocessor(folder.normalizer, tokenizer)

    def probabilities(self, runtime: Runtime, texts: Sequence[str]) -> NDArray[np.float32]:
        """Probabilities of the labels and, last, of neutral if the model has that output, float32 (texts, outputs)."""
        classifier = EmotionClassifier(self.labels, self.preprocessor, runtime, calibration=self.calibration)
        return classifier.predict_with_neutral(texts)


def _without_calibration(folder: ModelFolder) -> Manifest:
    """The manifest without prediction sets and calibration of neutral, valid for the same arithmetic only."""
    fitted = folder.calibration
    neutral = Neutral() if fitted.neutral_output else None
    calibration = Calibration(fitted.temperature, fitted.thresholds, neutral=neutral)
    return replace(folder.manifest, calibration=calibration, calibration_report={})


def _reference_texts() -> list[str]:
    return REFERENCE_TEXTS.read_text(encoding="utf-8").splitlines()


def _dataset(texts: Sequence[str], examples: Examples | None) -> dict[str, Any]:
    """The texts of the comparison, as the parity record describes them."""
    if examples is not None:
        return describe_dataset(examples)
    return {"name": "reference texts", "split": None, "rows": len(texts), "fingerprint": texts_digest(texts)}


def _parity(
    candidates: dict[str, _Candidate], scorer: _Scorer, texts: Sequence[str], examples: Examples | None
) -> dict[str, Parity]:
    """The parity record, if every graph passes its gate."""
    columns = [scorer.labels.index(name) for name in (scorer.labels if examples is None else examples.labels.names)]
    thresholds = scorer.calibration.thresholds
    thresholds = thresholds and tuple(thresholds[column] for column in columns)
    references = {candidate.reference for candidate in candidates.values()}
    expected = {each: scorer.probabilities(each, texts) for each in references}
    record = {}
    for name, candidate in candidates.items():
        rows, others = scorer.probabilities(OnnxModel(candidate.path), texts), expected[candidate.reference]
        parity = compare(rows[:, columns], others[:, columns], examples, thresholds)
        record[name] = replace(parity, largest_difference=float(np.abs(rows - others).max()))
        require(f"the {name.replace('_', ' ')} graph", record[name], candidate.gate)
    return record


def _verification(candidates: dict[str, _Candidate], draft: Path, scorer: _Scorer) -> dict[str, Any] | None:
    """The reference texts whose label a difference within the tolerance cannot change; None if there are none."""
    candidate = next(each for each in candidates.values() if draft in each.path.parents)
    texts = _reference_texts()
    runtimes = (OnnxModel(candidate.path), candidate.reference)
    rows, expected = (scorer.probabilities(runtime, texts)[:, : len(scorer.labels)] for runtime in runtimes)
    exact = candidate.gate == EXACT
    tolerance = TOLERANCE if exact else float(np.abs(rows - expected).max()) + MARGIN
    stable = np.flatnonzero(margins(expected, scorer.calibration.thresholds) > 2 * tolerance)
    if not stable.size:
        return None
    probabilities = expected[stable].astype(float).round(7).tolist()
    return asdict(VerificationRecord([texts[i] for i in stable], probabilities, tolerance))
