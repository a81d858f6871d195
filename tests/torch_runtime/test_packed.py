"""The packed encoder against transformers: four architectures, their variants, any batch, any step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers
from torch import nn

import tiny
from emoscope import EmotionClassifier
from emoscope.errors import ModelError
from emoscope.tokenization import TokenBatch
from emoscope.torch_runtime import PackedModel, TorchModel, architectures, load_runtime
from emoscope.torch_runtime.architectures import pack
from emoscope.torch_runtime.operations import Operations
from emoscope.torch_runtime.packed_encoder import PackedEncoder
from reference_logits import assert_equal_logits, batch, probabilities, reference
from tiny import ARCHITECTURES

FIXED = Operations("fixed", static=True)
"""On a CPU: everything that CUDA graphs need but the capture."""
LENGTHS = [3, 1, 40, 1, 512, 7, 7, 22, 2, 300, 22, 64]

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


def packed(model: nn.Module) -> PackedEncoder:
    encoder = pack(model)
    assert encoder is not None
    return encoder


def runtime(model: nn.Module, **settings: Any) -> PackedModel:
    return PackedModel(packed(model), parameters=1, **settings)


@pytest.fixture(scope="module")
def models() -> dict[str, nn.Module]:
    return {architecture: tiny.classifier(architecture) for architecture in ARCHITECTURES}


@every_architecture
@pytest.mark.parametrize(
    "settings",
    [{}, {"step_tokens": [64]}, {"operations": FIXED}, {"operations": FIXED, "step_tokens": [128, 600]}],
    ids=["one step", "small steps", "fixed steps", "small fixed steps"],
)
def test_logits_equal_those_of_transformers(models: dict[str, nn.Module], architecture: str, settings: Any) -> None:
    rows = batch(LENGTHS)
    logits = runtime(models[architecture], **settings).logits(rows)
    assert (logits.dtype, logits.shape) == (np.float32, (len(LENGTHS), 6))
    assert_equal_logits(logits, reference(models[architecture], rows))
    assert len(set(logits.argmax(axis=1))) > 1


@settings(deadline=None, max_examples=25)
@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=12),
    architecture=st.sampled_from(ARCHITECTURES),
    fixed=st.booleans(),
    seed=st.integers(0, 9),
    random=st.randoms(use_true_random=False),
)
def test_a_row_does_not_depend_on_its_batch(
    models: dict[str, nn.Module], lengths: list[int], architecture: str, fixed: bool, seed: int, random: Any
) -> None:
    model = runtime(models[architecture], step_tokens=[50, 600], operations=FIXED if fixed else None)
    together = batch(lengths, seed=seed)
    order = list(range(len(lengths)))
    random.shuffle(order)
    alone = [alone_in_a_batch(together, row) for row in order]
    shuffled = TokenBatch(
        np.concatenate([row.ids for row in alone]),
        np.cumsum([0, *(len(row.ids) for row in alone)]),
        np.arange(len(order)),
        len(order),
    )
    expected = np.concatenate([model.logits(row) for row in alone])
    assert_equal_logits(model.logits(shuffled), expected)
    assert_equal_logits(model.logits(together)[order], expected)


def alone_in_a_batch(rows: TokenBatch, row: int) -> TokenBatch:
    ids = rows.ids[rows.offsets[row] : rows.offsets[row + 1]]
    return TokenBatch(ids, np.array([0, len(ids)]), np.zeros(1, np.int64), 1)


@every_architecture
@pytest.mark.parametrize("operations", [None, FIXED], ids=["any step", "fixed steps"])
def test_short_rows_fill_the_rows_of_a_step_before_its_tokens(
    models: dict[str, nn.Module], architecture: str, operations: Operations | None
) -> None:
    rows = batch([1] * 200 + [2] * 50)
    logits = runtime(models[architecture], operations=operations, step_tokens=[600]).logits(rows)
    assert_equal_logits(logits, reference(models[architecture], rows))


def test_a_batch_without_rows(models: dict[str, nn.Module]) -> None:
    for operations in (None, FIXED):
        assert runtime(models["bert"], operations=operations).logits(batch([])).shape == (0, 6)


@every_architecture
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_is_near_and_keeps_the_labels(architecture: str, dtype: torch.dtype) -> None:
    """Weights as large as those of a trained model, logits of several units."""
    model = tiny.classifier(architecture, scale=0.15)
    rows = batch(np.random.default_rng(1).integers(1, 40, 300).tolist())
    exact = probabilities(reference(model, rows))
    half = probabilities(runtime(model, dtype=dtype, operations=FIXED).logits(rows))
    assert np.abs(half - exact).max() < (1e-2 if dtype is torch.float16 else 4e-2)
    best = np.sort(exact, axis=1)
    clear = best[:, -1] - best[:, -2] > 2e-2
    assert clear.mean() > 0.6
    assert (half.argmax(1) == exact.argmax(1))[clear].mean() >= 0.998


def test_float16_that_overflows_says_so(models: dict[str, nn.Module]) -> None:
    model = runtime(models["bert"], dtype=torch.float16)
    with torch.no_grad():
        model._steps._encoder.layers[1].up.weight.mul_(1e6)
    with pytest.raises(ModelError, match="overflows in float16; load it with dtype 'bfloat16'"):
        model.logits(batch([5]))


def test_weights_that_are_no_numbers_are_an_error_in_every_precision() -> None:
    model = runtime(tiny.classifier("bert"))
    with torch.no_grad():
        model._steps._encoder.layers[1].down.linear.bias.fill_(torch.nan)
    with pytest.raises(ModelError, match=r"logits are not finite in torch\.float32; its weights are damaged"):
        model.logits(batch([5]))


def test_a_vocabulary_over_16_bits(models: dict[str, nn.Module]) -> None:
    wide = tiny.classifier("roberta", vocab_size=70_000)
    rows = batch([3, 30, 5], vocabulary=70_000)
    rows.ids[2] = 69_999
    assert_equal_logits(runtime(wide, operations=FIXED).logits(rows), reference(wide, rows))
    middle = tiny.classifier("bert", vocab_size=40_000)
    rows = batch([3, 30, 5], vocabulary=40_000)
    rows.ids[2] = 39_999
    assert_equal_logits(runtime(middle, operations=FIXED).logits(rows), reference(middle, rows))


def test_ids_and_rows_of_another_models_tokenizer_are_one_line(models: dict[str, nn.Module]) -> None:
    foreign = batch([4], vocabulary=tiny.VOCABULARY + 1)
    foreign.ids[2] = tiny.VOCABULARY
    for rows, got in (
        (foreign, "id 300, but the model has embeddings for 300 ids"),
        (batch([2, 513]), "a row of 513 tokens, but the model has 512 positions"),
    ):
        with pytest.raises(ModelError, match=rf"the tokenizer gave {got}; put its own tokenizer\.json beside it"):
            runtime(models["roberta"]).logits(rows)


def test_a_step_must_hold_the_longest_row(models: dict[str, nn.Module]) -> None:
    with pytest.raises(ValueError, match="a step of 128 tokens cannot hold a row of 512"):
        runtime(models["roberta"], operations=FIXED, step_tokens=[64, 128])


# -- what a configuration may say


VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("distilbert", {"activation": "relu"}),
    ("distilbert", {"sinusoidal_pos_embds": True, "n_heads": 4}),
    ("distilbert", {"n_layers": 1}),
    ("bert", {"hidden_act": "gelu_new", "layer_norm_eps": 1e-3}),
    ("bert", {"hidden_act": "gelu_pytorch_tanh", "type_vocab_size": 5}),
    ("bert", {"hidden_size": 64, "num_attention_heads": 1, "max_position_embeddings": 24}),
    ("roberta", {"pad_token_id": 5, "hidden_act": "relu"}),
    ("roberta", {"type_vocab_size": 2, "max_position_embeddings": 30}),
    ("albert", {"num_hidden_groups": 2, "num_hidden_layers": 4, "inner_group_num": 1}),
    ("albert", {"hidden_act": "gelu", "embedding_size": 32, "inner_group_num": 2}),
]


@pytest.mark.parametrize(("architecture", "changes"), VARIANTS, ids=str)
def test_variants_of_a_configuration(architecture: str, changes: dict[str, Any]) -> None:
    model = tiny.classifier(architecture, **changes)
    rows = batch([1, 9, 20, 24, 3])
    assert_equal_logits(runtime(model).logits(rows), reference(model, rows))


NOT_UNDERSTOOD: list[tuple[str, dict[str, Any]]] = [
    ("bert", {"hidden_act": "silu"}),
    ("bert", {"is_decoder": True}),
    ("bert", {"position_embedding_type": "relative_key"}),
    ("roberta", {"hidden_act": "mish"}),
]


@pytest.mark.parametrize(("architecture", "changes"), NOT_UNDERSTOOD, ids=str)
def test_what_is_not_understood_stays_with_transformers(architecture: str, changes: dict[str, Any]) -> None:
    assert pack(tiny.classifier(architecture, **changes)) is None


def test_a_model_outside_the_architectures_stays_with_transformers() -> None:
    config = transformers.ElectraConfig(vocab_size=50, hidden_size=16, num_attention_heads=2, num_hidden_layers=1)
    assert pack(transformers.ElectraForSequenceClassification(config)) is None
    assert pack(nn.Linear(2, 2)) is None


@every_architecture
def test_a_packed_encoder_that_differs_is_refused(
    models: dict[str, nn.Module], architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(architectures.ACTIVATIONS, "gelu", torch.relu)
    monkeypatch.setitem(architectures.ACTIVATIONS, "gelu_new", torch.relu)
    assert pack(models[architecture]) is None


# -- checkpoints


@every_architecture
def test_a_checkpoint_of_an_architecture_is_packed(folders: dict[str, Path], architecture: str) -> None:
    model = load_runtime(folders[architecture])
    assert isinstance(model, PackedModel)
    original = transformers.AutoModelForSequenceClassification.from_pretrained(folders[architecture]).eval()
    assert model.parameters == original.num_parameters()
    rows = batch(LENGTHS, vocabulary=150)
    assert_equal_logits(model.logits(rows), reference(original, rows))


def outside(kind: str, folder: Path, **settings: Any) -> tuple[TorchModel, nn.Module]:
    """A tiny random checkpoint of another architecture, read, and as `transformers` has it."""
    config = getattr(transformers, f"{kind}Config")(vocab_size=300, num_labels=6, **settings)
    original = getattr(transformers, f"{kind}ForSequenceClassification")(config).eval()
    original.save_pretrained(folder)
    model = load_runtime(folder)
    assert isinstance(model, TorchModel)
    return model, original


ELECTRA = {"embedding_size": 8, "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1}
GPT2 = {"n_embd": 16, "n_layer": 1, "n_head": 2, "bos_token_id": 1, "eos_token_id": 1, "n_positions": 64}
BART = {
    **{"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16},
    **{"encoder_attention_heads": 2, "decoder_attention_heads": 2, "max_position_embeddings": 64},
    **{"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2, "forced_eos_token_id": 2},
}


@pytest.mark.parametrize(("kind", "settings"), [("GPT2", GPT2), ("Bart", BART)])
def test_rows_that_cannot_run_together_run_one_by_one(kind: str, settings: dict[str, Any], tmp_path: Path) -> None:
    """GPT-2 without a padding token takes one row, BART rows with equally many ends of a text."""
    model, original = outside(kind, tmp_path, **settings)
    rows = batch([9, 9, 9, 4])
    rows.ids[rows.ids == 2] = 3
    rows.ids[[8, 17, 26, 30, 12]] = 2
    assert_equal_logits(model.logits(rows), reference(original, rows))


def test_what_another_architecture_cannot_run_is_one_line(tmp_path: Path) -> None:
    model, _ = outside("Electra", tmp_path, max_position_embeddings=64, **ELECTRA)
    foreign = batch([4])
    foreign.ids[2] = 300
    with pytest.raises(ModelError, match=r"gave id 300, but the model has embeddings for 300 ids; .* tokenizer\.json"):
        model.logits(foreign)
    with pytest.raises(
        ModelError, match=r"cannot run a row of 65 tokens \(.*\); check that its config\.json"
    ) as caught:
        model.logits(batch([65, 65, 3]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("dtype", "problem"),
    [("float16", "overflows in float16; load it with dtype 'bfloat16'"), ("bfloat16", "not finite in torch.bfloat16")],
)
def test_another_architecture_that_overflows_says_so(dtype: str, problem: str, tmp_path: Path) -> None:
    _, original = outside("Electra", tmp_path, **ELECTRA)
    with torch.no_grad():
        original.classifier.out_proj.bias.fill_({"float16": 1e6, "bfloat16": torch.inf}[dtype])
    original.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=problem):
        load_runtime(tmp_path, dtype=dtype).logits(batch([5]))


def test_another_architecture_runs_as_it_is(tmp_path: Path) -> None:
    model, original = outside("Electra", tmp_path, **ELECTRA)
    rows = batch([3, 1, 20])
    assert_equal_logits(model.logits(rows), reference(original, rows))
    half = load_runtime(tmp_path, dtype="bfloat16").logits(rows)
    assert half.dtype == np.float32
    assert 0 < np.abs(half - reference(original, rows)).max() < 0.05


def test_the_precision_is_by_name(folders: dict[str, Path]) -> None:
    texts = ["I woke up stunned", "i am sad " * 300, ""]
    exact = EmotionClassifier.from_pretrained(folders["bert"]).predict_proba(texts)
    half = EmotionClassifier.from_pretrained(folders["bert"], dtype="bfloat16").predict_proba(texts)
    assert 0 < np.abs(half - exact).max() < 2e-2
    named = EmotionClassifier.from_pretrained(folders["bert"], dtype="float32").predict_proba(texts)
    np.testing.assert_array_equal(named, exact)
    with pytest.raises(ModelError, match="no dtype 'int4'; allowed: float32, float16, bfloat16"):
        EmotionClassifier.from_pretrained(folders["bert"], dtype="int4")
    with pytest.raises(ModelError, match="is fixed, got dtype 'float16'; leave it out"):
        EmotionClassifier.from_pretrained(dtype="float16")


def test_multi_label_goes_the_same_way(folders: dict[str, Path], tmp_path: Path) -> None:
    for file in folders["roberta"].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | {"problem_type": "multi_label_classification"}))
    classifier = EmotionClassifier.from_pretrained(tmp_path)
    original = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    texts = ["I woke up stunned", "naïve <pad> café"]
    rows = classifier._preprocessor(texts)
    expected = torch.from_numpy(reference(original, rows)).sigmoid().numpy()
    np.testing.assert_allclose(classifier.predict_proba(texts), expected, atol=1e-5)
