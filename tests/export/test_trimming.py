"""Encoders whose last layer computes the first position only, against the models as they were."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from emoscope.export.trimming import trimmed
from emoscope.torch_runtime.pretrained import load_sequence_classifier
from reference_logits import assert_equal_logits
from tiny import ARCHITECTURES, classifier


@pytest.mark.parametrize("name", ARCHITECTURES)
@torch.inference_mode()
def test_trimming_is_exact_and_leaves_the_model_as_it_was(checkpoints: dict[str, Path], name: str) -> None:
    model = load_sequence_classifier(checkpoints[name], attn_implementation="eager")
    before = copy.deepcopy(model)
    shorter, _another = trimmed(model), trimmed(model)
    ids = torch.randint(5, 100, (4, 11), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1:3, 6:] = 0
    expected = before(input_ids=ids, attention_mask=mask).logits.numpy()
    for changed in (model, shorter):
        assert_equal_logits(changed(input_ids=ids, attention_mask=mask).logits.numpy(), expected)
    states = shorter.base_model(input_ids=ids, attention_mask=mask).last_hidden_state
    assert states.shape == (4, 1, 32)
    assert model.config.to_dict() == before.config.to_dict()


@torch.inference_mode()
def test_albert_with_groups_of_several_layers_is_unrolled() -> None:
    model = classifier("albert", num_hidden_layers=4, num_hidden_groups=2, inner_group_num=2)
    model.set_attn_implementation("eager")
    ids = torch.randint(5, 60, (3, 7), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    expected = model(input_ids=ids, attention_mask=mask).logits.numpy()
    assert_equal_logits(trimmed(model)(input_ids=ids, attention_mask=mask).logits.numpy(), expected)
