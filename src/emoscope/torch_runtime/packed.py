"""An encoder with a classification head over a flat stream of tokens: no padding, and no work that nobody reads.

The blocks are those of BERT, RoBERTa, DistilBERT and ALBERT: layer norm after each sum, learnt positions, a head that
reads each row's first token. Queries, keys and values are one product; the last layer works out its queries and
what follows them for the first tokens alone. `families.py` builds it; it knows no checkpoint and no batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from emoscope.torch_runtime.attention import Attention, Rows, by_length

Activation = Callable[[Tensor], Tensor]


def add_norm(x: Tensor, residual: Tensor, norm: nn.LayerNorm) -> Tensor:
    """*Shape:* (tokens, hidden) twice -> (tokens, hidden)."""
    normal: Tensor = norm(x + residual)
    return normal


@dataclass(frozen=True)
class Operations:
    """The steps of a layer that differ between devices.

    Attributes:
        name: what a benchmark calls them.
        attention: block-diagonal attention.
        add_norm: layer norm of a sum.
        static: they need nothing of the rows on the host, so that a CUDA graph can hold them.
    """

    name: str = "torch"
    attention: Attention = by_length
    add_norm: Callable[[Tensor, Tensor, nn.LayerNorm], Tensor] = add_norm
    static: bool = False


TORCH = Operations()


class Embedding(nn.Module):
    """Word, position and token type 0, with their layer norm, and ALBERT's projection."""

    def __init__(
        self,
        *,
        words: nn.Embedding,
        positions: nn.Embedding,
        norm: nn.LayerNorm,
        projection: nn.Module | None = None,
        padding: int | None = None,
    ) -> None:
        """Compose it.

        Args:
            words: a vector a token id.
            positions: a vector a position, that of token type 0 added.
            norm: over the sum.
            projection: from the size of the vectors to that of the layers, where they differ.
            padding: RoBERTa's padding id: positions count from the one after it, and pass over tokens of that id.
        """
        super().__init__()
        self.words = words
        self.positions = positions
        self.norm = norm
        self.projection = projection or nn.Identity()
        self.padding = padding

    def forward(self, ids: Tensor, rows: Rows) -> Tensor:
        """*Shape:* integers (tokens,) -> (tokens, hidden)."""
        positions = rows.positions if self.padding is None else _after_padding(ids, rows, self.padding)
        x: Tensor = self.projection(self.norm(self.words(ids) + self.positions(positions)))
        return x


def _after_padding(ids: Tensor, rows: Rows, padding: int) -> Tensor:
    """RoBERTa's positions: (count of other tokens up to this one) + padding, and `padding` itself for that token."""
    counted = (ids != padding).long()
    before = functional.pad(counted.cumsum(0), (1, 0))
    begin, end = rows.bounds
    return (before[1:] - before[begin.long()]) * counted * (end > begin) + padding


class Residual(nn.Module):
    """A product, added to what a block began with, and the layer norm of the sum."""

    def __init__(self, linear: nn.Linear, norm: nn.LayerNorm) -> None:
        super().__init__()
        self.linear = linear
        self.norm = norm

    def forward(self, x: Tensor, began: Tensor, operations: Operations) -> Tensor:
        """*Shape:* (tokens, inputs), (tokens, hidden) -> (tokens, hidden)."""
        return operations.add_norm(self.linear(x), began, self.norm)


class Layer(nn.Module):
    """Attention and feed-forward of one layer."""

    def __init__(
        self,
        *,
        qkv: nn.Linear,
        mix: Residual,
        up: nn.Linear,
        down: Residual,
        heads: int,
        activation: Activation,
    ) -> None:
        """Compose it.

        Args:
            qkv: queries, keys and values, hidden -> 3 * hidden.
            mix: over what the heads found, hidden -> hidden.
            up: hidden -> inner.
            down: inner -> hidden.
            heads: number of heads.
            activation: between `up` and `down`.
        """
        super().__init__()
        self.qkv = qkv
        self.mix = mix
        self.up = up
        self.down = down
        self.heads = heads
        self.activation = activation

    def forward(self, x: Tensor, rows: Rows, operations: Operations) -> Tensor:
        """Every token: (tokens, hidden) -> (tokens, hidden)."""
        q, k, v = self._by_head(self.qkv(x), parts=3)
        mixed = operations.attention(q, k, v, rows)
        return self._after_attention(x, mixed, operations)

    def first(self, x: Tensor, rows: Rows, operations: Operations) -> Tensor:
        """Each row's first token, which sees all of its row: (tokens, hidden) -> (rows, hidden)."""
        hidden = x.shape[1]
        weight, bias = self.qkv.weight, self.qkv.bias
        k, v = self._by_head(functional.linear(x, weight[hidden:], bias[hidden:]), parts=2)
        x = x[rows.first]
        (q,) = self._by_head(functional.linear(x, weight[:hidden], bias[:hidden]), parts=1)
        mixed = operations.attention(q, k, v, rows, first=True)
        return self._after_attention(x, mixed, operations)

    def _by_head(self, x: Tensor, *, parts: int) -> Sequence[Tensor]:
        """*Shape:* (tokens, parts * hidden) -> `parts` of (tokens, heads, size)."""
        return x.view(len(x), parts, self.heads, -1).unbind(1)

    def _after_attention(self, x: Tensor, mixed: Tensor, operations: Operations) -> Tensor:
        x = self.mix(mixed.flatten(1), x, operations)
        result: Tensor = self.down(self.activation(self.up(x)), x, operations)
        return result


class Head(nn.Module):
    """The classifier over each row's first token; in float32 throughout, since probabilities hang on it."""

    def __init__(self, *, dense: nn.Linear, activation: Activation, labels: nn.Linear) -> None:
        super().__init__()
        self.dense = dense
        self.activation = activation
        self.labels = labels

    def forward(self, x: Tensor) -> Tensor:
        """*Shape:* (rows, hidden) -> float32 (rows, labels)."""
        logits: Tensor = self.labels(self.activation(self.dense(x.float())))
        return logits


class PackedEncoder(nn.Module):
    """Token ids of a stream of rows -> logits of each row."""

    def __init__(self, *, embedding: Embedding, layers: Sequence[Layer], head: Head, longest: int) -> None:
        """Compose it.

        Args:
            embedding: ids to vectors.
            layers: one at least; ALBERT's are one and the same.
            head: vectors to logits.
            longest: most tokens of a row.
        """
        super().__init__()
        self.embedding = embedding
        self.layers = nn.ModuleList(layers)
        self.head = head
        self.longest = longest

    @property
    def vocabulary(self) -> int:
        """Ids are below this."""
        return self.embedding.words.num_embeddings

    @property
    def labels(self) -> int:
        """Number of logits of a row."""
        return self.head.labels.out_features

    def place(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move it there, all but the head in this precision."""
        self.embedding.to(device, dtype)
        self.layers.to(device, dtype)
        self.head.to(device)

    def forward(self, ids: Tensor, offsets: Tensor, operations: Operations = TORCH) -> Tensor:
        """Logits of every row.

        *Shape:* integers (tokens,), int32 (rows + 1,) as in `Rows` -> float32 (rows, labels)
        """
        rows = Rows(offsets, len(ids), min(self.longest, len(ids)))
        x = self.embedding(ids, rows)
        for layer in self.layers[:-1]:
            x = layer(x, rows, operations)
        last = cast(Layer, self.layers[-1])
        logits: Tensor = self.head(last.first(x, rows, operations))
        return logits
