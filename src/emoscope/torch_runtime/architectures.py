"""Builds a packed encoder from a sequence classifier of `transformers`, for the four architectures that it knows.

Nothing is trusted without a comparison: a packed encoder must give the original's logits on a few rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from emoscope.torch_runtime.packed_encoder import Activation, Embedding, Head, Layer, PackedEncoder, Residual, near

ACTIVATIONS: dict[str, Activation] = {
    "gelu": functional.gelu,
    "gelu_new": partial(functional.gelu, approximate="tanh"),
    "gelu_pytorch_tanh": partial(functional.gelu, approximate="tanh"),
    "relu": functional.relu,
}
"""Activation functions by their name in a model's configuration."""
TOLERANCE = 1e-4
"""Maximum difference of a logit between the packed encoder and the original, relative to the largest logit."""


def pack(model: nn.Module) -> PackedEncoder | None:
    """The packed form of a model; None if its architecture is another one or something in it is not supported.

    Args:
        model: any module; in float32, on the CPU.
    """
    build = BUILDERS.get(type(model).__name__)
    if build is None or getattr(model.config, "position_embedding_type", "absolute") != "absolute":
        return None
    try:
        encoder = build(_Weights(model.state_dict()), model.config).eval()
        return encoder if _equal(encoder, model) else None
    except Exception:  # an unknown setting, or a weight that is missing or has another shape
        return None


class _Weights:
    """Makes modules from a state dict, by the names of their weights."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self._state = state

    def linear(self, *names: str) -> nn.Linear:
        """A linear layer; several names make one layer whose outputs follow one another."""
        weight = torch.cat([self._state[f"{name}.weight"] for name in names])
        linear = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
        linear.weight = nn.Parameter(weight, requires_grad=False)
        linear.bias = nn.Parameter(torch.cat([self._state[f"{name}.bias"] for name in names]), requires_grad=False)
        return linear

    def norm(self, name: str, eps: float) -> nn.LayerNorm:
        """A layer norm."""
        weight = self._state[f"{name}.weight"]
        norm = nn.LayerNorm(len(weight), eps=eps, device="meta")
        norm.weight = nn.Parameter(weight, requires_grad=False)
        norm.bias = nn.Parameter(self._state[f"{name}.bias"], requires_grad=False)
        return norm

    def embedding(self, name: str, *, eps: float, **parts: Any) -> Embedding:
        """Words and positions, with token type 0 added to these if there are types; `parts` as in `Embedding`."""
        positions = self._state[f"{name}.position_embeddings.weight"]
        types = self._state.get(f"{name}.token_type_embeddings.weight")
        table: Any = nn.Embedding.from_pretrained
        return Embedding(
            words=table(self._state[f"{name}.word_embeddings.weight"]),
            positions=table(positions if types is None else positions + types[0]),
            norm=self.norm(f"{name}.LayerNorm", eps),
            **parts,
        )

    def layer(self, name: str, parts: Sequence[str], *, eps: float, heads: int, activation: str) -> Layer:
        """The layer with this name; `parts` are the names of its weights in the order of `_BERT_LAYER`."""
        q, k, v, mix, mix_norm, up, down, down_norm = (f"{name}.{part}" for part in parts)
        return Layer(
            qkv=self.linear(q, k, v),
            mix=Residual(self.linear(mix), self.norm(mix_norm, eps)),
            up=self.linear(up),
            down=Residual(self.linear(down), self.norm(down_norm, eps)),
            heads=heads,
            activation=ACTIVATIONS[activation],
        )


_BERT_LAYER = (
    *("attention.self.query", "attention.self.key", "attention.self.value"),
    *("attention.output.dense", "attention.output.LayerNorm"),
    *("intermediate.dense", "output.dense", "output.LayerNorm"),
)
"""Queries, keys and values; the projection after attention and its norm; feed-forward up, down and its norm."""
_DISTILBERT_LAYER = (
    *("attention.q_lin", "attention.k_lin", "attention.v_lin"),
    *("attention.out_lin", "sa_layer_norm"),
    *("ffn.lin1", "ffn.lin2", "output_layer_norm"),
)
_ALBERT_LAYER = (
    *("attention.query", "attention.key", "attention.value"),
    *("attention.dense", "attention.LayerNorm"),
    *("ffn", "ffn_output", "full_layer_layer_norm"),
)


def _distilbert(weights: _Weights, config: Any) -> PackedEncoder:
    eps = 1e-12  # not in the configuration
    settings = {"eps": eps, "heads": config.n_heads, "activation": config.activation}
    names = [f"distilbert.transformer.layer.{i}" for i in range(config.n_layers)]
    return PackedEncoder(
        embedding=weights.embedding("distilbert.embeddings", eps=eps),
        layers=nn.ModuleList(weights.layer(name, _DISTILBERT_LAYER, **settings) for name in names),
        head=_head(weights, "pre_classifier", "classifier", functional.relu),
        longest=config.max_position_embeddings,
    )


def _bert(weights: _Weights, config: Any) -> PackedEncoder:
    return PackedEncoder(
        embedding=weights.embedding("bert.embeddings", eps=config.layer_norm_eps),
        layers=_bert_layers(weights, "bert", config),
        head=_head(weights, "bert.pooler.dense", "classifier"),
        longest=config.max_position_embeddings,
    )


def _roberta(weights: _Weights, config: Any) -> PackedEncoder:
    padding = config.pad_token_id
    return PackedEncoder(
        embedding=weights.embedding("roberta.embeddings", eps=config.layer_norm_eps, padding=padding),
        layers=_bert_layers(weights, "roberta", config),
        head=_head(weights, "classifier.dense", "classifier.out_proj"),
        longest=config.max_position_embeddings - padding - 1,
    )


def _albert(weights: _Weights, config: Any) -> PackedEncoder:
    encoder, settings = "albert.encoder", _bert_settings(config)
    groups = [
        [
            weights.layer(f"{encoder}.albert_layer_groups.{group}.albert_layers.{i}", _ALBERT_LAYER, **settings)
            for i in range(config.inner_group_num)
        ]
        for group in range(config.num_hidden_groups)
    ]
    layers_per_group = config.num_hidden_layers / config.num_hidden_groups
    order = [int(i / layers_per_group) for i in range(config.num_hidden_layers)]
    projection = weights.linear(f"{encoder}.embedding_hidden_mapping_in")
    return PackedEncoder(
        embedding=weights.embedding("albert.embeddings", eps=config.layer_norm_eps, projection=projection),
        layers=nn.ModuleList(chain.from_iterable(groups[i] for i in order)),
        head=_head(weights, "albert.pooler", "classifier"),
        longest=config.max_position_embeddings,
    )


def _bert_layers(weights: _Weights, encoder: str, config: Any) -> nn.ModuleList:
    names = [f"{encoder}.encoder.layer.{i}" for i in range(config.num_hidden_layers)]
    return nn.ModuleList(weights.layer(name, _BERT_LAYER, **_bert_settings(config)) for name in names)


def _bert_settings(config: Any) -> dict[str, Any]:
    return {"eps": config.layer_norm_eps, "heads": config.num_attention_heads, "activation": config.hidden_act}


def _head(weights: _Weights, dense: str, labels: str, activation: Activation = torch.tanh) -> Head:
    return Head(dense=weights.linear(dense), activation=activation, labels=weights.linear(labels))


BUILDERS: dict[str, Callable[[_Weights, Any], PackedEncoder]] = {
    "DistilBertForSequenceClassification": _distilbert,
    "BertForSequenceClassification": _bert,
    "RobertaForSequenceClassification": _roberta,
    "AlbertForSequenceClassification": _albert,
}
"""Functions that build a packed encoder, by the class of the model."""


@torch.inference_mode()
def _equal(encoder: PackedEncoder, model: nn.Module) -> bool:
    """Whether both give the same logits on the encoder's probe."""
    ids, offsets = encoder.probe()
    rows = [row[None] for row in ids.tensor_split(offsets[1:-1].long())]
    model.eval()
    expected = torch.cat([model(input_ids=row, attention_mask=torch.ones_like(row)).logits for row in rows])
    return near(encoder(ids, offsets), expected, TOLERANCE)
