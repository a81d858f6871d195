"""The compact student as a torch module: word-piece embeddings, a bidirectional GRU, two poolings, a linear layer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class CompactShape:
    """Sizes of a compact student.

    Attributes:
        vocabulary: number of word pieces.
        dimension: size of a word piece's embedding.
        hidden: number of GRU units in each direction.
        labels: number of outputs.
    """

    vocabulary: int
    dimension: int
    hidden: int
    labels: int


class CompactModel(nn.Module):
    """Token ids and a mask -> logits. Padding is at the end of a row and changes no logit.

    Direction 0 reads a text forwards, direction 1 backwards. The gates are in torch's order (reset, update, candidate),
    and the reset is applied after the recurrent product, as in `torch.nn.GRU` (Cho et al. 2014). Of the second bias of
    `torch.nn.GRU` only the candidate's part is needed, because the other parts would only add to the first bias. A text
    is represented by the maximum of its states and by their mean, weighted by attention: one softmax over the tokens,
    whose scores depend on both directions.
    """

    def __init__(self, shape: CompactShape, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        hidden = shape.hidden
        self.vectors = nn.Parameter(torch.zeros(shape.vocabulary, shape.dimension))
        self.input_weight = _uniform(hidden, 2, shape.dimension, 3 * hidden)
        self.recurrent_weight = _uniform(hidden, 2, hidden, 3 * hidden)
        self.input_bias = _uniform(hidden, 2, 3 * hidden)
        self.candidate_bias = _uniform(hidden, 2, 1, hidden)
        self.attention = _uniform(2 * hidden, 2 * hidden)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(4 * hidden, shape.labels)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Logits.

        *Shape:* ids int64 (texts, length), mask bool (texts, length), True at real tokens -> (texts, labels).
        """
        return self.classify(self.embed(ids), mask)

    def embed(self, ids: Tensor) -> Tensor:
        """Embeddings of the tokens. *Shape:* (texts, length) -> (texts, length, dimension)."""
        return F.embedding(ids, self.vectors)

    def classify(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Logits of embedded texts. *Shape:* (texts, length, dimension), (texts, length) -> (texts, labels)."""
        states = self._states(torch.stack([embedded, _reversed(embedded, mask)]))
        logits: Tensor = self.output(self.dropout(self._pool(states, mask)))
        return logits

    def _states(self, inputs: Tensor) -> Tensor:
        """*Shape:* (2, texts, length, dimension) -> (2, texts, length, hidden)."""
        _, texts, length, _ = inputs.shape
        steps = inputs.transpose(1, 2).flatten(1, 2)
        projected = torch.baddbmm(self.input_bias.unsqueeze(1), steps, self.input_weight)
        state, states = inputs.new_zeros(2, texts, self.shape.hidden), []
        for step in projected.view(2, length, texts, -1).unbind(1):
            state = self._step(step, state)
            states.append(state)
        return torch.stack(states, dim=2)

    def _step(self, projected: Tensor, state: Tensor) -> Tensor:
        """*Shape:* (2, texts, 3 * hidden), (2, texts, hidden) -> (2, texts, hidden)."""
        gates = 2 * self.shape.hidden
        recurrent = torch.bmm(state, self.recurrent_weight)
        reset, update = torch.sigmoid(projected[..., :gates] + recurrent[..., :gates]).chunk(2, dim=-1)
        recalled = recurrent[..., gates:] + self.candidate_bias
        candidate = torch.tanh(projected[..., gates:] + reset * recalled)
        return candidate + update * (state - candidate)

    def _pool(self, states: Tensor, mask: Tensor) -> Tensor:
        """*Shape:* (2, texts, length, hidden) -> (texts, 4 * hidden)."""
        both = torch.cat([states[0], _reversed(states[1], mask)], dim=-1)
        largest = both.masked_fill(~mask.unsqueeze(-1), -torch.inf).amax(dim=1)
        scores = (both @ self.attention).masked_fill(~mask, -torch.inf)
        mean = (scores.softmax(dim=1).unsqueeze(1) @ both).squeeze(1)
        return torch.cat([largest, mean], dim=-1)


def pad(token_ids: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Token ids, padded with 0 at the end, and the mask of real tokens.

    *Shape:* int64 (texts, length), bool (texts, length).
    """
    lengths = torch.tensor([len(ids) for ids in token_ids])
    mask = torch.arange(int(lengths.max())) < lengths.unsqueeze(1)
    padded = torch.zeros(mask.shape, dtype=torch.long)
    padded[mask] = torch.tensor([token for ids in token_ids for token in ids])
    return padded, mask


def _uniform(inputs: int, *shape: int) -> nn.Parameter:
    bound = 1 / math.sqrt(inputs)
    return nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))


def _reversed(values: Tensor, mask: Tensor) -> Tensor:
    """The tokens of each text in reverse; padding stays at the end. *Shape:* (texts, length, size), unchanged."""
    steps = torch.arange(mask.shape[1], device=mask.device)
    backwards = torch.where(mask, mask.sum(1, keepdim=True) - 1 - steps, steps)
    return values.gather(1, backwards.unsqueeze(-1).expand_as(values))
