"""Trains an encoder made of another one's layers: soft targets, hard labels, and the direction of the hidden states."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer

from emoscope.data import Examples
from emoscope.labels import Labels
from emoscope.training.config import EncoderStudentConfig
from emoscope.training.corpus import Corpus
from emoscope.training.encoder import EncoderRun, Tokens, check_normalizer, find_checkpoint, fit_encoder
from emoscope.training.layers import layer_teacher, shallow_copy
from emoscope.training.objective import Objective


@dataclass(frozen=True)
class Pair:
    """An encoder student before its training, and the encoder that it is made of.

    Attributes:
        source: folder of the teacher.
        tokenizer: of both.
        teacher: fine-tuned, its outputs in the order of the data's labels.
        student: has some of the teacher's layers.
    """

    source: Path
    tokenizer: PreTrainedTokenizerBase
    teacher: PreTrainedModel
    student: PreTrainedModel

    @classmethod
    def read(cls, config: EncoderStudentConfig, labels: Labels) -> Pair:
        """Read the teacher and make the student.

        Raises:
            LabelError: the teacher has other labels.
            ModelError: it cannot be read, or no student can be made of it.
            RecipeError: more layers than it has, or no such `normalizer`.
        """
        check_normalizer(config)
        source = find_checkpoint(config.model)
        tokenizer, teacher = layer_teacher(source, labels)
        return cls(source, tokenizer, teacher, shallow_copy(teacher, config.layers))


def train_encoder_student(
    config: EncoderStudentConfig, run: EncoderRun, pair: Pair, corpus: Corpus, validation: Examples
) -> None:
    """Train the student, and leave the best epoch (by weighted F1 on validation) in the run's folder.

    Args:
        config: the recipe, which is the run's.
        run: its folder and so on.
        pair: the student, and what it is made of.
        corpus: with soft targets.
        validation: labelled rows.
    """
    targets = {"labels": corpus.label_ids.tolist(), "soft_targets": np.asarray(corpus.soft_targets).tolist()}
    rows = Tokens(corpus.texts, targets, pair.tokenizer, config)
    trainer_class = partial(StudentTrainer, teacher=pair.teacher, config=config)
    fit_encoder(run, pair.student, pair.tokenizer, rows, validation, trainer_class)


class StudentTrainer(Trainer):
    """A Trainer whose loss on rows with soft targets has three terms; on other rows it is the cross-entropy."""

    def __init__(self, *args: Any, teacher: nn.Module, config: EncoderStudentConfig, **rest: Any) -> None:
        """Prepare a run.

        Args:
            args: see `Trainer`.
            teacher: the encoder that the student is made of.
            config: the weights of the terms.
            rest: see `Trainer`.
        """
        super().__init__(*args, **rest)
        self.args.remove_unused_columns = False
        self._teacher = teacher.to(self.args.device).eval()
        self._cosine_weight = config.cosine_weight
        self._objective = Objective.of(config)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Loss of a batch, and with `return_outputs` what the model gave."""
        tokens = {name: values for name, values in inputs.items() if name not in ("labels", "soft_targets")}
        soft_targets = inputs.get("soft_targets")
        if soft_targets is None:
            outputs = model(**tokens)
            loss = Objective().loss(outputs.logits.float(), inputs["labels"])
        else:
            outputs = model(**tokens, output_hidden_states=bool(self._cosine_weight))
            loss = self._objective.loss(outputs.logits.float(), inputs["labels"], soft_targets)
            if self._cosine_weight:
                loss = loss + self._cosine_weight * self._distance(outputs.hidden_states[-1], tokens)
        return (loss, outputs) if return_outputs else loss

    def _distance(self, states: Tensor, tokens: dict[str, Tensor]) -> Tensor:
        """Mean cosine distance of the student's last hidden states, (rows, length, width), from the teacher's."""
        with torch.no_grad():
            wanted = self._teacher(**tokens, output_hidden_states=True).hidden_states[-1]
        return cosine_distance(states.float(), wanted.float(), tokens["attention_mask"].bool())


def cosine_distance(states: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """Mean of 1 - cosine over the real tokens.

    *Shape:* (rows, length, width), the same, bool (rows, length) -> ().
    """
    return (1 - F.cosine_similarity(states, wanted, dim=-1))[mask].mean()
