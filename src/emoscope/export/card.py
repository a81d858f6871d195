"""The model card of an exported folder: the checkpoint's own card and a section on the graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from emoscope.calibration.card import without_section
from emoscope.export.parity import Parity

CARD = "README.md"
NEW_CARD = """\
---
library_name: emoscope
pipeline_tag: text-classification
---
# {name}

A text classifier with {count} labels: {labels}.
"""

SECTION = """
## The ONNX graph

{kind} Exported by [emoscope](https://github.com/emoscope/emoscope) after a comparison with torch on {texts:,} texts: \
{results}.
"""

KINDS = {
    "fp32": "`onnx/model.onnx` is this model in float32.",
    "int8": (
        "`onnx/model_quantized.onnx` is this model in integers of eight bits: weights with a scale for each column, "
        "their inputs with a scale for each token, word embeddings with a scale for each row."
    ),
}
"""What the graph is, by its name in the parity record."""


def write_card(folder: Path, model: str, labels: tuple[str, ...], record: Mapping[str, Parity]) -> None:
    """Add a section on the graph to the folder's card, or to a new card if the checkpoint had none.

    Args:
        folder: the draft of a model folder.
        model: name of the model, for a new card.
        labels: the model's labels, in index order.
        record: the parity record of an encoder.
    """
    path = folder / CARD
    names = ", ".join(labels)
    card = _read(path) if path.is_file() else NEW_CARD.format(name=model, count=len(labels), labels=names)
    name, parity = list(record.items())[-1]
    results = f"{parity.equal_labels:.2%} equal labels, probabilities within {parity.largest_difference:.1e}"
    if parity.f1_macro_difference is not None:
        results += f", macro F1 {parity.f1_macro_difference:+.4f}"
    section = SECTION.format(kind=KINDS[name], texts=parity.texts, results=results)
    path.write_text(card.rstrip("\n") + "\n" + section, encoding="utf-8")


def drop_calibration(folder: Path) -> None:
    """Remove the section of `emoscope calibrate` from the folder's card, if it has a card."""
    path = folder / CARD
    if path.is_file():
        path.write_text(without_section(_read(path)), encoding="utf-8")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
