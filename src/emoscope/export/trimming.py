"""Trims an encoder's last layer to the first position, the only one that the head reads. The result is exact.

Of every other position, that layer needs only the key and the value. So the layer's own code runs twice: over all
positions, whose keys and values are kept, and over the first position, which attends to them. The other results of the
first run are never used, and torch's exporter leaves them out of the graph. No weight needs to be known by its name:
keys and values pass through the attention function, which `transformers` allows to be replaced.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from torch import Tensor, nn

ENCODERS = {
    "bert": "encoder.layer",
    "roberta": "encoder.layer",
    "xlm-roberta": "encoder.layer",
    "camembert": "encoder.layer",
    "electra": "encoder.layer",
    "distilbert": "transformer.layer",
    "albert": "encoder.albert_layer_groups",
}
"""Path of the layers, by model type, for those whose head reads the first position."""

ATTENTION = "emoscope-first-position"
"""Name of the attention function in the registry of `transformers`."""


def trimmed(model: Any) -> Any:
    """A copy of a sequence classifier whose last layer computes the first position only.

    Args:
        model: a `PreTrainedModel`; returned unchanged if its model type is not in ENCODERS.
    """
    path = ENCODERS.get(model.config.model_type)
    if path is None:
        return model
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    model = deepcopy(model)
    AttentionInterface.register(ATTENTION, _ATTENTION)
    AttentionMaskInterface.register(ATTENTION, eager_mask)
    model.set_attn_implementation(ATTENTION)
    layers = model.base_model.get_submodule(path)
    if model.config.model_type == "albert":
        layers = _unroll(model.base_model.encoder)
    layers[-1] = _FirstPosition(layers[-1])
    return model


class _Attention:
    """Softmax attention with the interface of `transformers`, whose registry has one function for all models.

    While `keep` is set, it keeps the keys and values that it is called with; later calls attend to the kept ones.
    """

    def __init__(self) -> None:
        self.keep = False
        self.kept: tuple[Tensor, Tensor] | None = None

    def __call__(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Tensor | None,
        *,
        scaling: float,
        **_: Any,
    ) -> tuple[Tensor, None]:
        """*Shape:* (rows, heads, length, size) thrice, (rows, 1, length, length) -> (rows, length, heads, size)."""
        if self.keep:
            self.kept = key, value
        elif self.kept is not None:
            key, value = self.kept
        scores = query @ key.transpose(2, 3) * scaling
        if attention_mask is not None:
            scores = scores + attention_mask[:, :, : query.shape[2]]
        return (scores.softmax(dim=-1) @ value).transpose(1, 2).contiguous(), None


_ATTENTION = _Attention()


class _FirstPosition(nn.Module):
    """A layer that returns the states of the first position only, (rows, 1, size)."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, hidden_states: Tensor, *arguments: Any, **settings: Any) -> Tensor:
        try:
            _ATTENTION.keep = True
            self.layer(hidden_states, *arguments, **settings)
            _ATTENTION.keep = False
            states: Tensor = self.layer(hidden_states[:, :1], *arguments, **settings)
        finally:
            _ATTENTION.keep, _ATTENTION.kept = False, None
        return states


def _unroll(encoder: Any) -> nn.ModuleList:
    """ALBERT's layers in the order in which they are called; they still share their weights."""
    groups, count = encoder.albert_layer_groups, encoder.config.num_hidden_layers
    order = [int(i / (count / len(groups))) for i in range(count)]
    layers = nn.ModuleList([layer for i in order for layer in groups[i].albert_layers])
    encoder.albert_layer_groups = layers
    encoder.config.num_hidden_layers = encoder.config.num_hidden_groups = len(layers)
    return layers
