import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from emoscope.training.config import CompactConfig, CompactStudentConfig, EncoderStudentConfig
from emoscope.training.objective import NO_LABEL, Objective, soften

LOGITS = [[1.0, -0.5, 2.0], [0.3, 0.1, -1.0]]
TEACHER = [[0.7, 0.2, 0.1], [0.05, 0.9, 0.05]]


def softmax(row, temperature=1.0):
    powers = np.exp(np.array(row, float) / temperature)
    return powers / powers.sum()


def test_the_soft_loss_equals_a_reference_by_hand_at_a_temperature():
    temperature = 3.0
    softened = [softmax(np.log(row), temperature) for row in TEACHER]
    rows = [
        -sum(p * np.log(q) for p, q in zip(wanted, softmax(logits, temperature), strict=True))
        for wanted, logits in zip(softened, LOGITS, strict=True)
    ]
    expected = 0.4 * temperature**2 * np.mean(rows)
    objective = Objective(hard_weight=0.0, soft_weight=0.4, temperature=temperature)
    targets = torch.from_numpy(soften(np.array(TEACHER), temperature))
    loss = objective.loss(torch.tensor(LOGITS), torch.tensor([2, 1]), targets)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_hard_and_soft_terms_add_up_and_a_row_without_a_label_has_no_hard_one():
    objective = Objective(hard_weight=0.5, label_smoothing=0.1, soft_weight=2.0, temperature=2.0)
    targets = torch.tensor(TEACHER)
    loss = objective.loss(torch.tensor(LOGITS), torch.tensor([2, NO_LABEL]), targets)
    log_p = np.log(softmax(LOGITS[0]))
    hard = -(0.9 * log_p[2] + 0.1 * log_p.mean())
    soft = [-(np.array(p) * np.log(softmax(row, 2.0))).sum() for p, row in zip(TEACHER, LOGITS, strict=True)]
    assert loss.item() == pytest.approx(0.5 * hard / 2 + 2.0 * 4.0 * np.mean(soft), rel=1e-5)


def test_without_labels_there_is_a_gradient_still():
    logits = torch.tensor(LOGITS, requires_grad=True)
    loss = Objective(soft_weight=0.0).loss(logits, torch.tensor([NO_LABEL, NO_LABEL]))
    loss.backward()
    assert loss.item() == 0.0
    assert not logits.grad.any()


def test_plain_training_is_torchs_cross_entropy_to_the_bit():
    logits = torch.randn(64, 6, generator=torch.Generator().manual_seed(0))
    label_ids = torch.arange(64) % 6
    ours, theirs = (logits.clone().requires_grad_() for _ in range(2))
    Objective.of(CompactConfig(label_smoothing=0.07)).loss(ours, label_ids).backward()
    F.cross_entropy(theirs, label_ids, label_smoothing=0.07).backward()
    assert torch.equal(ours.grad, theirs.grad)


@given(
    st.lists(st.floats(0.0, 1.0), min_size=2, max_size=6).filter(lambda row: sum(row) > 0.1),
    st.floats(0.2, 20.0),
)
def test_softening_is_the_softmax_of_the_logarithm(row, temperature):
    p = np.array([row]) / sum(row)
    with np.errstate(divide="ignore"):
        expected = softmax(np.log(p[0]) - np.log(p[0]).max(), temperature)
    np.testing.assert_allclose(soften(p, temperature)[0], expected, rtol=1e-4, atol=1e-6)


def test_the_recipes_objective():
    keys = {"hard_weight": 0.3, "soft_weight": 0.6, "soft_temperature": 4.0, "label_smoothing": 0.2}
    for config in (CompactStudentConfig(**keys), EncoderStudentConfig(**keys)):
        assert Objective.of(config) == Objective(0.3, 0.2, 0.6, 4.0)
    assert Objective.of(CompactConfig(label_smoothing=0.2)) == Objective(1.0, 0.2, 1.0, 1.0)
