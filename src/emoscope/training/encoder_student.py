"""An encoder student: a copy of a fine-tuned encoder (its layer teacher) with fewer layers, trained to imitate it.

After Sanh et al., "DistilBERT, a distilled version of BERT", 2019: embeddings and head are copied, and every second
layer; the loss has terms for soft targets, for hard labels, and for the direction of the hidden states.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from emoscope.data import Examples
from emoscope.errors import LabelError, ModelError, RecipeError
from emoscope.labels import Labels
from emoscope.torch_runtime.pretrained import load_fast_tokenizer, load_sequence_classifier
from emoscope.training.config import EncoderStudentConfig
from emoscope.training.corpus import Corpus
from emoscope.training.encoder_training import TARGETS, EncoderRun, ObjectiveTrainer, find_checkpoint, fit_encoder
from emoscope.training.objective import Objective

LAYERS = {"bert": "encoder.layer", "roberta": "encoder.layer", "distilbert": "transformer.layer", "albert": None}
"""Submodule that holds the layers of each architecture; ALBERT has one layer, which it repeats."""


@dataclass(frozen=True)
class EncoderStudent:
    """An encoder student and its layer teacher.

    Attributes:
        config: the recipe.
        source: folder of the layer teacher.
        tokenizer: tokenizer of both.
        teacher: the layer teacher, its outputs in the order of the data's labels.
        model: a copy of the teacher with fewer layers.
    """

    config: EncoderStudentConfig
    source: Path
    tokenizer: PreTrainedTokenizerBase
    teacher: PreTrainedModel
    model: PreTrainedModel

    @classmethod
    def read(cls, config: EncoderStudentConfig, labels: Labels) -> EncoderStudent:
        """Read the layer teacher that a recipe names, and make the student.

        Raises:
            LabelError: the teacher has other labels.
            ModelError: it cannot be read, or no student can be made of it.
            RecipeError: it has fewer layers than the student is to have.
        """
        source = find_checkpoint(config.model)
        tokenizer, teacher = read_layer_teacher(source, labels)
        return cls(config, source, tokenizer, teacher, shallow_copy(teacher, config.layers))

    def train(self, run: EncoderRun, corpus: Corpus, validation: Examples) -> None:
        """Train on texts with soft targets; see `fit_encoder`."""
        trainer_class = partial(StudentTrainer, teacher=self.teacher, config=self.config)
        fit_encoder(run, self.model, self.tokenizer, corpus, validation, trainer_class)


def read_layer_teacher(source: Path, labels: Labels) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """A fine-tuned encoder and its tokenizer, its outputs brought into the order of the labels.

    Args:
        source: the checkpoint's folder.
        labels: the labels of the data.

    Raises:
        LabelError: the encoder has other labels.
        ModelError: it cannot be read, is not fine-tuned, or no student can be made of its architecture.
    """
    model = load_sequence_classifier(source)
    if model.config.model_type not in LAYERS:
        raise ModelError(
            f"{source} has the architecture {model.config.model_type!r}; a student can be made of: {', '.join(LAYERS)}"
        )
    if model.config.problem_type == "multi_label_classification":
        raise ModelError(f"{source} gives several labels per text; a student is made of an encoder that gives one")
    _reorder(model, labels, source)
    return load_fast_tokenizer(source), model


def shallow_copy(model: PreTrainedModel, layers: int) -> PreTrainedModel:
    """A copy with fewer layers: with n of N layers, layer i is the original's layer floor(i * N / n).

    Args:
        model: a model of an architecture in LAYERS.
        layers: number of layers to keep; 0 for half of them.

    Raises:
        RecipeError: the model has fewer layers.
    """
    depth = model.config.num_hidden_layers
    layers = layers or max(1, depth // 2)
    if layers > depth:
        raise RecipeError(f"layers is {layers}, but the student's teacher has {depth}; give at most that")
    copy = deepcopy(model)
    copy.config.num_hidden_layers = layers
    if path := LAYERS[model.config.model_type]:
        owner, _, name = path.rpartition(".")
        stack = copy.base_model.get_submodule(owner)
        originals = getattr(stack, name)
        setattr(stack, name, nn.ModuleList(originals[i * depth // layers] for i in range(layers)))
    return copy


def _reorder(model: PreTrainedModel, labels: Labels, source: Path) -> None:
    """Bring the rows of the head's last layer into the order of the labels."""
    own = Labels.from_config(model.config.to_dict())
    if set(own.names) != set(labels.names):
        raise LabelError(
            f"{source} has the labels {', '.join(own.names)}, but the data has {', '.join(labels.names)}; "
            "give an encoder fine-tuned on the data's labels"
        )
    rows = [own.index(name) for name in labels.names]
    last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    with torch.no_grad():
        last.weight.copy_(last.weight[rows])
        last.bias.copy_(last.bias[rows])
    model.config.id2label, model.config.label2id = labels.id2label, labels.label2id


class StudentTrainer(ObjectiveTrainer):
    """A Trainer with a third term for rows with soft targets; for other rows only labels count."""

    def __init__(self, *args: Any, teacher: nn.Module, config: EncoderStudentConfig, **rest: Any) -> None:
        """Prepare a run.

        Args:
            args: see `Trainer`.
            teacher: the student's layer teacher.
            config: the recipe, which has the weights of the terms.
            rest: see `Trainer`.
        """
        super().__init__(*args, objective=Objective.of(config), **rest)
        self._teacher = teacher.to(self.args.device).eval()
        self._cosine_weight = config.cosine_weight

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Loss of a batch, and with `return_outputs` the model's outputs."""
        tokens = {name: values for name, values in inputs.items() if name not in TARGETS}
        distilled, targets = inputs.get("soft_targets") is not None, map(inputs.get, TARGETS[1:])
        outputs = model(**tokens, output_hidden_states=distilled and bool(self._cosine_weight))
        loss = (self._objective if distilled else Objective()).loss(outputs.logits.float(), inputs["labels"], *targets)
        if distilled and self._cosine_weight:
            loss = loss + self._cosine_weight * self._distance(outputs.hidden_states[-1], tokens)
        return (loss, outputs) if return_outputs else loss

    def _distance(self, states: Tensor, tokens: dict[str, Tensor]) -> Tensor:
        """Mean cosine distance of the student's last hidden states, (rows, length, width), from the teacher's."""
        with torch.no_grad():
            target = self._teacher(**tokens, output_hidden_states=True).hidden_states[-1]
        return cosine_distance(states.float(), target.float(), tokens["attention_mask"].bool())


def cosine_distance(states: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean of 1 - cosine over the tokens that are not padding.

    *Shape:* (rows, length, width), the same, bool (rows, length) -> ().
    """
    return (1 - F.cosine_similarity(states, target, dim=-1))[mask].mean()
