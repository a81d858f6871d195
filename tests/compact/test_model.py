"""The compact student's module against torch's own GRU."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch

from emoscope.compact import CompactModel, CompactShape, pad
from reference_logits import assert_equal_logits

SHAPE = CompactShape(vocabulary=50, dimension=12, hidden=10, labels=4)


def test_the_recurrence_equals_torchs_gru() -> None:
    """With the same weights, and the second biases of the other gates at zero."""
    torch.manual_seed(0)
    model = CompactModel(SHAPE).eval()
    torch.nn.init.normal_(model.vectors)
    torch.nn.init.normal_(model.input_bias)
    gru = torch.nn.GRU(12, 10, bidirectional=True, batch_first=True)
    with torch.no_grad():
        for way, suffix in enumerate(("l0", "l0_reverse")):
            getattr(gru, f"weight_ih_{suffix}").copy_(model.input_weight[way].T)
            getattr(gru, f"weight_hh_{suffix}").copy_(model.recurrent_weight[way].T)
            getattr(gru, f"bias_ih_{suffix}").copy_(model.input_bias[way])
            getattr(gru, f"bias_hh_{suffix}").zero_()
            getattr(gru, f"bias_hh_{suffix}")[20:] = model.candidate_bias[way, 0]
        ids = torch.arange(21).reshape(3, 7)
        embedded = model.embed(ids)
        expected = gru(embedded)[0]
        forwards, backwards = model._states(torch.stack([embedded, embedded.flip(1)]))
    assert_equal_logits(torch.cat([forwards, backwards.flip(1)], -1).numpy(), expected.numpy())


def test_padding_changes_no_logit() -> None:
    torch.manual_seed(0)
    model = CompactModel(SHAPE).eval()
    torch.nn.init.normal_(model.vectors)
    rows = [[3, 1, 4, 1, 5, 9], [2], [6, 5]]
    ids, mask = pad(rows)
    assert ids.tolist() == [[3, 1, 4, 1, 5, 9], [2, 0, 0, 0, 0, 0], [6, 5, 0, 0, 0, 0]]
    assert mask.sum(dim=1).tolist() == [6, 1, 2]
    with torch.no_grad():
        alone = torch.cat([model(*pad([row])) for row in rows])
        assert_equal_logits(model(ids, mask).numpy(), alone.numpy())
