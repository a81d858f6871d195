"""What graphs are held against: every row as `transformers` alone says of it."""

from __future__ import annotations

import transformers

from emoscope.export.reference import TransformersRuntime
from reference_logits import assert_equal_logits, batch, reference


def test_rows_that_cannot_run_together_run_one_by_one() -> None:
    config = transformers.GPT2Config(vocab_size=300, n_embd=16, n_layer=1, n_head=2, num_labels=3)
    model = transformers.GPT2ForSequenceClassification(config).eval()
    rows = batch([5, 5, 5, 2])
    assert_equal_logits(TransformersRuntime(model).logits(rows), reference(model, rows))
