import shutil

import numpy as np
import pytest

for module in ("torch", "onnx", "safetensors"):
    pytest.importorskip(module)

import onnx
import onnxruntime
import torch

import tiny
from emoscope import EmotionClassifier
from emoscope.calibrated import Calibration
from emoscope.cli import main
from emoscope.compact import CompactModel, CompactShape, load_checkpoint, pad
from emoscope.errors import ModelError
from emoscope.export import export, exporter
from emoscope.export.compact_graph import build_graph, with_int8_vectors
from emoscope.export.quantization.rounding import int8_rows
from emoscope.model_folder import open_folder
from emoscope.preprocessing import Preprocessor
from emoscope.tokenization import Tokenizer
from emoscope.torch_runtime import CompactClassifier, TorchModel
from emoscope.training import train
from emoscope.training.config import CompactConfig
from emoscope.verification import verify

SHAPE = CompactShape(vocabulary=50, dimension=12, hidden=10, labels=4)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = CompactModel(SHAPE)
    torch.nn.init.normal_(model.vectors)
    torch.nn.init.normal_(model.input_bias)
    return model.eval()


@pytest.fixture(scope="module")
def session(model):
    return onnxruntime.InferenceSession(build_graph(model).SerializeToString())


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    config = CompactConfig(
        embeddings=str(tiny.encoder(folder / "encoder")), dimension=8, hidden=8, epochs=3, max_length=16
    )
    splits = {"train": tiny.examples("train"), "validation": tiny.examples("validation")}
    train(config, splits, folder / "student")
    return folder / "student"


def _logits(session, ids, mask):
    return session.run(["logits"], {"input_ids": ids.numpy(), "attention_mask": mask.long().numpy()})[0]


def test_graph_equals_torch_with_and_without_padding(model, session):
    rounded = with_int8_vectors(model)
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, 50, size).tolist() for size in (1, 2, 3, 9, 30)]
    ids, mask = pad(rows)
    padded = _logits(session, ids, mask)
    with torch.no_grad():
        np.testing.assert_allclose(padded, rounded(ids, mask).numpy(), atol=1e-5)
    for row, expected in zip(rows, padded, strict=True):
        alone = _logits(session, *pad([row]))[0]
        np.testing.assert_allclose(alone, expected, atol=1e-5)


def test_torch_module_equals_torchs_own_gru(model):
    """The recurrence against torch.nn.GRU with the same weights, its second biases of the other gates at zero."""
    gru = torch.nn.GRU(12, 10, bidirectional=True, batch_first=True)
    with torch.no_grad():
        for way, suffix in enumerate(("l0", "l0_reverse")):
            getattr(gru, f"weight_ih_{suffix}").copy_(model.input_weight[way].T)
            getattr(gru, f"weight_hh_{suffix}").copy_(model.recurrent_weight[way].T)
            getattr(gru, f"bias_ih_{suffix}").copy_(model.input_bias[way])
            getattr(gru, f"bias_hh_{suffix}").zero_()
            getattr(gru, f"bias_hh_{suffix}")[20:] = model.candidate_bias[way, 0]
        ids = torch.arange(21).reshape(3, 7)
        embedded = model.embed(ids)
        expected = gru(embedded)[0]
        forwards, backwards = model._states(torch.stack([embedded, embedded.flip(1)]))
    torch.testing.assert_close(torch.cat([forwards, backwards.flip(1)], -1), expected, atol=1e-5, rtol=1e-5)


def test_int8_rows_are_near(model):
    vectors = model.vectors.detach().numpy()
    rows, scale = int8_rows(vectors)
    assert rows.dtype == np.int8
    error = np.abs(rows * scale - vectors)
    assert (error <= scale / 2 + 1e-6).all()


def test_graph_is_checked_and_holds_int8_vectors(model):
    graph = build_graph(model)
    onnx.checker.check_model(graph, full_check=True)
    stored = {constant.name: constant for constant in graph.graph.initializer}
    assert stored["vectors_int8"].data_type == onnx.TensorProto.INT8
    assert list(stored["vectors_int8"].dims) == [50, 12]


def test_exported_folder_predicts_like_the_checkpoint(checkpoint, tmp_path):
    texts = tiny.examples("validation").texts
    record = export(open_folder(checkpoint), tmp_path / "model", tiny.examples("validation"))
    classifier = EmotionClassifier.from_pretrained(tmp_path / "model")
    assert record["int8_vectors"].equal_labels == 1
    assert record["int8_vectors"].largest_difference < 1e-4
    source = load_checkpoint(checkpoint)
    reference = EmotionClassifier(
        source.labels.names,
        Preprocessor(str, Tokenizer.from_file(source.tokenizer, max_length=source.max_length)),
        TorchModel(CompactClassifier(with_int8_vectors(source.model))),
        calibration=Calibration(source.temperature),
    )
    np.testing.assert_allclose(classifier.predict_proba(texts), reference.predict_proba(texts), atol=1e-4)
    assert verify(tmp_path / "model").passed


def test_the_gate_keeps_a_wrong_graph_from_being_written(checkpoint, tmp_path, monkeypatch):
    def wrong(model):
        spoilt = CompactModel(model.shape)
        spoilt.load_state_dict({**model.state_dict(), "output.bias": model.output.bias + torch.arange(6.0)})
        return build_graph(spoilt)

    monkeypatch.setattr(exporter, "build_graph", wrong)
    with pytest.raises(ModelError, match="nothing was written: the int8 vectors graph and torch differ"):
        export(open_folder(checkpoint), tmp_path / "model", tiny.examples("validation"))
    assert list(tmp_path.iterdir()) == []


def test_a_used_output_is_refused(checkpoint, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ModelError, match="not empty"):
        export(open_folder(checkpoint), tmp_path, tiny.examples("validation"))
    assert (tmp_path / "file").read_text() == "mine"


def test_integers_are_not_for_a_compact_student(checkpoint, tmp_path):
    with pytest.raises(ModelError, match="whose vectors are int8 anyway; leave --quantize out"):
        export(open_folder(checkpoint), tmp_path / "model", tiny.examples("validation"), quantize=True)


@pytest.mark.parametrize(
    ("damage", "words"), [("config.json", "cannot be read"), ("model.safetensors", "cannot be read")]
)
def test_a_damaged_checkpoint_is_one_line(checkpoint, tmp_path, capsys, damage, words):
    copy = shutil.copytree(checkpoint, tmp_path / "copy")
    (copy / damage).write_bytes((copy / damage).read_bytes()[:40])
    (tmp_path / "data.txt").write_text("i feel happy;joy\n")
    assert main(["export", str(copy), str(tmp_path / "out"), "--data", str(tmp_path / "data.txt")]) == 1
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1


def test_commands_from_data_to_prediction(tmp_path, capsys):
    """train, export and evaluate as a user runs them, on a folder of splits."""
    for split in ("train", "validation"):
        rows = tiny.examples(split)
        lines = [f"{text};{rows.labels.names[i]}\n" for text, i in zip(rows.texts, rows.label_ids, strict=True)]
        (tmp_path / f"{split}.txt").write_text("".join(lines))
    encoder, data = str(tiny.encoder(tmp_path / "encoder")), str(tmp_path)
    flags = ["--dimension", "16", "--hidden", "16", "--epochs", "25", "--learning-rate", "0.02", "--batch-size", "16"]
    assert main(["train", "--data", data, "--output", str(tmp_path / "run"), "--embeddings", encoder, *flags]) == 0
    assert "macro F1" in capsys.readouterr().out
    assert main(["export", str(tmp_path / "run"), str(tmp_path / "model"), "--data", data]) == 0
    assert "equal labels" in capsys.readouterr().out
    assert main(["evaluate", "--model", str(tmp_path / "model"), "--data", data, "--json"]) == 0
    assert '"accuracy": 1.0' in capsys.readouterr().out
