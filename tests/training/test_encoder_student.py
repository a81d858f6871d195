"""Encoder students: made of layers of a fine-tuned encoder, trained with a loss of three terms."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

for module in ("torch", "transformers", "accelerate", "datasets"):
    pytest.importorskip(module)

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from emoscope import EMOTIONS, EmotionClassifier
from emoscope.errors import LabelError, ModelError, RecipeError
from emoscope.labels import Labels
from emoscope.training import distill
from emoscope.training.config import EncoderStudentConfig
from emoscope.training.encoder_student import LAYERS, cosine_distance, read_layer_teacher, shallow_copy
from hub.repositories import ARCHITECTURES

DEPTH = 4
TEXTS = ["i feel tender and thankful", "she said she felt uneasy"]


@pytest.fixture(scope="module")
def teachers(hub, tmp_path_factory):
    """A fine-tuned classifier of each architecture, with four layers where the Hub's have two."""
    root, folders = tmp_path_factory.mktemp("teachers"), {}
    for seed, architecture in enumerate(ARCHITECTURES):
        source, folder = hub.repository(architecture.fine_tuned).folder, root / architecture.name
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("model.safetensors"))
        config = AutoConfig.from_pretrained(source)
        config.num_hidden_layers, config.initializer_range = DEPTH, 0.2
        torch.manual_seed(seed)
        AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
        folders[architecture.name] = folder
    return folders


@pytest.fixture(scope="module")
def config(teachers):
    folder = str(teachers["bert"])
    return EncoderStudentConfig(
        model=folder, teachers=(folder,), epochs=2, batch_size=16, learning_rate=1e-3, max_length=32
    )


def layers_of(model):
    path = LAYERS[model.config.model_type]
    return list(model.base_model.get_submodule(path)) if path else []


def same(first, second):
    first, second = first.state_dict(), second.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


every_architecture = pytest.mark.parametrize("architecture", [architecture.name for architecture in ARCHITECTURES])


@every_architecture
def test_student_is_every_second_layer_of_its_teacher(teachers, architecture):
    _, teacher = read_layer_teacher(teachers[architecture], Labels())
    student = shallow_copy(teacher, 0)
    assert (student.config.num_hidden_layers, teacher.config.num_hidden_layers) == (2, DEPTH)
    whole, kept = layers_of(teacher), layers_of(student)
    if architecture == "albert":
        assert same(student, teacher)
    else:
        assert (len(whole), len(kept)) == (DEPTH, 2)
        assert same(kept[0], whole[0])
        assert same(kept[1], whole[2])
        assert not same(kept[1], whole[1])
    assert same(student.base_model.embeddings, teacher.base_model.embeddings)
    head = "classifier" if architecture != "distilbert" else "pre_classifier"
    assert same(getattr(student, head), getattr(teacher, head))


@every_architecture
def test_student_computes_the_same_as_a_model_read_from_its_files(teachers, architecture, tmp_path):
    tokenizer, teacher = read_layer_teacher(teachers[architecture], Labels())
    student = shallow_copy(teacher, 2).eval()
    student.save_pretrained(tmp_path)
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    tokens = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        ours, theirs, whole = (model(**tokens).logits for model in (student, again, teacher))
    torch.testing.assert_close(ours, theirs)
    assert (ours - whole).abs().max() > 1e-3


@pytest.mark.parametrize(("layers", "kept"), [(1, [0]), (2, [0, 2]), (3, [0, 1, 2]), (4, [0, 1, 2, 3])])
def test_layers_are_spaced_evenly(teachers, layers, kept):
    _, teacher = read_layer_teacher(teachers["bert"], Labels())
    whole, student = layers_of(teacher), layers_of(shallow_copy(teacher, layers))
    assert all(same(layer, whole[number]) for layer, number in zip(student, kept, strict=True))


def test_student_and_teacher_share_no_weights(teachers):
    _, teacher = read_layer_teacher(teachers["bert"], Labels())
    student = shallow_copy(teacher, 0)
    before = [weight.clone() for weight in teacher.parameters()]
    with torch.no_grad():
        for weight in student.parameters():
            weight.add_(1.0)
    assert all(torch.equal(weight, old) for weight, old in zip(teacher.parameters(), before, strict=True))


@every_architecture
def test_order_of_the_labels_does_not_change_the_scores(teachers, architecture):
    scores = []
    for order in (EMOTIONS, EMOTIONS[::-1]):
        tokenizer, model = read_layer_teacher(teachers[architecture], Labels(order))
        with torch.no_grad():
            logits = model(**tokenizer(TEXTS, padding=True, return_tensors="pt")).logits
        assert tuple(model.config.id2label.values()) == order
        scores.append({name: logits[:, i].tolist() for i, name in enumerate(order)})
    for name in EMOTIONS:
        assert scores[0][name] == pytest.approx(scores[1][name], abs=1e-5)


def test_cosine_distance_ignores_padding():
    states = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [5.0, 5.0]]])
    target = torch.tensor([[[2.0, 0.0], [1.0, 1.0], [-5.0, 5.0]]])
    distance = cosine_distance(states, target, torch.tensor([[True, True, False]]))
    assert distance.item() == pytest.approx((0.0 + 1 - np.sqrt(0.5)) / 2)


class StopError(Exception):
    """Interrupts a run."""


def test_interrupted_run_continues_to_the_same_weights(config, splits, tmp_path):
    recipe, steps = replace(config, copies=1, copy_swap=0.3), []
    report = distill(recipe, splits, tmp_path / "undisturbed", progress=steps.append)
    assert list(dict.fromkeys(step.stage for step in steps)) == ["teacher 1/1", "student"]
    last = steps[-1].total

    def stop(step):
        if step.stage == "student" and step.done == last - 3:
            raise StopError

    with pytest.raises(StopError):
        distill(recipe, splits, tmp_path / "stopped", progress=stop)
    resumed = []
    again = distill(recipe, splits, tmp_path / "stopped", resume=True, progress=resumed.append)
    assert next(step.done for step in resumed if step.stage == "student") > last // 2
    assert again["confusion"] == report["confusion"]
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("undisturbed", "stopped")]
    assert weights[0] == weights[1]
    assert not (tmp_path / "stopped" / "checkpoints").exists()
    student = EmotionClassifier.from_pretrained(tmp_path / "stopped")
    assert student.labels == EMOTIONS
    assert json.loads((tmp_path / "stopped" / "config.json").read_text())["num_hidden_layers"] == 2
    card = (tmp_path / "stopped" / "README.md").read_text()
    assert "distilled with [emoscope]" in card
    assert "emoscope distill" in card


@pytest.mark.parametrize(
    ("keys", "closer_in"),
    [({"soft_weight": 1.0, "hard_weight": 0.0, "cosine_weight": 0.0}, "soft"), ({"cosine_weight": 5.0}, "states")],
)
def test_training_brings_the_student_closer_to_its_teacher(config, splits, tmp_path, keys, closer_in):
    """Closer than the untrained layers: in probabilities by the soft term, in hidden states by the cosine term."""
    recipe = replace(config, epochs=6, learning_rate=3e-3, soft_temperature=1.0, **keys)
    distill(recipe, splits, tmp_path / "student")
    tokenizer, teacher = read_layer_teacher(Path(config.model), Labels())
    trained = AutoModelForSequenceClassification.from_pretrained(tmp_path / "student").eval()
    tokens = tokenizer(splits["train"].texts, padding=True, return_tensors="pt")

    def distance(model):
        with torch.no_grad():
            ours, theirs = (either(**tokens, output_hidden_states=True) for either in (model, teacher))
        if closer_in == "soft":
            return (ours.logits.softmax(-1) - theirs.logits.softmax(-1)).abs().sum(1).mean()
        mask = tokens["attention_mask"].bool()
        return cosine_distance(ours.hidden_states[-1], theirs.hidden_states[-1], mask)

    assert distance(trained) < 0.7 * distance(shallow_copy(teacher, 0).eval())


@every_architecture
def test_every_architecture_can_be_distilled(teachers, architecture, splits, tmp_path):
    folder = str(teachers[architecture])
    recipe = EncoderStudentConfig(model=folder, teachers=(folder, "bundled"), epochs=1, batch_size=32, max_length=32)
    report = distill(recipe, splits, tmp_path / "run")
    assert report["dataset"]["rows"] == 120
    assert json.loads((tmp_path / "run" / "report.json").read_text()) == report
    assert EmotionClassifier.from_pretrained(tmp_path / "run").parameters


def refused(error, match, config, splits, output):
    with pytest.raises(error, match=match) as caught:
        distill(config, splits, output)
    assert "\n" not in str(caught.value)
    assert not list(output.parent.glob(f"{output.name}*"))


def test_layer_teacher_that_cannot_be_used_is_an_error(hub, config, teachers, splits, tmp_path):
    run = tmp_path / "run"
    refused(RecipeError, "layers is 5, but the student.s teacher has 4", replace(config, layers=5), splits, run)
    refused(ModelError, "no model at", replace(config, model="../nowhere"), splits, run)
    unfinished = str(hub.repository(ARCHITECTURES[1].encoder).folder)
    refused(ModelError, "is not a complete classifier", replace(config, model=unfinished), splits, run)
    for key, value, error, match in (
        ("id2label", {str(i): f"LABEL_{i}" for i in range(6)}, LabelError, "has the labels LABEL_0"),
        ("problem_type", "multi_label_classification", ModelError, "several labels"),
    ):
        other = shutil.copytree(teachers["bert"], tmp_path / key)
        settings = json.loads((other / "config.json").read_text()) | {key: value}
        (other / "config.json").write_text(json.dumps(settings))
        refused(error, match, replace(config, model=str(other)), splits, run)


def test_other_architecture_is_an_error(config, splits, tmp_path, teachers):
    from transformers import ElectraConfig, ElectraForSequenceClassification

    other = shutil.copytree(teachers["bert"], tmp_path / "electra", ignore=shutil.ignore_patterns("config.json"))
    settings = ElectraConfig(
        vocab_size=len(AutoTokenizer.from_pretrained(teachers["bert"])),
        hidden_size=8,
        embedding_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        num_labels=6,
    )
    ElectraForSequenceClassification(settings).save_pretrained(other)
    refused(
        ModelError, "architecture 'electra'; a student can be made of: bert", replace(config, model=str(other)), splits,
        tmp_path / "run",
    )  # fmt: skip
