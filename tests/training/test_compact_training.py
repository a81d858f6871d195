import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import torch
from huggingface_hub import ModelCard

import tiny
from emoscope import EmotionClassifier
from emoscope.compact import load_checkpoint
from emoscope.data import Examples
from emoscope.errors import DataError, ModelError, RecipeError
from emoscope.labels import Labels
from emoscope.training import train
from emoscope.training.config import CompactConfig, configure, read_recipe
from emoscope.training.embeddings import principal_components
from emoscope.training.training_loop import TokenizedRows, _rows_of_epoch

SMALL = {"dimension": 8, "hidden": 8, "epochs": 12, "batch_size": 16, "learning_rate": 2e-2, "max_length": 16}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return tiny.encoder(tmp_path_factory.mktemp("encoder") / "tiny")


@pytest.fixture(scope="module")
def splits():
    return {"train": tiny.examples("train", repeat=2), "validation": tiny.examples("validation")}


@pytest.fixture(scope="module")
def trained(encoder, splits, tmp_path_factory):
    output = tmp_path_factory.mktemp("runs") / "student"
    steps = []
    report = train(CompactConfig(embeddings=str(encoder), **SMALL), splits, output, progress=steps.append)
    return output, report, steps


def test_it_learns_what_can_be_learnt(trained):
    _, report, _ = trained
    assert report["accuracy"] > 0.95
    assert report["dataset"]["split"] == "validation"


def test_folder_holds_a_whole_checkpoint(trained, encoder):
    output, report, _ = trained
    names = {file.name for file in output.iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "recipe.toml", "report.json", "README.md"}
    assert json.loads((output / "report.json").read_text()) == report
    checkpoint = load_checkpoint(output)
    assert checkpoint.labels.names[1] == "joy"
    assert 0.05 < checkpoint.temperature < 20
    assert not list(output.parent.glob("*.partial"))


def test_recipe_reads_back(trained, encoder):
    output, _, _ = trained
    assert configure(read_recipe(output / "recipe.toml")) == CompactConfig(embeddings=str(encoder), **SMALL)


def test_card_is_valid_and_holds_the_measured_figures(trained):
    output, report, _ = trained
    card = ModelCard.load(output / "README.md")
    values = {result.metric_name: result.metric_value for result in card.data.eval_results}
    assert values["Accuracy"] == report["accuracy"]
    assert values["Macro F1"] == report["f1_macro"]
    assert f"{report['loss']:.4f}" in card.content
    assert report["dataset"]["fingerprint"] in card.content


def test_progress_counts_every_step_of_both_stages(trained):
    _, _, steps = trained
    assert [step.stage for step in steps] == sorted((step.stage for step in steps), reverse=True)
    for stage in ("temperature", "student"):
        done = [step.done for step in steps if step.stage == stage]
        totals = {step.total for step in steps if step.stage == stage}
        assert done == list(range(1, max(done) + 1))
        assert totals == {max(done)}
    assert steps[-1].loss < steps[0].loss


def test_same_seed_same_weights_and_another_seed_others(encoder, splits, tmp_path):
    config = {**SMALL, "epochs": 1, "embeddings": str(encoder)}
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        train(CompactConfig(**config, seed=seed), splits, tmp_path / name)
    a, b, c = (load_checkpoint(tmp_path / name) for name in "abc")
    for key, weight in a.model.state_dict().items():
        assert torch.equal(weight, b.model.state_dict()[key])
    assert a.temperature == b.temperature
    assert not torch.equal(a.model.output.weight, c.model.output.weight)


def test_a_word_piece_that_never_occurs_keeps_its_vector(trained, encoder):
    model = load_checkpoint(trained[0]).model
    first = principal_components(encoder, SMALL["dimension"], 1.0)
    changed = (model.vectors != first).any(dim=1)
    assert 0 < changed.sum() < len(first)
    assert not changed[-26:].any()


def test_principal_components_keep_the_distances(encoder):
    from safetensors.numpy import load_file

    vectors = load_file(encoder / "model.safetensors")["embeddings.word_embeddings.weight"]
    whole = principal_components(encoder, tiny.WIDTH, 2.0).numpy()
    assert whole.std() == pytest.approx(2.0, rel=1e-4)
    before = np.linalg.norm(vectors[:5, None] - vectors[None, 5:10], axis=-1)
    after = np.linalg.norm(whole[:5, None] - whole[None, 5:10], axis=-1)
    np.testing.assert_allclose(after / before, (after / before)[0, 0], rtol=1e-4)


def test_a_warm_up_of_one_step(encoder, splits, tmp_path):
    """As 65 to 128 rows have with the default recipe: ten steps, a tenth of them warm-up."""
    keys = SMALL | {"epochs": 5, "batch_size": 120, "calibration_share": 0.05, "warmup": 0.1}
    steps = []
    train(CompactConfig(embeddings=str(encoder), **keys), splits, tmp_path / "run", progress=steps.append)
    assert 10 in {progress.total for progress in steps}


def test_too_many_dimensions_is_an_error(encoder, splits, tmp_path):
    with pytest.raises(ModelError, match="dimension is 17, but .* 16"):
        train(CompactConfig(embeddings=str(encoder), dimension=17), splits, tmp_path / "out")


def test_a_missing_split_is_an_error(encoder, splits, tmp_path):
    with pytest.raises(DataError, match="no split validation; it has: train"):
        train(CompactConfig(embeddings=str(encoder)), {"train": splits["train"]}, tmp_path / "out")


def test_one_label_leaves_nothing_to_learn(encoder, tmp_path):
    one = Examples(["i am glad", "so glad"], np.zeros(2, np.int64), Labels(("joy",)), "one", "train")
    with pytest.raises(DataError, match="has only the label 'joy', .* at least two labels"):
        train(CompactConfig(embeddings=str(encoder)), {"train": one, "validation": one}, tmp_path / "out")


def test_a_used_output_is_refused_and_left_alone(encoder, splits, trained):
    before = (trained[0] / "README.md").read_bytes()
    with pytest.raises(RecipeError, match="not empty"):
        train(CompactConfig(embeddings=str(encoder)), splits, trained[0])
    assert (trained[0] / "README.md").read_bytes() == before


def test_no_encoder_there_is_an_error(splits, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"has no tokenizer\.json"):
        train(CompactConfig(embeddings=str(tmp_path / "empty")), splits, tmp_path / "out")


def test_a_label_that_no_training_row_has_still_has_an_output(encoder, splits, tmp_path):
    rows = splits["train"].subset(splits["train"].label_ids < 5)
    train(CompactConfig(embeddings=str(encoder), **{**SMALL, "epochs": 1}), {**splits, "train": rows}, tmp_path / "run")
    assert load_checkpoint(tmp_path / "run").model.shape.labels == 6


def test_a_folder_in_the_way_is_left_alone(encoder, splits, tmp_path):
    (tmp_path / "run.partial").mkdir()
    (tmp_path / "run.partial" / "mine").write_text("mine")
    with pytest.raises(RecipeError, match="is not a run of emoscope"):
        train(CompactConfig(embeddings=str(encoder), **SMALL), splits, tmp_path / "run")
    assert (tmp_path / "run.partial" / "mine").read_text() == "mine"


class StopError(Exception):
    pass


@pytest.mark.parametrize(("stage", "done"), [("temperature", 5), ("temperature", 60), ("student", 35), ("student", 45)])
def test_an_interrupted_run_continues_to_the_same_bits(encoder, splits, tmp_path, stage, done):
    """Stopped before the first epoch is over, in the middle of one, and after the last step of one (15 a stage)."""
    config = CompactConfig(embeddings=str(encoder), **{**SMALL, "epochs": 5})

    def stop(step):
        if (step.stage, step.done) == (stage, done):
            raise StopError

    train(config, splits, tmp_path / "undisturbed")
    with pytest.raises(StopError):
        train(config, splits, tmp_path / "stopped", progress=stop)
    with pytest.raises(RecipeError, match="--resume continues it"):
        train(config, splits, tmp_path / "stopped")
    steps = []
    train(config, splits, tmp_path / "stopped", resume=True, progress=steps.append)
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes()
    per_epoch = 14 if stage == "temperature" else 15
    assert (steps[0].stage, steps[0].done) == (stage, (done - 1) // per_epoch * per_epoch + 1)


def test_a_broken_epoch_file_costs_its_epochs_only(encoder, splits, tmp_path):
    config = CompactConfig(embeddings=str(encoder), **{**SMALL, "epochs": 3})

    def stop(step):
        if (step.stage, step.done) == ("student", 40):
            raise StopError

    train(config, splits, tmp_path / "undisturbed")
    with pytest.raises(StopError):
        train(config, splits, tmp_path / "stopped", progress=stop)
    file = tmp_path / "stopped.partial" / "checkpoints" / "student.pt"
    file.write_bytes(file.read_bytes()[:1000])
    steps = []
    train(config, splits, tmp_path / "stopped", resume=True, progress=steps.append)
    assert (steps[0].stage, steps[0].done) == ("student", 1)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("stopped", "undisturbed")]
    assert weights[0] == weights[1]


def test_further_texts_are_learnt_and_spliced_ones_are_made(encoder, splits, tmp_path):
    rows = "".join(f"{word} {word},surprise\n" for word in ("happy", "glad", "cheerful", "proud"))
    (tmp_path / "more.csv").write_text("text,label\n" + rows * 210)
    keys = SMALL | {"max_length": 128}
    recipe = CompactConfig(embeddings=str(encoder), extra_data=(str(tmp_path / "more.csv"),), recombined=1.0, **keys)
    steps = []
    report = train(recipe, splits, tmp_path / "student", progress=steps.append)
    model = EmotionClassifier.from_pretrained(tmp_path / "student")
    assert report["accuracy"] > 0.95
    assert [prediction.label for prediction in model.predict(["happy happy", "i feel happy today"])] == [
        "surprise",
        "joy",
    ]
    epochs = SMALL["epochs"]
    assert steps[-1].total == epochs * -(-(240 + 840 // epochs + 240) // SMALL["batch_size"])
    card = (tmp_path / "student" / "README.md").read_text()
    assert "240 rows of the train split, on 840 extra labelled texts (`more.csv`)" in card
    assert "on 240 texts recombined from parts" in card


def test_one_epoch_rows_are_used_once_and_the_others_in_every_epoch():
    rows = TokenizedRows([[1]] * 10, torch.zeros(10, dtype=torch.long), None, 2, every_epoch=4)
    epochs = [_rows_of_epoch(rows, epoch, 3).tolist() for epoch in range(3)]
    assert all(chosen[:4] == [0, 1, 2, 3] for chosen in epochs)
    assert sorted(row for chosen in epochs for row in chosen[4:]) == [4, 5, 6, 7, 8, 9]


def test_further_texts_with_other_labels_are_refused(encoder, splits, tmp_path):
    (tmp_path / "more.csv").write_text("text,label\nso good,positive\n")
    recipe = CompactConfig(embeddings=str(encoder), extra_data=(str(tmp_path / "more.csv"),))
    with pytest.raises(DataError, match="unknown label 'positive'; allowed: sadness, joy"):
        train(recipe, splits, tmp_path / "student")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["more.csv"]
