"""A sequence classifier of `transformers`, of one of the four families, taken apart into a packed encoder.

Only what was compared is trusted: a packed encoder must give the logits of the original on a few rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from emoscope.torch_runtime.packed import Activation, Embedding, Head, Layer, PackedEncoder, Residual

ACTIVATIONS: dict[str, Activation] = {
    "gelu": functional.gelu,
    "gelu_new": partial(functional.gelu, approximate="tanh"),
    "gelu_pytorch_tanh": partial(functional.gelu, approximate="tanh"),
    "relu": functional.relu,
}
TOLERANCE = 1e-4
"""Largest difference of a logit, relative to the largest logit, between the packed encoder and the original."""


def pack(model: nn.Module) -> PackedEncoder | None:
    """The packed form of a model, or None where it is none of the four or something in it is not understood.

    Args:
        model: any module; in float32, on the CPU.
    """
    build = FAMILIES.get(type(model).__name__)
    if build is None or getattr(model.config, "position_embedding_type", "absolute") != "absolute":
        return None
    try:
        encoder = build(_Parts(model.state_dict()), model.config).eval()
        return encoder if _equal(encoder, model) else None
    except Exception:  # a setting or a weight of another name, shape or number: an architecture of its own
        return None


class _Parts:
    """Modules made of a state dict, by the names of their weights."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self._state = state

    def linear(self, *names: str) -> nn.Linear:
        """Several of them, one above the other, make one product."""
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
        """Words, and positions with token type 0 added, where there are types; `parts` as `Embedding` has them."""
        positions = self._state[f"{name}.position_embeddings.weight"]
        types = self._state.get(f"{name}.token_type_embeddings.weight")
        return Embedding(
            words=_vectors(self._state[f"{name}.word_embeddings.weight"]),
            positions=_vectors(positions if types is None else positions + types[0]),
            norm=self.norm(f"{name}.LayerNorm", eps),
            **parts,
        )

    def layer(self, name: str, names: Mapping[str, str], *, eps: float, **parts: Any) -> Layer:
        """The layer of this name; `names` maps our part's name to theirs, queries, keys and values one by one."""
        full = {part: f"{name}.{its}" for part, its in names.items()}
        return Layer(
            qkv=self.linear(full["q"], full["k"], full["v"]),
            mix=Residual(self.linear(full["mix"]), self.norm(full["mix_norm"], eps)),
            up=self.linear(full["up"]),
            down=Residual(self.linear(full["down"]), self.norm(full["down_norm"], eps)),
            **parts,
        )


def _vectors(weight: Tensor) -> nn.Embedding:
    count, size = weight.shape
    return nn.Embedding(count, size, _weight=weight, _freeze=True)


_BERT_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "mix": "attention.output.dense",
    "mix_norm": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "down_norm": "output.LayerNorm",
}
_DISTILBERT_LAYER = {
    "q": "attention.q_lin",
    "k": "attention.k_lin",
    "v": "attention.v_lin",
    "mix": "attention.out_lin",
    "mix_norm": "sa_layer_norm",
    "up": "ffn.lin1",
    "down": "ffn.lin2",
    "down_norm": "output_layer_norm",
}
_ALBERT_LAYER = {
    "q": "attention.query",
    "k": "attention.key",
    "v": "attention.value",
    "mix": "attention.dense",
    "mix_norm": "attention.LayerNorm",
    "up": "ffn",
    "down": "ffn_output",
    "down_norm": "full_layer_layer_norm",
}


def _distilbert(parts: _Parts, config: Any) -> PackedEncoder:
    eps = 1e-12  # not in the configuration
    settings = {"eps": eps, "heads": config.n_heads, "activation": ACTIVATIONS[config.activation]}
    names = [f"distilbert.transformer.layer.{i}" for i in range(config.n_layers)]
    return PackedEncoder(
        embedding=parts.embedding("distilbert.embeddings", eps=eps),
        layers=[parts.layer(name, _DISTILBERT_LAYER, **settings) for name in names],
        head=Head(dense=parts.linear("pre_classifier"), activation=functional.relu, labels=parts.linear("classifier")),
        longest=config.max_position_embeddings,
    )


def _bert(parts: _Parts, config: Any) -> PackedEncoder:
    return PackedEncoder(
        embedding=parts.embedding("bert.embeddings", eps=config.layer_norm_eps),
        layers=_bert_layers(parts, "bert", config),
        head=Head(dense=parts.linear("bert.pooler.dense"), activation=torch.tanh, labels=parts.linear("classifier")),
        longest=config.max_position_embeddings,
    )


def _roberta(parts: _Parts, config: Any) -> PackedEncoder:
    padding = config.pad_token_id
    return PackedEncoder(
        embedding=parts.embedding("roberta.embeddings", eps=config.layer_norm_eps, padding=padding),
        layers=_bert_layers(parts, "roberta", config),
        head=Head(
            dense=parts.linear("classifier.dense"), activation=torch.tanh, labels=parts.linear("classifier.out_proj")
        ),
        longest=config.max_position_embeddings - padding - 1,
    )


def _albert(parts: _Parts, config: Any) -> PackedEncoder:
    settings = _bert_settings(config)
    encoder = "albert.encoder"
    groups = [
        [
            parts.layer(f"{encoder}.albert_layer_groups.{group}.albert_layers.{i}", _ALBERT_LAYER, **settings)
            for i in range(config.inner_group_num)
        ]
        for group in range(config.num_hidden_groups)
    ]
    layers_a_group = config.num_hidden_layers / config.num_hidden_groups
    return PackedEncoder(
        embedding=parts.embedding(
            "albert.embeddings",
            eps=config.layer_norm_eps,
            projection=parts.linear(f"{encoder}.embedding_hidden_mapping_in"),
        ),
        layers=[layer for i in range(config.num_hidden_layers) for layer in groups[int(i / layers_a_group)]],
        head=Head(dense=parts.linear("albert.pooler"), activation=torch.tanh, labels=parts.linear("classifier")),
        longest=config.max_position_embeddings,
    )


def _bert_layers(parts: _Parts, encoder: str, config: Any) -> list[Layer]:
    names = [f"{encoder}.encoder.layer.{i}" for i in range(config.num_hidden_layers)]
    return [parts.layer(name, _BERT_LAYER, **_bert_settings(config)) for name in names]


def _bert_settings(config: Any) -> dict[str, Any]:
    return {
        "eps": config.layer_norm_eps,
        "heads": config.num_attention_heads,
        "activation": ACTIVATIONS[config.hidden_act],
    }


FAMILIES: dict[str, Callable[[_Parts, Any], PackedEncoder]] = {
    "DistilBertForSequenceClassification": _distilbert,
    "BertForSequenceClassification": _bert,
    "RobertaForSequenceClassification": _roberta,
    "AlbertForSequenceClassification": _albert,
}


@torch.inference_mode()
def _equal(encoder: PackedEncoder, model: nn.Module) -> bool:
    """Whether both give the same logits on the probe."""
    ids, offsets = probe(encoder)
    rows = [row[None] for row in ids.tensor_split(offsets[1:-1].long())]
    model.eval()
    original = torch.cat([model(input_ids=row, attention_mask=torch.ones_like(row)).logits for row in rows])
    return near(encoder(ids, offsets), original, TOLERANCE)


def probe(encoder: PackedEncoder) -> tuple[Tensor, Tensor]:
    """Rows of several lengths of random ids: int64 (tokens,), and their offsets, int32 (rows + 1,)."""
    lengths = torch.tensor([1, 2, 7, 19]).clamp(max=encoder.longest)
    ids = torch.randint(encoder.vocabulary, (int(lengths.sum()),), generator=torch.Generator().manual_seed(0))
    return ids, functional.pad(lengths.cumsum(0), (1, 0)).int()


def near(logits: Tensor, expected: Tensor, tolerance: float) -> bool:
    """Whether no logit is further off than `tolerance`, relative to the largest logit if that is above 1."""
    if logits.shape != expected.shape:
        return False
    return bool((logits - expected).abs().max() <= tolerance * expected.abs().max().clamp(min=1))
