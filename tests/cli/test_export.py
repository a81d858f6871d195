"""emoscope export, from the rows of a compact student to its predictions."""

from __future__ import annotations

from pathlib import Path

import pytest

for module in ("torch", "onnx", "safetensors"):
    pytest.importorskip(module)

import tiny
from emoscope.cli import main


@pytest.fixture
def data(tmp_path: Path) -> str:
    """A folder of splits."""
    folder = tmp_path / "data"
    folder.mkdir()
    for split in ("train", "validation"):
        rows = tiny.examples(split)
        lines = [f"{text};{rows.labels.names[i]}\n" for text, i in zip(rows.texts, rows.label_ids, strict=True)]
        (folder / f"{split}.txt").write_text("".join(lines))
    return str(folder)


def test_train_export_and_evaluate(data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    encoder, run, model = (str(tmp_path / name) for name in ("encoder", "run", "model"))
    tiny.encoder(Path(encoder))
    flags = ["--dimension", "16", "--hidden", "16", "--epochs", "12", "--learning-rate", "0.03", "--batch-size", "16"]
    assert main(["train", "--data", data, "--output", run, "--embeddings", encoder, *flags]) == 0
    assert "macro F1" in capsys.readouterr().out
    assert main(["export", run, model, "--data", data]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [("int8 vectors" in line, "as trained" in line) for line in lines] == [(True, False), (False, True)]
    assert all("equal labels" in line for line in lines)
    assert main(["evaluate", "--model", model, "--data", data, "--json"]) == 0
    assert '"accuracy": 1.0' in capsys.readouterr().out
    for name in ("config.json", "model.safetensors"):
        file = Path(run, name)
        file.write_bytes(file.read_bytes()[:40])
        assert main(["export", run, str(tmp_path / "other"), "--data", data]) == 1
        error = capsys.readouterr().err
        assert "cannot be read" in error and error.count("\n") == 1
