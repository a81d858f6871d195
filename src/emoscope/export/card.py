"""The model card of an exported folder: the checkpoint's own, and what the graph is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from emoscope.calibration.card import without_section
from emoscope.export.parity import Parity

CARD = "README.md"
OWN = """\
---
library_name: emoscope
pipeline_tag: text-classification
---
# {name}

Which of {count} labels a text carries: {labels}.
"""

GRAPH = """
## The ONNX graph

{kind} Exported by [emoscope](https://github.com/emoscope/emoscope), which held it against torch on {texts:,} texts \
first: {results}.
"""

KINDS = {
    "fp32": "`onnx/model.onnx` is this model in float32.",
    "int8": (
        "`onnx/model_quantized.onnx` is this model in integers of eight bits: weights with a scale for each column, "
        "their inputs with a scale for each token, word embeddings with a scale for each row."
    ),
}


def write_card(folder: Path, model: str, labels: tuple[str, ...], record: Mapping[str, Parity]) -> None:
    """Add what the graph is to the folder's card, which is begun where the checkpoint had none.

    Args:
        folder: the draft of a model folder.
        model: its name, where the checkpoint had no card.
        labels: the model's, in index order.
        record: the parity record of an encoder.
    """
    path = folder / CARD
    own = OWN.format(name=model, count=len(labels), labels=", ".join(labels))
    card = _read(path) if path.is_file() else own
    name, parity = list(record.items())[-1]
    results = (
        f"{parity.equal_labels:.2%} equal labels, probabilities within {parity.largest_difference:.1e}, "
        f"macro F1 {parity.f1_macro_difference:+.4f}"
    )
    section = GRAPH.format(kind=KINDS[name], texts=parity.texts, results=results)
    path.write_text(card.rstrip("\n") + "\n" + section, encoding="utf-8")


def drop_calibration(folder: Path) -> None:
    """Take out of the folder's card, if it has one, what `emoscope calibrate` found of the checkpoint."""
    path = folder / CARD
    if path.is_file():
        path.write_text(without_section(_read(path)), encoding="utf-8")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
