import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from emoscope.training.config import CompactConfig, CompactStudentConfig, EncoderStudentConfig
from emoscope.training.objective import NO_LABEL, Objective, geometric_mean, soften

LOGITS = [[1.0, -0.5, 2.0], [0.3, 0.1, -1.0]]
TEACHER = [[0.7, 0.2, 0.1], [0.05, 0.9, 0.05]]


def softmax(row, temperature=1.0):
    powers = np.exp(np.array(row, float) / temperature)
    return powers / powers.sum()


def test_soft_loss_equals_a_manual_calculation_at_a_temperature():
    temperature = 3.0
    softened = [softmax(np.log(row), temperature) for row in TEACHER]
    rows = [
        -sum(p * np.log(q) for p, q in zip(target, softmax(logits, temperature), strict=True))
        for target, logits in zip(softened, LOGITS, strict=True)
    ]
    expected = 0.4 * temperature**2 * np.mean(rows)
    objective = Objective(hard_weight=0.0, soft_weight=0.4, temperature=temperature)
    targets = torch.from_numpy(soften(np.array(TEACHER), temperature))
    loss = objective.loss(torch.tensor(LOGITS), torch.tensor([2, 1]), targets)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_terms_add_up_and_row_without_label_has_no_hard_term():
    objective = Objective(hard_weight=0.5, label_smoothing=0.1, soft_weight=2.0, temperature=2.0)
    targets = torch.tensor(TEACHER)
    loss = objective.loss(torch.tensor(LOGITS), torch.tensor([2, NO_LABEL]), targets)
    log_p = np.log(softmax(LOGITS[0]))
    hard = -(0.9 * log_p[2] + 0.1 * log_p.mean())
    soft = [-(np.array(p) * np.log(softmax(row, 2.0))).sum() for p, row in zip(TEACHER, LOGITS, strict=True)]
    assert loss.item() == pytest.approx(0.5 * hard / 2 + 2.0 * 4.0 * np.mean(soft), rel=1e-5)


def test_loss_without_any_term_has_a_zero_gradient():
    logits = torch.tensor(LOGITS, requires_grad=True)
    loss = Objective(soft_weight=0.0).loss(logits, torch.tensor([NO_LABEL, NO_LABEL]))
    loss.backward()
    assert loss.item() == 0.0
    assert not logits.grad.any()


def test_plain_training_equals_torch_cross_entropy():
    logits = torch.randn(64, 6, generator=torch.Generator().manual_seed(0))
    label_ids = torch.arange(64) % 6
    ours, theirs = (logits.clone().requires_grad_() for _ in range(2))
    Objective.of(CompactConfig(label_smoothing=0.07)).loss(ours, label_ids).backward()
    F.cross_entropy(theirs, label_ids, label_smoothing=0.07).backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


@given(
    st.lists(st.floats(0.0, 1.0), min_size=2, max_size=6).filter(lambda row: sum(row) > 0.1),
    st.floats(0.2, 20.0),
)
def test_softening_is_the_softmax_of_the_scaled_logarithm(row, temperature):
    p = np.array([row]) / sum(row)
    with np.errstate(divide="ignore"):
        expected = softmax(np.log(p[0]) - np.log(p[0]).max(), temperature)
    np.testing.assert_allclose(soften(p, temperature)[0], expected, rtol=1e-4, atol=1e-6)


def test_objective_of_a_recipe():
    keys = {"hard_weight": 0.3, "soft_weight": 0.6, "soft_temperature": 4.0, "label_smoothing": 0.2}
    for config in (CompactStudentConfig(**keys), EncoderStudentConfig(**keys)):
        assert Objective.of(config) == Objective(0.3, 0.2, 0.6, 4.0)
    assert Objective.of(CompactConfig(label_smoothing=0.2)) == Objective(1.0, 0.2, 1.0, 1.0)


@given(st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3), st.floats(0.0, 1.0))
def test_geometric_mean_is_the_softmax_of_mixed_logarithms(row, weight):
    p, q = np.array([row], np.float32) / sum(row), np.array([TEACHER[0]], np.float32)
    expected = softmax((1 - weight) * np.log(p[0]) + weight * np.log(q[0]))
    np.testing.assert_allclose(geometric_mean(p, q, weight)[0], expected, rtol=1e-4)


def test_labels_that_a_source_lacks_are_left_out_of_the_comparison():
    logits = torch.tensor(LOGITS, requires_grad=True)
    shifts = torch.tensor([[0.0, -torch.inf, 0.0], [0.0, 0.0, 0.5]])
    label_ids = torch.tensor([2, 1])
    loss = Objective(label_smoothing=0.2).loss(logits, label_ids, shifts=shifts)
    first = softmax([1.0, 2.0])
    second = softmax([0.3, 0.1, -0.5])
    expected = -0.8 * (np.log(first[1]) + np.log(second[1])) - 0.2 * (np.log(first).mean() + np.log(second).mean())
    assert loss.item() == pytest.approx(expected / 2, rel=1e-5)
    loss.backward()
    assert logits.grad.isfinite().all() and logits.grad[0, 1] == 0
    plain = F.cross_entropy(torch.tensor(LOGITS), label_ids, label_smoothing=0.2)
    assert Objective(label_smoothing=0.2).loss(torch.tensor(LOGITS), label_ids).item() == pytest.approx(plain.item())
