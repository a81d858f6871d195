"""Sequence classifiers as torch modules that take rows without padding. They know no batch, text or label names."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from emoscope.compact import CompactModel


class SequenceClassifier(nn.Module, ABC):
    """Token ids, int64 (rows, length), none of them padding -> logits (rows, labels).

    Gradients can be taken with respect to the token embeddings between the two.

    Attributes:
        vocabulary: number of token ids that have an embedding.
    """

    vocabulary: int

    @abstractmethod
    def embed(self, ids: Tensor) -> Tensor:
        """Embeddings of the tokens, without positions. *Shape:* int64 (rows, length) -> (rows, length, size)."""

    @abstractmethod
    def classify(self, embeddings: Tensor) -> Tensor:
        """Logits of embedded rows. *Shape:* (rows, length, size) -> (rows, labels)."""

    def forward(self, ids: Tensor) -> Tensor:
        """Logits of rows. *Shape:* int64 (rows, length) -> (rows, labels)."""
        return self.classify(self.embed(ids))


class CompactClassifier(SequenceClassifier):
    """A compact student."""

    def __init__(self, model: CompactModel) -> None:
        super().__init__()
        self.model, self.vocabulary = model, model.shape.vocabulary

    def embed(self, ids: Tensor) -> Tensor:
        """*Shape:* int64 (rows, length) -> (rows, length, dimension)."""
        return self.model.embed(ids)

    def classify(self, embeddings: Tensor) -> Tensor:
        """*Shape:* (rows, length, dimension) -> (rows, labels)."""
        mask = torch.ones(embeddings.shape[:2], dtype=torch.bool, device=embeddings.device)
        return self.model.classify(embeddings, mask)


class TransformersClassifier(SequenceClassifier):
    """A `PreTrainedModel` of `transformers` with a classification head; its token types, if it has any, are 0."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.vocabulary = int(getattr(model.get_input_embeddings(), "num_embeddings", sys.maxsize))

    def embed(self, ids: Tensor) -> Tensor:
        """*Shape:* int64 (rows, length) -> (rows, length, size)."""
        embeddings: Tensor = self.model.get_input_embeddings()(ids)
        return embeddings

    def classify(self, embeddings: Tensor) -> Tensor:
        """*Shape:* (rows, length, size) -> (rows, labels)."""
        return self._logits(embeddings, inputs_embeds=embeddings)

    def forward(self, ids: Tensor) -> Tensor:
        """*Shape:* int64 (rows, length) -> (rows, labels)."""
        return self._logits(ids, input_ids=ids)

    def _logits(self, rows: Tensor, **inputs: Tensor) -> Tensor:
        mask = torch.ones(rows.shape[:2], dtype=torch.int64, device=rows.device)
        logits: Tensor = self.model(**inputs, attention_mask=mask).logits
        return logits
