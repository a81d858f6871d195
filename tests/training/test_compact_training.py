"""The compact student: what it learns, its seeds, extra and recombined texts, resumed runs."""

from dataclasses import replace

import numpy as np
import pytest

for module in ("torch", "safetensors", "transformers", "accelerate"):
    pytest.importorskip(module)

import torch

import tiny
from emoscope import EmotionClassifier
from emoscope.compact import load_checkpoint
from emoscope.errors import DataError, LabelError
from emoscope.export import export
from emoscope.labels import EMOTIONS, NEUTRAL
from emoscope.model_folder import open_folder
from emoscope.training import compact_training, distill, train
from emoscope.training.config import CompactStudentConfig
from emoscope.training.corpus import Corpus


def test_it_learns_what_can_be_learnt(compact_run):
    assert compact_run.report["accuracy"] > 0.95
    assert 0.05 < load_checkpoint(compact_run.folder).temperature < 20


def test_progress_counts_every_step_of_both_stages(compact_run):
    steps = compact_run.steps
    assert list(dict.fromkeys(step.stage for step in steps)) == ["temperature", "student"]
    for stage in ("temperature", "student"):
        done = [step.done for step in steps if step.stage == stage]
        assert done == list(range(1, max(done) + 1))
        assert {step.total for step in steps if step.stage == stage} == {max(done)}
    assert steps[-1].loss < steps[0].loss


def test_same_seed_gives_the_same_weights_and_another_seed_others(config, splits, tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        train(replace(config, epochs=1, seed=seed), splits, tmp_path / name)
    a, b, c = (load_checkpoint(tmp_path / name) for name in "abc")
    for key, weight in a.model.state_dict().items():
        assert torch.equal(weight, b.model.state_dict()[key])
    assert a.temperature == b.temperature
    assert not torch.equal(a.model.output.weight, c.model.output.weight)


def test_label_without_training_rows_still_has_an_output(config, splits, tmp_path):
    rows = splits["train"].subset(splits["train"].label_ids < 5)
    train(replace(config, epochs=1), {**splits, "train": rows}, tmp_path / "run")
    assert load_checkpoint(tmp_path / "run").model.shape.labels == 6


def test_temperature_is_fitted_on_rows_that_its_model_has_not_seen(config, splits, tmp_path, monkeypatch):
    seen, held_out = [], []

    def tokenized(tokenizer, corpus, original=compact_training._tokenized):
        seen.append(corpus)
        return original(tokenizer, corpus)

    def temperature(model, tokenizer, rows, calibration, original=compact_training._temperature):
        held_out.append(rows)
        return original(model, tokenizer, rows, calibration)

    monkeypatch.setattr(compact_training, "_tokenized", tokenized)
    monkeypatch.setattr(compact_training, "_temperature", temperature)
    texts = [f"unlike any other number {number}" for number in range(120)]
    distinct = replace(splits["train"], texts=texts)
    corpus = Corpus.of(distinct).with_unlabelled(texts[::-1]).with_copies([(f"{text} again", text) for text in texts])
    config = replace(config, epochs=1)
    compact_training.train_compact(config, compact_training.InitialStudent.read(config), corpus, tmp_path)
    part, whole = seen
    assert len(held_out[0]) == 12
    assert (part.labelled, whole.labelled) == (108, 120)
    assert not set(part.sources) & set(held_out[0].texts)
    assert set(whole.sources) == set(texts)


def test_extra_data_is_learnt_and_texts_are_recombined(config, tmp_path):
    splits = {"train": tiny.examples("train", repeat=2), "validation": tiny.examples("validation")}
    rows = "".join(f"{word} {word},surprise\n" for word in ("happy", "glad", "cheerful", "proud"))
    (tmp_path / "more.csv").write_text("text,label\n" + rows * 60)
    recipe = replace(config, extra_data=(str(tmp_path / "more.csv"),), recombined=1.0, epochs=8, learning_rate=0.03)
    steps = []
    report = train(recipe, splits, tmp_path / "student", progress=steps.append)
    predictions = EmotionClassifier.from_pretrained(tmp_path / "student").predict(["happy happy", "i feel happy today"])
    assert report["accuracy"] > 0.95
    assert [prediction.label for prediction in predictions] == ["surprise", "joy"]
    assert steps[-1].total == 8 * -(-(240 + 240 // 8 + 240) // config.batch_size)


def test_extra_data_with_other_labels_is_an_error(config, splits, tmp_path):
    (tmp_path / "more.csv").write_text("text,label\nso good,positive\n")
    with pytest.raises(DataError, match="unknown label 'positive'; allowed: sadness, joy"):
        train(replace(config, extra_data=(str(tmp_path / "more.csv"),)), splits, tmp_path / "student")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["more.csv"]


class StopError(Exception):
    """Interrupts a run."""


@pytest.fixture(scope="module")
def undisturbed(config, splits, tmp_path_factory):
    output = tmp_path_factory.mktemp("runs") / "undisturbed"
    train(replace(config, epochs=3), splits, output)
    return output


@pytest.mark.parametrize(("stage", "done"), [("temperature", 2), ("temperature", 20), ("student", 12), ("student", 16)])
def test_interrupted_run_continues_to_the_same_bits(config, splits, undisturbed, tmp_path, stage, done):
    """Interrupted in the first epoch, in a later one, and after the last step of an epoch (7 and 8 steps each)."""
    recipe = replace(config, epochs=3)

    def stop(step):
        if (step.stage, step.done) == (stage, done):
            raise StopError

    with pytest.raises(StopError):
        train(recipe, splits, tmp_path / "stopped", progress=stop)
    steps = []
    train(recipe, splits, tmp_path / "stopped", resume=True, progress=steps.append)
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "stopped" / name).read_bytes() == (undisturbed / name).read_bytes()
    per_epoch = 7 if stage == "temperature" else 8
    assert (steps[0].stage, steps[0].done) == (stage, (done - 1) // per_epoch * per_epoch + 1)


def test_incomplete_state_costs_only_the_epochs_of_its_stage(config, splits, undisturbed, tmp_path):
    def stop(step):
        if (step.stage, step.done) == ("student", 20):
            raise StopError

    with pytest.raises(StopError):
        train(replace(config, epochs=3), splits, tmp_path / "stopped", progress=stop)
    file = tmp_path / "stopped.partial" / "checkpoints" / "student.pt"
    file.write_bytes(file.read_bytes()[:1000])
    steps = []
    train(replace(config, epochs=3), splits, tmp_path / "stopped", resume=True, progress=steps.append)
    assert (steps[0].stage, steps[0].done) == ("student", 1)
    weights = [(folder / "model.safetensors").read_bytes() for folder in (tmp_path / "stopped", undisturbed)]
    assert weights[0] == weights[1]


def test_reader_and_teachers_share_the_soft_targets(config, splits, keyword_reader, monkeypatch):
    """The soft targets of other texts stay as the teachers gave them."""
    monkeypatch.setattr(compact_training, "fit_reader", lambda rows, seed: keyword_reader)
    corpus = Corpus.of(splits["train"]).with_unlabelled(["something else"])
    scores = np.full((len(corpus), 6), 1 / 6, np.float32)
    recipe = replace(config, recombined=0.5, epochs=1)
    plain = compact_training._with_recombined(corpus, recipe, None)
    assert len(plain) == len(corpus) + 60 == len(corpus) + (plain.epochs == 1).sum()
    assert not plain.soft_targets[: len(corpus)].any()
    student = CompactStudentConfig(recombined=0.5, epochs=1, reader_weight=0.5)
    taught = compact_training._with_recombined(
        replace(corpus, soft_targets=scores), student, lambda texts: np.full((len(texts), 6), 1 / 6, np.float32)
    )
    assert taught.texts == plain.texts
    assert (taught.soft_targets[:120].argmax(1) == splits["train"].label_ids).mean() > 0.9
    np.testing.assert_array_equal(taught.soft_targets[120], scores[120])
    np.testing.assert_array_equal(taught.soft_targets[121:].argmax(1), plain.soft_targets[121:].argmax(1))
    assert taught.soft_targets.max() < plain.soft_targets.max()


def test_neutral_rows_of_extra_data_train_an_output(config, tmp_path):
    splits = {"train": tiny.examples("train", repeat=2), "validation": tiny.examples("validation")}
    rows = "".join(f"they came today again,{NEUTRAL}\ni feel {word},joy\n" for word in ("happy", "glad"))
    (tmp_path / "more.csv").write_text("text,label\n" + rows * 60)
    recipe = replace(config, extra_data=(str(tmp_path / "more.csv"),), epochs=8, learning_rate=0.03)
    report = train(recipe, splits, tmp_path / "student")
    classifier = EmotionClassifier.from_pretrained(tmp_path / "student")
    assert classifier.labels == EMOTIONS and set(report["per_label"]) == set(EMOTIONS)
    neutral, emotional = classifier.neutral_proba(["they came today again", "i feel happy"])
    assert neutral > 0.9 and emotional < 0.1
    assert classifier.predict_proba(["they came today again"]).sum() == pytest.approx(1, abs=1e-5)
    export(open_folder(tmp_path / "student"), tmp_path / "model", splits["validation"])
    exported = EmotionClassifier.from_pretrained(tmp_path / "model")
    np.testing.assert_allclose(
        exported.predict_with_neutral(splits["train"].texts),
        classifier.predict_with_neutral(splits["train"].texts),
        atol=0.05,
    )
    student = CompactStudentConfig(**vars(recipe) | {"teachers": (str(tmp_path / "model"),), "hard_weight": 0.0})
    distill(student, splits, tmp_path / "distilled")
    distilled = EmotionClassifier.from_pretrained(tmp_path / "distilled")
    learnt = distilled.neutral_proba(["they came today again", "i feel happy"])
    assert learnt[0] > 0.7 and learnt[1] < 0.3


def test_a_teacher_without_the_output_cannot_teach_it(config, tmp_path):
    splits = {"train": tiny.examples("train"), "validation": tiny.examples("validation")}
    (tmp_path / "more.csv").write_text(f"text,label\nthey came,{NEUTRAL}\n")
    train(replace(config, epochs=1), splits, tmp_path / "teacher")
    student = CompactStudentConfig(
        **vars(config) | {"teachers": (str(tmp_path / "teacher"),), "extra_data": (str(tmp_path / "more.csv"),)}
    )
    with pytest.raises(LabelError, match="but the data has .*, surprise, neutral"):
        distill(student, splits, tmp_path / "student")
