"""State dicts of the four architectures, tiny and random, under the names of the published checkpoints.

The names are those of the files on the Hub, not those that today's transformers would write: BERT's LayerNorm has
`gamma` and `beta`, older checkpoints carry `position_ids`, tied output matrices are left out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

State = dict[str, NDArray[np.generic]]

LAYERS, HEADS, WIDTH, INNER, EMBEDDING, LABELS = 2, 2, 32, 64, 16, 6
ATTENTION = ("attention.self.query", "attention.self.key", "attention.self.value")


class Weights:
    """Collects random parameters by name; `norm` names a LayerNorm's two."""

    def __init__(self, seed: int, norm: tuple[str, str] = ("weight", "bias")) -> None:
        self.state: State = {}
        self._rng = np.random.default_rng(seed)
        self._norm = norm

    def random(self, name: str, *shape: int, scale: float = 0.2) -> None:
        self.state[name] = self._rng.normal(0, scale, shape).astype(np.float32)

    def linear(self, name: str, outputs: int, inputs: int) -> None:
        self.random(f"{name}.weight", outputs, inputs)
        self.random(f"{name}.bias", outputs)

    def norm(self, name: str, width: int = WIDTH) -> None:
        scale, shift = self._norm
        self.state[f"{name}.{scale}"] = np.ones(width, np.float32)
        self.random(f"{name}.{shift}", width)

    def embeddings(self, name: str, vocab: int, positions: int, types: int, width: int = WIDTH) -> None:
        self.random(f"{name}.word_embeddings.weight", vocab, width)
        self.random(f"{name}.position_embeddings.weight", positions, width)
        if types:
            self.random(f"{name}.token_type_embeddings.weight", types, width)
        self.norm(f"{name}.LayerNorm", width)

    def position_ids(self, name: str, positions: int) -> None:
        self.state[f"{name}.embeddings.position_ids"] = np.arange(positions, dtype=np.int64)[None]

    def encoder(self, name: str) -> None:
        """BERT's layers, RoBERTa's too."""
        for layer in (f"{name}.encoder.layer.{index}" for index in range(LAYERS)):
            for part in (*ATTENTION, "attention.output.dense"):
                self.linear(f"{layer}.{part}", WIDTH, WIDTH)
            self.linear(f"{layer}.intermediate.dense", INNER, WIDTH)
            self.linear(f"{layer}.output.dense", WIDTH, INNER)
            self.norm(f"{layer}.attention.output.LayerNorm")
            self.norm(f"{layer}.output.LayerNorm")


def distilbert(vocab: int, classifier: bool, seed: int) -> State:
    """`DistilBertForMaskedLM`, or `DistilBertForSequenceClassification`."""
    weights = Weights(seed)
    weights.embeddings("distilbert.embeddings", vocab, 512, types=0)
    for layer in (f"distilbert.transformer.layer.{index}" for index in range(LAYERS)):
        for part in ("q_lin", "k_lin", "v_lin", "out_lin"):
            weights.linear(f"{layer}.attention.{part}", WIDTH, WIDTH)
        weights.linear(f"{layer}.ffn.lin1", INNER, WIDTH)
        weights.linear(f"{layer}.ffn.lin2", WIDTH, INNER)
        weights.norm(f"{layer}.sa_layer_norm")
        weights.norm(f"{layer}.output_layer_norm")
    if classifier:
        weights.linear("pre_classifier", WIDTH, WIDTH)
        weights.linear("classifier", LABELS, WIDTH)
    else:
        weights.linear("vocab_transform", WIDTH, WIDTH)
        weights.norm("vocab_layer_norm")
        weights.random("vocab_projector.bias", vocab)
    return weights.state


def bert(vocab: int, classifier: bool, seed: int) -> State:
    """`BertForPreTraining` with the old LayerNorm names, or `BertForSequenceClassification`."""
    weights = Weights(seed, ("weight", "bias") if classifier else ("gamma", "beta"))
    weights.embeddings("bert.embeddings", vocab, 512, types=2)
    weights.encoder("bert")
    weights.linear("bert.pooler.dense", WIDTH, WIDTH)
    if classifier:
        weights.position_ids("bert", 512)
        weights.linear("classifier", LABELS, WIDTH)
    else:
        weights.random("cls.predictions.bias", vocab)
        weights.linear("cls.predictions.transform.dense", WIDTH, WIDTH)
        weights.norm("cls.predictions.transform.LayerNorm")
        weights.linear("cls.seq_relationship", 2, WIDTH)
    return weights.state


def roberta(vocab: int, classifier: bool, seed: int) -> State:
    """`RobertaForMaskedLM` (with a pooler), or `RobertaForSequenceClassification` (without)."""
    weights = Weights(seed)
    weights.embeddings("roberta.embeddings", vocab, 514, types=1)
    weights.position_ids("roberta", 514)
    weights.encoder("roberta")
    if classifier:
        weights.linear("classifier.dense", WIDTH, WIDTH)
        weights.linear("classifier.out_proj", LABELS, WIDTH)
    else:
        weights.linear("roberta.pooler.dense", WIDTH, WIDTH)
        weights.random("lm_head.bias", vocab)
        weights.linear("lm_head.dense", WIDTH, WIDTH)
        weights.norm("lm_head.layer_norm")
    return weights.state


def albert(vocab: int, classifier: bool, seed: int) -> State:
    """`AlbertForMaskedLM` (with a pooler), or `AlbertForSequenceClassification`; one layer, shared."""
    weights = Weights(seed)
    weights.embeddings("albert.embeddings", vocab, 512, types=2, width=EMBEDDING)
    weights.position_ids("albert", 512)
    weights.linear("albert.encoder.embedding_hidden_mapping_in", WIDTH, EMBEDDING)
    layer = "albert.encoder.albert_layer_groups.0.albert_layers.0"
    for part in ("query", "key", "value", "dense"):
        weights.linear(f"{layer}.attention.{part}", WIDTH, WIDTH)
    weights.norm(f"{layer}.attention.LayerNorm")
    weights.linear(f"{layer}.ffn", INNER, WIDTH)
    weights.linear(f"{layer}.ffn_output", WIDTH, INNER)
    weights.norm(f"{layer}.full_layer_layer_norm")
    weights.linear("albert.pooler", WIDTH, WIDTH)
    if classifier:
        weights.linear("classifier", LABELS, WIDTH)
    else:
        weights.random("predictions.bias", vocab)
        weights.norm("predictions.LayerNorm", EMBEDDING)
        weights.linear("predictions.dense", EMBEDDING, WIDTH)
        weights.random("predictions.decoder.bias", vocab)
    return weights.state


STATES: dict[str, Callable[[int, bool, int], State]] = {
    "distilbert": distilbert,
    "bert": bert,
    "roberta": roberta,
    "albert": albert,
}
