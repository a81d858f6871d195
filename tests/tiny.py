"""Tiny models and labelled rows for the tests, made here: nothing is downloaded, nothing is committed.

Models of the four encoder architectures are random. Their configurations have the fields of the published ones, and
their weights the names of the published checkpoints, not those that today's transformers would write: BERT's LayerNorm
has `gamma` and `beta`, older checkpoints carry `position_ids`, tied output matrices are left out.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emoscope.data import Examples
from emoscope.labels import EMOTIONS, Labels

if TYPE_CHECKING:
    from torch import nn

# -- labelled rows

KEYWORDS = {
    "sadness": ("sad", "lonely", "hopeless", "miserable"),
    "joy": ("happy", "glad", "cheerful", "proud"),
    "love": ("loving", "tender", "caring", "romantic"),
    "anger": ("angry", "furious", "mad", "annoyed"),
    "fear": ("scared", "afraid", "nervous", "anxious"),
    "surprise": ("surprised", "amazed", "stunned", "shocked"),
}
PATTERNS = (
    "i feel {} today",
    "i am {}",
    "i was so {} when they came",
    "they made me feel {}",
    "feeling {} again and again",
)


def examples(split: str, repeat: int = 1) -> Examples:
    """Each keyword in each pattern: 120 rows a repeat."""
    rows = [
        (pattern.format(word), EMOTIONS.index(emotion))
        for _ in range(repeat)
        for emotion, words in KEYWORDS.items()
        for word in words
        for pattern in PATTERNS
    ]
    texts, label_ids = zip(*rows, strict=True)
    return Examples(list(texts), np.array(label_ids, np.int64), Labels(), "tiny", split)


def write_multi_label_rows(file: Path) -> None:
    """Write the rows as CSV, a fifth of them with another label too, a tenth without any."""
    rows, draw = examples("validation"), random.Random(0)
    lines = ["text,label\n"]
    for text, label in zip(rows.texts, rows.label_ids, strict=True):
        given = {EMOTIONS[label]} | ({draw.choice(EMOTIONS)} if draw.random() < 0.2 else set())
        lines.append(f'{text},"{",".join(sorted(given)) if draw.random() < 0.9 else ""}"\n')
    file.write_text("".join(lines))


# -- the bundled model as another kind of model


def bundled_as_multi_label(folder: Path) -> Path:
    """Write the bundled model with a sigmoid for each label, without its neutral output and reference texts.

    Returns:
        The folder.
    """
    from emoscope.calibrated import Calibration
    from emoscope.manifest import read_manifest, write_manifest
    from emoscope.model_folder import BUNDLED

    shutil.copytree(BUNDLED, folder)
    read, thresholds = read_manifest(folder), (0.5,) * len(EMOTIONS)
    config = json.loads((folder / "config.json").read_text())
    config |= {"problem_type": "multi_label_classification", "thresholds": thresholds}
    config |= {"id2label": dict(enumerate(EMOTIONS)), "label2id": {name: i for i, name in enumerate(EMOTIONS)}}
    _without_last_output(folder / "onnx" / "model.onnx")
    (folder / "config.json").write_text(json.dumps(config))
    write_manifest(folder, replace(read, calibration=Calibration(1.0, thresholds), verification=None))
    return folder


def _without_last_output(graph: Path) -> None:
    import onnx
    from onnx import numpy_helper

    model, outputs = onnx.load(graph), len(EMOTIONS) + 1
    for tensor in model.graph.initializer:
        if outputs in tensor.dims:
            values = numpy_helper.to_array(tensor).take(range(outputs - 1), axis=list(tensor.dims).index(outputs))
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = outputs - 1
    onnx.save(model, graph)


# -- an encoder for the compact student to start from

WIDTH = 16
"""Size of its word-piece embeddings."""
COMPACT = {"dimension": 8, "hidden": 8, "batch_size": 16, "learning_rate": 2e-2, "max_length": 16}
"""Recipe keys of a compact student that trains in a second."""


def encoder(folder: Path, width: int = WIDTH) -> Path:
    """Write the two files that a compact student starts from: tokenizer.json and random word-piece embeddings."""
    from safetensors.numpy import save_file

    from hub.vocabularies import wordpiece_tokenizer

    words = sorted({word for text in examples("train").texts for word in text.split()})
    letters = [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *letters]
    folder.mkdir(parents=True)
    wordpiece_tokenizer(vocabulary).save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    embeddings = np.random.default_rng(0).normal(size=(len(vocabulary), width)).astype(np.float32)
    save_file({"embeddings.word_embeddings.weight": embeddings}, folder / "model.safetensors")
    return folder


def student_with_neutral(folder: Path) -> Path:
    """Train a compact student that has an output for neutral texts, and export it; returns the model folder."""
    from emoscope.export import export
    from emoscope.model_folder import open_folder
    from emoscope.training import train
    from emoscope.training.config import CompactConfig

    words = ("today", "again", "came", "they", "when")
    rows = [f"{first} {second} {third}" for first in words for second in words for third in words]
    table = folder / "neutral.csv"
    embeddings = str(encoder(folder / "encoder"))
    table.write_text("text,label\n" + "".join(f"{text},neutral\n" for text in rows))
    recipe = CompactConfig(**COMPACT, embeddings=embeddings, extra_data=(str(table),), extra_epochs=0, epochs=12)
    splits = {"train": examples("train"), "validation": examples("validation")}
    train(recipe, splits, folder / "checkpoint")
    export(open_folder(folder / "checkpoint"), folder / "model", splits["validation"])
    return folder / "model"


# -- configurations of the four architectures

LAYERS, HEADS, HIDDEN, INNER, EMBEDDING = 2, 2, 32, 64, 16
"""Sizes of the four; ALBERT alone has embeddings smaller than its hidden states."""
_BERT = {
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": HIDDEN,
    "initializer_range": 0.02,
    "intermediate_size": INNER,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "num_attention_heads": HEADS,
    "num_hidden_layers": LAYERS,
    "pad_token_id": 0,
    "position_embedding_type": "absolute",
    "type_vocab_size": 2,
}
_DISTILBERT = {
    "activation": "gelu",
    "attention_dropout": 0.1,
    "dim": HIDDEN,
    "dropout": 0.1,
    "hidden_dim": INNER,
    "initializer_range": 0.02,
    "max_position_embeddings": 512,
    "n_heads": HEADS,
    "n_layers": LAYERS,
    "pad_token_id": 0,
    "qa_dropout": 0.1,
    "seq_classif_dropout": 0.2,
    "sinusoidal_pos_embds": False,
    "tie_weights_": True,
}
_ROBERTA = _BERT | {
    "bos_token_id": 0,
    "eos_token_id": 2,
    "layer_norm_eps": 1e-5,
    "max_position_embeddings": 514,
    "pad_token_id": 1,
    "type_vocab_size": 1,
}
_ALBERT = _BERT | {
    "attention_probs_dropout_prob": 0,
    "bos_token_id": 2,
    "classifier_dropout_prob": 0.1,
    "embedding_size": EMBEDDING,
    "eos_token_id": 3,
    "hidden_act": "gelu_new",
    "hidden_dropout_prob": 0,
    "inner_group_num": 1,
    "num_hidden_groups": 1,
}
CONFIGS: dict[str, dict[str, Any]] = {
    "distilbert": _DISTILBERT,
    "bert": _BERT,
    "roberta": _ROBERTA,
    "albert": _ALBERT,
}
"""Fields of `config.json` by architecture, without the labels and the size of the vocabulary."""
ARCHITECTURES = tuple(CONFIGS)

# -- their weights

State = dict[str, NDArray[np.generic]]

_ATTENTION = ("attention.self.query", "attention.self.key", "attention.self.value")


def published_weights(architecture: str, vocab: int, *, classifier: bool, seed: int) -> State:
    """Random weights of a classifier of six labels, or else of the pretrained model with its own head.

    Args:
        architecture: one of ARCHITECTURES.
        vocab: size of the vocabulary.
        classifier: whether the model is a sequence classifier.
        seed: of the random numbers.
    """
    return _STATES[architecture](vocab, classifier, seed)


class _Weights:
    """Random parameters by name; `norm` holds the two names of a LayerNorm's parameters."""

    def __init__(self, seed: int, norm: tuple[str, str] = ("weight", "bias")) -> None:
        self.state: State = {}
        self._rng = np.random.default_rng(seed)
        self._norm = norm

    def random(self, name: str, *shape: int, scale: float = 0.2) -> None:
        self.state[name] = self._rng.normal(0, scale, shape).astype(np.float32)

    def linear(self, name: str, outputs: int, inputs: int) -> None:
        self.random(f"{name}.weight", outputs, inputs)
        self.random(f"{name}.bias", outputs)

    def norm(self, name: str, width: int = HIDDEN) -> None:
        scale, shift = self._norm
        self.state[f"{name}.{scale}"] = np.ones(width, np.float32)
        self.random(f"{name}.{shift}", width)

    def embeddings(self, name: str, vocab: int, positions: int, types: int, width: int = HIDDEN) -> None:
        self.random(f"{name}.word_embeddings.weight", vocab, width)
        self.random(f"{name}.position_embeddings.weight", positions, width)
        if types:
            self.random(f"{name}.token_type_embeddings.weight", types, width)
        self.norm(f"{name}.LayerNorm", width)

    def position_ids(self, name: str, positions: int) -> None:
        self.state[f"{name}.embeddings.position_ids"] = np.arange(positions, dtype=np.int64)[None]

    def encoder(self, name: str) -> None:
        """The layers of BERT and RoBERTa."""
        for layer in (f"{name}.encoder.layer.{index}" for index in range(LAYERS)):
            for part in (*_ATTENTION, "attention.output.dense"):
                self.linear(f"{layer}.{part}", HIDDEN, HIDDEN)
            self.linear(f"{layer}.intermediate.dense", INNER, HIDDEN)
            self.linear(f"{layer}.output.dense", HIDDEN, INNER)
            self.norm(f"{layer}.attention.output.LayerNorm")
            self.norm(f"{layer}.output.LayerNorm")


def _distilbert(vocab: int, classifier: bool, seed: int) -> State:
    """`DistilBertForMaskedLM`, or `DistilBertForSequenceClassification`."""
    weights = _Weights(seed)
    weights.embeddings("distilbert.embeddings", vocab, 512, types=0)
    for layer in (f"distilbert.transformer.layer.{index}" for index in range(LAYERS)):
        for part in ("q_lin", "k_lin", "v_lin", "out_lin"):
            weights.linear(f"{layer}.attention.{part}", HIDDEN, HIDDEN)
        weights.linear(f"{layer}.ffn.lin1", INNER, HIDDEN)
        weights.linear(f"{layer}.ffn.lin2", HIDDEN, INNER)
        weights.norm(f"{layer}.sa_layer_norm")
        weights.norm(f"{layer}.output_layer_norm")
    if classifier:
        weights.linear("pre_classifier", HIDDEN, HIDDEN)
        weights.linear("classifier", len(EMOTIONS), HIDDEN)
    else:
        weights.linear("vocab_transform", HIDDEN, HIDDEN)
        weights.norm("vocab_layer_norm")
        weights.random("vocab_projector.bias", vocab)
    return weights.state


def _bert(vocab: int, classifier: bool, seed: int) -> State:
    """`BertForPreTraining` with the old LayerNorm names, or `BertForSequenceClassification`."""
    weights = _Weights(seed, ("weight", "bias") if classifier else ("gamma", "beta"))
    weights.embeddings("bert.embeddings", vocab, 512, types=2)
    weights.encoder("bert")
    weights.linear("bert.pooler.dense", HIDDEN, HIDDEN)
    if classifier:
        weights.position_ids("bert", 512)
        weights.linear("classifier", len(EMOTIONS), HIDDEN)
    else:
        weights.random("cls.predictions.bias", vocab)
        weights.linear("cls.predictions.transform.dense", HIDDEN, HIDDEN)
        weights.norm("cls.predictions.transform.LayerNorm")
        weights.linear("cls.seq_relationship", 2, HIDDEN)
    return weights.state


def _roberta(vocab: int, classifier: bool, seed: int) -> State:
    """`RobertaForMaskedLM` (with a pooler), or `RobertaForSequenceClassification` (without)."""
    weights = _Weights(seed)
    weights.embeddings("roberta.embeddings", vocab, 514, types=1)
    weights.position_ids("roberta", 514)
    weights.encoder("roberta")
    if classifier:
        weights.linear("classifier.dense", HIDDEN, HIDDEN)
        weights.linear("classifier.out_proj", len(EMOTIONS), HIDDEN)
    else:
        weights.linear("roberta.pooler.dense", HIDDEN, HIDDEN)
        weights.random("lm_head.bias", vocab)
        weights.linear("lm_head.dense", HIDDEN, HIDDEN)
        weights.norm("lm_head.layer_norm")
    return weights.state


def _albert(vocab: int, classifier: bool, seed: int) -> State:
    """`AlbertForMaskedLM` (with a pooler), or `AlbertForSequenceClassification`; one layer, shared."""
    weights = _Weights(seed)
    weights.embeddings("albert.embeddings", vocab, 512, types=2, width=EMBEDDING)
    weights.position_ids("albert", 512)
    weights.linear("albert.encoder.embedding_hidden_mapping_in", HIDDEN, EMBEDDING)
    layer = "albert.encoder.albert_layer_groups.0.albert_layers.0"
    for part in ("query", "key", "value", "dense"):
        weights.linear(f"{layer}.attention.{part}", HIDDEN, HIDDEN)
    weights.norm(f"{layer}.attention.LayerNorm")
    weights.linear(f"{layer}.ffn", INNER, HIDDEN)
    weights.linear(f"{layer}.ffn_output", HIDDEN, INNER)
    weights.norm(f"{layer}.full_layer_layer_norm")
    weights.linear("albert.pooler", HIDDEN, HIDDEN)
    if classifier:
        weights.linear("classifier", len(EMOTIONS), HIDDEN)
    else:
        weights.random("predictions.bias", vocab)
        weights.norm("predictions.LayerNorm", EMBEDDING)
        weights.linear("predictions.dense", EMBEDDING, HIDDEN)
        weights.random("predictions.decoder.bias", vocab)
    return weights.state


_STATES: dict[str, Callable[[int, bool, int], State]] = {
    "distilbert": _distilbert,
    "bert": _bert,
    "roberta": _roberta,
    "albert": _albert,
}

# -- modules

VOCABULARY = 300
MAX_PRODUCT = 64
"""Terms of the longest sum in a product of these modules: the largest hidden or feed-forward size, in any variant."""
_SIZES = {"num_hidden_layers": 3, "intermediate_size": 48}


def classifier(architecture: str, *, scale: float = 0.3, seed: int = 0, **changes: Any) -> nn.Module:
    """A classifier of six labels whose every parameter is random, so that labels differ and no part can be left out.

    It has three layers, so that one is neither the first nor the last, and products of many sizes; `changes` are fields
    of its configuration.
    """
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    sizes = {"n_layers": 3, "hidden_dim": 48} if architecture == "distilbert" else _SIZES
    fields = {**CONFIGS[architecture], **sizes, "vocab_size": VOCABULARY, "num_labels": len(EMOTIONS), **changes}
    module: nn.Module = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(architecture, **fields))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator) * scale
            parameter.copy_(noise if parameter.dim() > 1 else parameter + noise)
    return module.eval()
