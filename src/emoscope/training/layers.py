"""A smaller encoder made of a fine-tuned one's own layers.

After Sanh et al., "DistilBERT, a distilled version of BERT", 2019: embeddings and head as they are, one layer of two.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from emoscope.errors import LabelError, ModelError, RecipeError
from emoscope.labels import Labels
from emoscope.training.encoder import read_encoder

LAYERS = {"bert": "encoder.layer", "roberta": "encoder.layer", "distilbert": "transformer.layer", "albert": None}
"""Where an encoder of each architecture keeps its layers; ALBERT repeats one."""


def layer_teacher(source: Path, labels: Labels) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """A fine-tuned encoder with its tokenizer, its outputs brought into the order of the labels.

    Args:
        source: the checkpoint's folder.
        labels: those of the data.

    Raises:
        LabelError: the encoder has other labels.
        ModelError: it cannot be read, is not fine-tuned, or is of an architecture that no student can be made of.
    """
    tokenizer, model, missing = read_encoder(source)
    if model.config.model_type not in LAYERS:
        raise ModelError(
            f"{source} has the architecture {model.config.model_type!r}; a student can be made of: {', '.join(LAYERS)}"
        )
    if missing:
        raise ModelError(
            f"{source} is no whole classifier, its weights lack {', '.join(missing[:3])}; "
            "fine-tune it first: emoscope train --model"
        )
    if model.config.problem_type == "multi_label_classification":
        raise ModelError(f"{source} gives several labels a text; a student is made of an encoder that gives one")
    _reorder(model, labels, source)
    return tokenizer, model


def shallow_copy(model: PreTrainedModel, layers: int) -> PreTrainedModel:
    """A copy with fewer layers: of n kept of N, layer i is the original's layer floor(i * N / n).

    Args:
        model: of an architecture in LAYERS.
        layers: how many to keep; 0 for half of them.

    Raises:
        RecipeError: the model has fewer.
    """
    whole = model.config.num_hidden_layers
    layers = layers or max(1, whole // 2)
    if layers > whole:
        raise RecipeError(f"the student is to have {layers} layers, but its teacher has {whole}; give at most that")
    copy = deepcopy(model)
    copy.config.num_hidden_layers = layers
    if path := LAYERS[model.config.model_type]:
        owner, _, name = path.rpartition(".")
        stack = copy.base_model.get_submodule(owner)
        originals = getattr(stack, name)
        setattr(stack, name, nn.ModuleList(originals[i * whole // layers] for i in range(layers)))
    return copy


def _reorder(model: PreTrainedModel, labels: Labels, source: Path) -> None:
    """Bring the rows of the head's last layer into the order of the labels."""
    own = Labels.from_config(model.config.to_dict())
    if set(own.names) != set(labels.names):
        raise LabelError(
            f"{source} has the labels {', '.join(own.names)}, but the data's are {', '.join(labels.names)}; "
            "give an encoder fine-tuned on the data's labels"
        )
    rows = [own.index(name) for name in labels.names]
    last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    with torch.no_grad():
        last.weight.copy_(last.weight[rows])
        last.bias.copy_(last.bias[rows])
    model.config.id2label, model.config.label2id = labels.id2label, labels.label2id
