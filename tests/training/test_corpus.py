from dataclasses import replace

import numpy as np
import pytest

for module in ("torch", "safetensors"):
    pytest.importorskip(module)

from emoscope.data import Examples
from emoscope.labels import Labels
from emoscope.training.corpus import Corpus
from emoscope.training.objective import NO_LABEL

TRAIN = Examples(["a", "b", "c", "d", "a"], np.array([0, 1, 1, 0, 1]), Labels(("no", "yes")), "tiny", "train")
COPIES = [("u", "u"), ("b", "b"), ("a x", "a"), ("b x", "b"), ("c", "c"), ("u x", "u")]
ORDER = np.array([1, 3, 2, 4, 0])


def test_training_rows_come_first():
    corpus = Corpus.of(TRAIN).with_copies(COPIES)
    assert corpus.texts == ["a", "b", "c", "d", "a", "u", "b", "a x", "b x", "c", "u x"]
    assert corpus.label_ids.tolist() == [0, 1, 1, 0, 1] + [NO_LABEL] * 6
    assert (len(corpus), corpus.train_rows, corpus.labelled, corpus.copies) == (11, 5, 5, 3)
    assert corpus.train.texts == TRAIN.texts
    assert corpus.train.fingerprint == TRAIN.fingerprint


def test_extra_data_and_recombined_texts_are_used_in_one_epoch():
    extra = replace(TRAIN, texts=["e", "f"], label_ids=np.array([1, 0]))
    corpus = Corpus.of(TRAIN, unlabelled=["u"]).with_extra_data([extra, extra]).with_extra_data([])
    assert corpus.texts[5:] == ["u", "e", "f", "e", "f"]
    assert corpus.label_ids[5:].tolist() == [NO_LABEL, 1, 0, 1, 0]
    assert (corpus.one_epoch_rows, corpus.labelled, corpus.soft_targets) == (4, 9, None)
    corpus = corpus.with_recombined(["r"], np.array([[0.25, 0.75]], np.float32))
    assert (corpus.one_epoch_rows, len(corpus), corpus.labelled) == (5, 11, 9)
    assert corpus.soft_targets.dtype == np.float32
    assert corpus.soft_targets.tolist() == [[0, 0]] * 10 + [[0.25, 0.75]]


def test_multi_label_rows_are_all_labelled():
    corpus = Corpus.of(replace(TRAIN, label_ids=np.eye(2, dtype=bool)[TRAIN.label_ids]))
    assert corpus.labelled == 5
    assert corpus.train.multi_label


def test_rest_of_a_holdout_has_neither_the_rows_nor_what_was_made_of_them():
    held_out, rest = Corpus.of(TRAIN).with_copies(COPIES).hold_out(0.4, ORDER)
    assert held_out.texts == ["b", "d"]
    assert held_out.label_ids.tolist() == [1, 0]
    assert rest.texts == ["c", "a", "a", "u", "a x", "c", "u x"]
    assert rest.label_ids.tolist() == [1, 1, 0] + [NO_LABEL] * 4


def test_texts_are_compared_after_normalization():
    corpus = Corpus.of(TRAIN).with_copies([("B!", "B!"), ("x", "B!")]).normalized(lambda text: text.lower().strip("!"))
    _, rest = corpus.hold_out(0.2, np.array([1, 0, 2, 3, 4]))
    assert rest.texts == ["a", "c", "d", "a"]


def test_soft_targets_stay_with_their_texts():
    targets = np.arange(22, dtype=np.float32).reshape(11, 2)
    corpus = replace(Corpus.of(TRAIN).with_copies(COPIES), soft_targets=targets)
    _, rest = corpus.hold_out(0.4, ORDER)
    assert rest.soft_targets.tolist() == targets[[2, 4, 0, 5, 7, 9, 10]].tolist()
