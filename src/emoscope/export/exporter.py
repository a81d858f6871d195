"""From a checkpoint to a model folder: graphs are drafted, held against torch, and only then written."""

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
from emoscope.export.card import drop_calibration, write_card
from emoscope.export.compact_graph import build_graph, with_int8_vectors
from emoscope.export.encoder_graph import encoder_graph
from emoscope.export.parity import EXACT, INTEGERS, TOLERANCE, Gate, Parity, compare, require
from emoscope.export.quantization import quantized
from emoscope.export.reference_texts import TEXTS
from emoscope.files import require_free, staged_folder
from emoscope.manifest import write_manifest
from emoscope.model_folder import GRAPHS, ModelFolder
from emoscope.preprocessing import Preprocessor
from emoscope.protocols import Runtime
from emoscope.runtime import OnnxModel
from emoscope.tokenization import TokenBatch, Tokenizer
from emoscope.torch_runtime import CompactClassifier, TorchModel, TransformersClassifier
from emoscope.torch_runtime.pretrained import load_fast_tokenizer, load_sequence_classifier
from emoscope.verification import VerificationRecord, margins

GRAPH, INTEGER_GRAPH = GRAPHS
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
FILES = ("config.json", *TOKENIZER, "special_tokens_map.json", "README.md")
CALIBRATION_TEXTS = 512
"""Texts that the rounding of weights is fitted to, at most."""
SPELLINGS = ("We are GLAD", " so naïve, at a café", "我很高兴")
"""Texts that tokenizers of one vocabulary read differently: capitals, a space before all, accents, Chinese."""
SPELLING_SETTINGS = ("do_lower_case", "strip_accents", "tokenize_chinese_chars", "add_prefix_space")
OTHER_MACHINES = 0.01
"""What another machine may add to the largest difference that an integer graph had on the machine of the export."""


@dataclass(frozen=True)
class _Candidate:
    """A graph, and the torch model that it must agree with, as closely as the gate says."""

    path: Path
    reference: Runtime
    gate: Gate


def export(
    folder: ModelFolder,
    output: Path,
    examples: Examples,
    *,
    calibration: Sequence[str] | None = None,
    quantize: bool = False,
) -> dict[str, Parity]:
    """Write the model folder of a checkpoint, unless a graph fails the parity gate.

    Of a calibrated checkpoint a graph in integers keeps the temperature, one in float32 all that was fitted.

    Args:
        folder: the opened checkpoint: a compact student, or a sequence classifier that torch's exporter takes.
        output: the model folder to write, not there or empty.
        examples: on which the graph must agree with torch; their labels are the model's, in any order.
        calibration: texts that the rounding to integers is fitted to, no label needed; None for those of `examples`.
        quantize: an encoder's products and embeddings in integers; a compact student's vectors always are.

    Returns:
        The parity record: of an encoder "fp32" and, with `quantize`, "int8"; of a compact student "int8_vectors",
        against torch with the same vectors, and "as_trained".

    Raises:
        ModelError: `output` cannot be written, the folder is no checkpoint or one that cannot be exported, the examples
            have other labels, or the gate is shut.
    """
    _check(folder, output, examples, quantize)
    with staged_folder(output) as draft:
        (draft / "onnx").mkdir(parents=True)
        _copy_files(folder, draft)
        scorer = _Scorer(folder, draft / "tokenizer.json")
        if _is_compact(folder):
            candidates, parameters = _compact(folder, draft)
        else:
            _require_one_reading(scorer, examples.texts)
            batch = scorer.tokens(_spread(calibration or examples.texts)) if quantize else None
            candidates, parameters = _encoder(folder, draft, batch)
        record = _gated(candidates, scorer, examples)
        is_float = list(record) == ["fp32"]
        kept = folder.calibration
        if not is_float:  # prediction sets and neutral region hold for the same arithmetic alone
            kept = Calibration(kept.temperature, kept.thresholds)
            drop_calibration(draft)
        if not _is_compact(folder):
            write_card(draft, output.name, folder.labels.names, record)
        parity = {name: asdict(values) for name, values in record.items()}
        write_manifest(
            draft,
            replace(
                folder.manifest,
                calibration=kept,
                calibration_report=folder.manifest.calibration_report if is_float else {},
                parity={"dataset": describe_dataset(examples), "tolerance": TOLERANCE, **parity},
                verification=_verification(candidates, draft, scorer),
                parameters=parameters,
            ),
        )
    return record


def _check(folder: ModelFolder, output: Path, examples: Examples, quantize: bool) -> None:
    """Refuse what is wrong before anything takes time."""
    require_free(output, ModelError)
    if not folder.has_weights:
        raise ModelError(f"{folder.path} has an ONNX graph but no weights; give the checkpoint that it was made of")
    folder.normalizer  # noqa: B018 - raises where there is none
    if quantize and _is_compact(folder):
        raise ModelError(f"{folder.path} is a compact student, whose vectors are int8 anyway; leave --quantize out")
    names, others = folder.labels.names, examples.labels.names
    if set(names) != set(others) or folder.calibration.multi_label != examples.multi_label:
        kinds = [
            "any number of" if multi else "one of" for multi in (folder.calibration.multi_label, examples.multi_label)
        ]
        raise ModelError(
            f"the model gives {kinds[0]} the labels {', '.join(names)}, the data {kinds[1]} {', '.join(others)}; "
            "give data with the model's labels"
        )


def _is_compact(folder: ModelFolder) -> bool:
    return folder.config.get("model_type") == MODEL_TYPE


def _copy_files(folder: ModelFolder, draft: Path) -> None:
    """What stands beside the graph; what a checkpoint's tokenizer lacks is written by `transformers`."""
    for name in FILES:
        if (folder.path / name).is_file():
            shutil.copyfile(folder.path / name, draft / name)
    missing = [name for name in TOKENIZER if not (draft / name).is_file()]
    if missing and not _is_compact(folder):
        load_fast_tokenizer(folder.path).save_pretrained(draft.parent / "tokenizer")
        for name in missing:
            shutil.copyfile(draft.parent / "tokenizer" / name, draft / name)


class _Scorer:
    """Scores texts as the folder's classifier would with another runtime."""

    def __init__(self, folder: ModelFolder, tokenizer: Path) -> None:
        self.folder = folder
        self.tokenizer = Tokenizer.from_file(tokenizer, max_length=folder.manifest.max_length)
        self.normalizer = folder.normalizer

    def tokens(self, texts: Sequence[str]) -> TokenBatch:
        return self.tokenizer.encode([self.normalizer(text) for text in texts])

    def probabilities(self, runtime: Runtime, texts: Sequence[str]) -> NDArray[np.float32]:
        """*Shape:* float32 (texts, labels)."""
        preprocessor = Preprocessor(self.normalizer, self.tokenizer)
        labels, calibration = self.folder.labels.names, self.folder.calibration
        return EmotionClassifier(labels, preprocessor, runtime, calibration=calibration).predict_proba(texts)


def _require_one_reading(scorer: _Scorer, texts: Sequence[str]) -> None:
    """Refuse a checkpoint whose texts `transformers`, by tokenizer_config.json, reads otherwise than tokenizer.json."""
    path, max_length = scorer.folder.path, scorer.folder.manifest.max_length
    library = load_fast_tokenizer(path)
    theirs = Tokenizer(library.backend_tokenizer, max_length=max_length)
    for text in map(scorer.normalizer, (*SPELLINGS, *texts)):
        if not np.array_equal(scorer.tokenizer.encode([text]).ids, theirs.encode([text]).ids):
            known = {name: library.init_kwargs.get(name) for name in SPELLING_SETTINGS}
            settings = ", ".join(f"{name} {value}" for name, value in known.items() if value is not None)
            raise ModelError(
                f"{path}: transformers, by tokenizer_config.json ({settings or 'its defaults'}), reads {text[:40]!r} "
                "otherwise than tokenizer.json; make the two files agree: AutoTokenizer.from_pretrained(FOLDER)"
                ".save_pretrained(FOLDER) writes what transformers reads"
            )


def _compact(folder: ModelFolder, draft: Path) -> tuple[dict[str, _Candidate], int]:
    model = load_checkpoint(folder.path).model
    graph = _saved(build_graph(model), draft / GRAPH)
    candidates = {
        "int8_vectors": _Candidate(graph, TorchModel(CompactClassifier(with_int8_vectors(model))), EXACT),
        "as_trained": _Candidate(graph, TorchModel(CompactClassifier(model)), INTEGERS),
    }
    return candidates, sum(weight.numel() for weight in model.parameters())


def _encoder(folder: ModelFolder, draft: Path, batch: TokenBatch | None) -> tuple[dict[str, _Candidate], int]:
    """The graph in float32 and, fitted to a batch, in integers; with both, only the latter is in the draft."""
    model = load_sequence_classifier(folder.path, attn_implementation="eager")
    reference = TorchModel(TransformersClassifier(model))
    graph = encoder_graph(model)
    path = draft / GRAPH if batch is None else draft.parent / "float.onnx"
    candidates = {"fp32": _Candidate(_saved(graph, path), reference, EXACT)}
    if batch is not None:
        integers = _saved(quantized(graph, batch), draft / INTEGER_GRAPH)
        candidates["int8"] = _Candidate(integers, reference, INTEGERS)
    return candidates, sum(weight.numel() for weight in model.parameters())


def _saved(graph: onnx.ModelProto, path: Path) -> Path:
    onnx.save(graph, path)
    return path


def _spread(texts: Sequence[str]) -> Sequence[str]:
    """At most CALIBRATION_TEXTS, from all over a set that may be sorted by label."""
    return texts[:: -(-len(texts) // CALIBRATION_TEXTS)]


def _gated(candidates: dict[str, _Candidate], scorer: _Scorer, examples: Examples) -> dict[str, Parity]:
    """The parity record, if every graph passes."""
    columns = [scorer.folder.labels.names.index(name) for name in examples.labels.names]
    thresholds = scorer.folder.calibration.thresholds and tuple(
        scorer.folder.calibration.thresholds[column] for column in columns
    )
    references = {candidate.reference for candidate in candidates.values()}
    expected = {each: scorer.probabilities(each, examples.texts)[:, columns] for each in references}
    record = {}
    for name, candidate in candidates.items():
        rows = scorer.probabilities(OnnxModel(candidate.path), examples.texts)[:, columns]
        record[name] = compare(rows, expected[candidate.reference], examples, thresholds)
        require(f"the {name.replace('_', ' ')} graph", record[name], candidate.gate)
    return record


def _verification(candidates: dict[str, _Candidate], draft: Path, scorer: _Scorer) -> dict[str, Any] | None:
    """The reference texts whose label no other machine could change without failing; None if there are none."""
    candidate = next(each for each in candidates.values() if draft in each.path.parents)
    runtimes = (OnnxModel(candidate.path), candidate.reference)
    rows, expected = (scorer.probabilities(runtime, TEXTS) for runtime in runtimes)
    exact = candidate.gate == EXACT
    tolerance = TOLERANCE if exact else float(np.abs(rows - expected).max()) + OTHER_MACHINES
    clear = np.flatnonzero(margins(expected, scorer.folder.calibration.thresholds) > 2 * tolerance)
    if not clear.size:
        return None
    return asdict(
        VerificationRecord([TEXTS[i] for i in clear], expected[clear].astype(float).round(7).tolist(), tolerance)
    )
