"""The last layer of an encoder for the first position alone, which is all that the head reads. Exact.

Every other position of that layer is needed for its key and value only. So the layer's own code runs twice: over
all positions, of which the keys and values are kept, and over the first one, which attends to them. What the first
run works out besides is read by nothing, and torch's exporter leaves it out of the graph. No name of a weight is
needed: keys and values pass through the attention function, which `transformers` lets one replace.
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
"""Where the layers of a model type stand whose head reads the first position."""

ATTENTION = "emoscope-first-position"


def trimmed(model: Any) -> Any:
    """A copy of a sequence classifier whose last layer works for the first position alone, where its type is known.

    Args:
        model: a `PreTrainedModel`; another model type comes back as it is.
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
    """Softmax attention under the interface of `transformers`, which has one for all models of a name.

    While `keep` is set it keeps the keys and values that it is given; what has been kept, later calls attend to.
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
        """*Shape:* thrice (rows, heads, length, size), (rows, 1, length, length) -> (rows, length, heads, size)."""
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
    """A layer's states of the first position, (rows, 1, size), from those of all before it."""

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
    """ALBERT's layers one after the other, as they are called; they share their weights as before."""
    groups, count = encoder.albert_layer_groups, encoder.config.num_hidden_layers
    order = [int(i / (count / len(groups))) for i in range(count)]
    layers = nn.ModuleList([layer for i in order for layer in groups[i].albert_layers])
    encoder.albert_layer_groups = layers
    encoder.config.num_hidden_layers = encoder.config.num_hidden_groups = len(layers)
    return layers
