from dataclasses import replace

import numpy as np
import pytest

for module in ("torch", "safetensors"):
    pytest.importorskip(module)

from emoscope.data import Examples
from emoscope.labels import Labels
from emoscope.training.corpus import Corpus, label_shift
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
    corpus = Corpus.of(TRAIN).with_unlabelled(["u"]).with_extra_data([extra, extra]).with_extra_data([])
    assert corpus.texts[5:] == ["u", "e", "f", "e", "f"]
    assert corpus.label_ids[5:].tolist() == [NO_LABEL, 1, 0, 1, 0]
    assert corpus.epochs.tolist() == [0] * 6 + [1] * 4
    assert (corpus.labelled, corpus.soft_targets) == (9, None)
    corpus = corpus.with_recombined(["r"], np.array([[0.25, 0.75]], np.float32))
    assert (corpus.epochs.tolist()[9:], len(corpus), corpus.labelled) == ([1, 1], 11, 9)
    assert corpus.soft_targets.dtype == np.float32
    assert corpus.soft_targets.tolist() == [[0, 0]] * 10 + [[0.25, 0.75]]


def test_neutral_rows_of_extra_data_add_an_output():
    extra = replace(TRAIN, texts=["n"], label_ids=np.array([2]), labels=Labels(("no", "yes", "neutral")))
    corpus = Corpus.of(TRAIN).with_extra_data([extra], epochs=2)
    assert corpus.neutral_output and corpus.labels == extra.labels
    assert corpus.epochs.tolist() == [0] * 5 + [2]
    _, rest = corpus.hold_out(0.4, ORDER)
    assert rest.neutral_output and rest.epochs.tolist() == [0, 0, 0, 2]
    assert not Corpus.of(TRAIN).with_extra_data([TRAIN]).neutral_output


def test_training_rows_can_be_repeated():
    corpus = Corpus.of(TRAIN).with_unlabelled(["u"]).with_repeats(2)
    assert corpus.texts == [*TRAIN.texts, *TRAIN.texts, "u"]
    assert (corpus.train_rows, corpus.labelled) == (10, 10)


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


def test_a_source_is_shifted_by_its_label_shares():
    reference = np.array([0.5, 0.25, 0.25])
    np.testing.assert_allclose(label_shift(np.array([2, 1, 1]), reference), 0)
    assert label_shift(np.array([1, 1, 0]), reference).tolist() == [pytest.approx(np.log(0.5)), 0, -np.inf]
    assert label_shift(np.array([0, 0, 7]), reference).tolist() == [0, 0, 0], (
        "one label alone teaches against the others"
    )


def test_extra_data_has_shifts_and_training_rows_have_none():
    labels = Labels(("no", "yes", "neutral"))
    extra = Examples(["e", "f", "g", "h"], np.array([0, 0, 0, 2]), labels, "more", None)
    corpus = Corpus.of(TRAIN).with_unlabelled(["u"])
    assert not corpus.with_extra_data([extra]).shifts.any()
    corpus = corpus.with_extra_data([extra], shift=1.0)
    assert corpus.shifts.shape == (10, 3) and not corpus.shifts[:6].any()
    emotional = np.sqrt([2, 3]) / np.sqrt([2, 3]).sum() * 0.75
    expected = label_shift(np.array([3, 0, 1]), np.array([*emotional, 0.25]))
    np.testing.assert_allclose(corpus.shifts[6:], [expected] * 4, atol=1e-6)
