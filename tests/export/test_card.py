"""The model card of an exported folder."""

from __future__ import annotations

from pathlib import Path

from emoscope.export.card import drop_calibration, write_card
from emoscope.export.parity import Parity

EXACT = Parity(texts=1234, largest_difference=2e-6, equal_labels=1.0, f1_macro_difference=0.0)
INTEGERS = Parity(texts=1234, largest_difference=3e-2, equal_labels=0.998, f1_macro_difference=-0.001)


def test_a_folder_without_a_card_gets_one(tmp_path: Path) -> None:
    write_card(tmp_path, "mine", ("joy", "fear"), {"fp32": EXACT})
    card = (tmp_path / "README.md").read_text("utf-8")
    assert card.startswith("---\nlibrary_name: emoscope\n") and "with 2 labels: joy, fear." in card
    assert "is this model in float32" in card and "on 1,234 texts: 100.00% equal labels" in card


def test_the_checkpoints_card_is_kept_and_the_section_describes_the_graph_that_is_written(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Mine\n\n\n", encoding="utf-8")
    write_card(tmp_path, "model", ("joy",), {"fp32": EXACT, "int8": INTEGERS})
    card = (tmp_path / "README.md").read_text("utf-8")
    assert card.startswith("# Mine\n\n## The ONNX graph\n")
    assert "in integers of eight bits" in card and "99.80% equal labels" in card and "in float32" not in card


def test_a_card_that_is_not_utf_8_is_kept_except_for_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes(b"# Caf\xe9 emotions\n")
    write_card(tmp_path, "model", ("joy",), {"fp32": EXACT})
    assert (tmp_path / "README.md").read_text("utf-8").startswith("# Caf\ufffd emotions\n\n## ")


def test_dropping_the_calibration_leaves_the_rest(tmp_path: Path) -> None:
    drop_calibration(tmp_path)
    assert not (tmp_path / "README.md").exists()
    text = "# Mine\n\n## How sure\n\nSo sure.\n\n## Training\n\nLong.\n"
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    drop_calibration(tmp_path)
    card = (tmp_path / "README.md").read_text("utf-8")
    assert "So sure." not in card and "## Training\n\nLong.\n" in card
