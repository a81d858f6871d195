"""An encoder with a classification head over a stream of tokens, as a torch module: no padding, no unused results.

The blocks are those of BERT, RoBERTa, DistilBERT and ALBERT: layer norm after each sum, learnt positions, a head that
reads each row's first token. Queries, keys and values are one product; the last layer computes its queries, and what
follows them, for first tokens only. `architectures.py` builds it; it knows no checkpoint and no batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from emoscope.torch_runtime.attention import RowLayout
from emoscope.torch_runtime.operations import TORCH, Operations

Activation = Callable[[Tensor], Tensor]
Block = TypeVar("Block", bound="_Block")


class _Block(nn.Module):
    """A module whose parts are the fields of a dataclass."""

    def __new__(cls: type[Block], *_: Any, **__: Any) -> Block:
        block = super().__new__(cls)
        nn.Module.__init__(block)  # before the dataclass sets the fields
        return block


@dataclass(eq=False, repr=False)
class Embedding(_Block):
    """Embeddings of words and positions, their layer norm and, in ALBERT, a projection.

    Attributes:
        words: an embedding for each token id.
        positions: an embedding for each position, with that of token type 0 added to it.
        norm: applied to the sum.
        projection: from the size of the embeddings to that of the layers.
        padding: RoBERTa's padding id: positions count from the number after it, and skip tokens with that id.
    """

    words: nn.Embedding
    positions: nn.Embedding
    norm: nn.LayerNorm
    projection: nn.Module = field(default_factory=nn.Identity)
    padding: int | None = None

    def forward(self, ids: Tensor, rows: RowLayout) -> Tensor:
        """*Shape:* integers (tokens,) -> (tokens, hidden)."""
        positions = rows.positions if self.padding is None else _roberta_positions(ids, rows, self.padding)
        x: Tensor = self.projection(self.norm(self.words(ids) + self.positions(positions)))
        return x


def _roberta_positions(ids: Tensor, rows: RowLayout, padding: int) -> Tensor:
    """(Number of tokens other than padding up to this one) + `padding`; a padding token has the position `padding`."""
    counted = (ids != padding).long()
    before = functional.pad(counted.cumsum(0), (1, 0))
    begin, end = rows.bounds
    return (before[1:] - before[begin.long()]) * counted * (end > begin) + padding


@dataclass(eq=False, repr=False)
class Residual(_Block):
    """A linear layer whose output is added to a block's input, and the layer norm of the sum."""

    linear: nn.Linear
    norm: nn.LayerNorm

    def forward(self, x: Tensor, residual: Tensor, operations: Operations) -> Tensor:
        """*Shape:* (tokens, inputs), (tokens, hidden) -> (tokens, hidden)."""
        return operations.add_norm(self.linear(x), residual, self.norm)


@dataclass(eq=False, repr=False)
class Layer(_Block):
    """Attention and feed-forward block.

    Attributes:
        qkv: queries, keys and values, hidden -> 3 * hidden.
        mix: projection of the heads' output, hidden -> hidden.
        up: hidden -> inner.
        down: inner -> hidden.
        heads: number of attention heads.
        activation: between `up` and `down`.
    """

    qkv: nn.Linear
    mix: Residual
    up: nn.Linear
    down: Residual
    heads: int
    activation: Activation

    def forward(self, x: Tensor, rows: RowLayout, operations: Operations) -> Tensor:
        """States of every token. *Shape:* (tokens, hidden) -> (tokens, hidden)."""
        q, k, v = self._by_head(self.qkv(x), parts=3)
        return self._after_attention(x, operations.attention(q, k, v, rows), operations)

    def first(self, x: Tensor, rows: RowLayout, operations: Operations) -> Tensor:
        """States of each row's first token only. *Shape:* (tokens, hidden) -> (rows, hidden)."""
        hidden = x.shape[1]
        weight, bias = self.qkv.weight, self.qkv.bias
        k, v = self._by_head(functional.linear(x, weight[hidden:], bias[hidden:]), parts=2)
        x = x[rows.first]
        (q,) = self._by_head(functional.linear(x, weight[:hidden], bias[:hidden]), parts=1)
        return self._after_attention(x, operations.attention(q, k, v, rows, first=True), operations)

    def _by_head(self, x: Tensor, *, parts: int) -> Sequence[Tensor]:
        """*Shape:* (tokens, parts * hidden) -> `parts` of (tokens, heads, size)."""
        return x.view(len(x), parts, self.heads, -1).unbind(1)

    def _after_attention(self, x: Tensor, attended: Tensor, operations: Operations) -> Tensor:
        x = self.mix(attended.flatten(1), x, operations)
        result: Tensor = self.down(self.activation(self.up(x)), x, operations)
        return result


@dataclass(eq=False, repr=False)
class Head(_Block):
    """The classifier over each row's first token, always in float32, because the probabilities depend on it most."""

    dense: nn.Linear
    activation: Activation
    labels: nn.Linear

    def forward(self, x: Tensor) -> Tensor:
        """*Shape:* (rows, hidden) -> float32 (rows, labels)."""
        logits: Tensor = self.labels(self.activation(self.dense(x.float())))
        return logits


@dataclass(eq=False, repr=False)
class PackedEncoder(_Block):
    """Token ids of a stream of rows -> logits of each row.

    Attributes:
        embedding: token ids to embeddings.
        layers: at least one `Layer`; ALBERT repeats the same ones.
        head: states of first tokens to logits.
        longest: maximum number of tokens in a row.
    """

    embedding: Embedding
    layers: nn.ModuleList
    head: Head
    longest: int

    @property
    def vocabulary(self) -> int:
        """Number of token ids that have an embedding."""
        return self.embedding.words.num_embeddings

    @property
    def labels(self) -> int:
        """Number of logits of a row."""
        return self.head.labels.out_features

    def place(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move it to a device, everything except the head in this precision."""
        self.embedding.to(device, dtype)
        self.layers.to(device, dtype)
        self.head.to(device)

    def forward(self, ids: Tensor, offsets: Tensor, operations: Operations = TORCH) -> Tensor:
        """Logits of every row.

        *Shape:* integers (tokens,), int32 (rows + 1,) as in `RowLayout` -> float32 (rows, labels)
        """
        rows = RowLayout(offsets, len(ids), min(self.longest, len(ids)))
        x = self.embedding(ids, rows)
        for layer in self.layers[:-1]:
            x = layer(x, rows, operations)
        last = cast(Layer, self.layers[-1])
        logits: Tensor = self.head(last.first(x, rows, operations))
        return logits

    def probe(self) -> tuple[Tensor, Tensor]:
        """Rows of several lengths to compare logits on: random ids, int64 (tokens,), and offsets, int32 (rows + 1,)."""
        lengths = torch.tensor([1, 2, 7, 19]).clamp(max=self.longest)
        ids = torch.randint(self.vocabulary, (int(lengths.sum()),), generator=torch.Generator().manual_seed(0))
        return ids, functional.pad(lengths.cumsum(0), (1, 0)).int()


def near(logits: Tensor, expected: Tensor, tolerance: float) -> bool:
    """Whether every logit is within `tolerance`, relative to the largest logit if that is above 1."""
    if logits.shape != expected.shape:
        return False
    return bool((logits - expected).abs().max() <= tolerance * expected.abs().max().clamp(min=1))
