"""Integrated gradients against their definition, on the four architectures and a compact student."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("captum")

import torch
from torch import Tensor

from emoscope import EMOTIONS, EmotionClassifier
from emoscope.cli import main
from emoscope.compact import Checkpoint, CompactModel, CompactShape, save_checkpoint
from emoscope.errors import MissingExtraError, ModelError
from emoscope.labels import Labels
from emoscope.model_folder import BUNDLED
from emoscope.tokenization import Tokenizer
from emoscope.torch_runtime import IntegratedGradients, gradients, load_module
from emoscope.torch_runtime.modules import SequenceClassifier
from hub.repositories import ARCHITECTURES

GRADIENTS = "integrated-gradients"
TEXTS = ["I woke up stunned, and 42 zebras didn't care.", "i am sad", "", "?!", "so  happy\n😀 <b> \ud800"]
every_architecture = pytest.mark.parametrize("name", [architecture.name for architecture in ARCHITECTURES])


class Lookup(SequenceClassifier):
    """Logits of two labels: the sum of one number per token, and 0."""

    def __init__(self, values: list[float]) -> None:
        super().__init__()
        self.values, self.vocabulary = torch.nn.Parameter(torch.tensor(values)), len(values)

    def embed(self, ids: Tensor) -> Tensor:
        return self.values[ids][..., None]

    def classify(self, embedded: Tensor) -> Tensor:
        sums = embedded.sum((1, 2))
        return torch.stack([sums, torch.zeros_like(sums)], dim=1)


def midpoint_rule(
    module: SequenceClassifier, ids: list[int], baseline: list[int], label: int, steps: int
) -> np.ndarray:
    """The integral by the midpoint rule: the path times the mean gradient along it."""
    start, end = (module.embed(torch.tensor([row])).detach() for row in (baseline, ids))
    share = (torch.arange(steps)[:, None, None] + 0.5) / steps
    points = (start + (end - start) * share).requires_grad_()
    probability = module.classify(points).softmax(-1)[:, label].sum()
    gradient = torch.autograd.grad(probability, points)[0].mean(0)
    return ((end - start)[0] * gradient).sum(-1).numpy()


def test_attributions_of_a_linear_model_follow_its_weights() -> None:
    attribute = IntegratedGradients(Lookup([0.0, 3.0, -1.0, 0.5]), baseline=0, specials=(1, 1))
    tokens, error = attribute(np.array([3, 1, 2, 0, 3], np.int32), 0)
    gain = 1 / (1 + np.exp(-3)) - 1 / (1 + np.exp(-1))
    assert abs(error) < 1e-4
    np.testing.assert_allclose(tokens, np.array([0, 3, -1, 0, 0]) / 2 * gain, atol=1e-4)


def test_temperature_and_sigmoid_are_those_of_the_probabilities() -> None:
    module = Lookup([0.0, 3.0])
    for settings, gain in (
        ({"temperature": 2.0}, 1 / (1 + np.exp(-1.5)) - 0.5),
        ({"multi_label": True}, 1 / (1 + np.exp(-3)) - 0.5),
    ):
        tokens, _ = IntegratedGradients(module, baseline=0, specials=(0, 0), **settings)(np.array([1], np.int32), 0)
        assert tokens[0] == pytest.approx(gain, abs=1e-4)


def test_a_sum_that_is_off_is_computed_with_more_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    attribute = IntegratedGradients(Lookup([0.0, 60.0]), baseline=0, specials=(0, 0))
    ids = np.array([1, 1, 1], np.int32)
    _, fine = attribute(ids, 0)
    monkeypatch.setattr(gradients, "STEPS", (4,))
    _, coarse = attribute(ids, 0)
    assert abs(fine) < 0.02 < abs(coarse)


@every_architecture
def test_attributions_of_tokens_follow_the_definition(folders: dict[str, Path], name: str) -> None:
    module = load_module(folders[name])
    tokenizer = Tokenizer.from_file(folders[name] / "tokenizer.json", max_length=128)
    mask = tokenizer.first_id(("[MASK]", "<mask>"))
    assert mask is not None
    ids = tokenizer.encode(["i feel so happy today"]).ids
    before, after = tokenizer.specials
    assert (before, after) == (1, 1)
    baseline = [*ids[:1], *[mask] * (len(ids) - 2), *ids[-1:]]
    tokens, delta = IntegratedGradients(module, baseline=mask, specials=(before, after))(ids, 1)
    np.testing.assert_allclose(tokens, midpoint_rule(module, ids.tolist(), baseline, 1, 200), atol=2e-3)
    assert abs(delta) <= gradients.TOLERANCE


@every_architecture
def test_explanations_attribute_to_the_words_of_the_text(folders: dict[str, Path], name: str) -> None:
    classifier = EmotionClassifier.from_pretrained(folders[name])
    explanations = classifier.explain(TEXTS, method=GRADIENTS)
    assert [explanation.label for explanation in explanations] == [each.label for each in classifier.predict(TEXTS)]
    for explanation, text in zip(explanations, TEXTS, strict=True):
        assert explanation.text == text and explanation.method == GRADIENTS
        assert [(text[word.start : word.end]) for word in explanation.words] == [w.word for w in explanation.words]
        assert np.isfinite([word.weight for word in explanation.words]).all()
        assert abs(explanation.convergence_delta) <= gradients.TOLERANCE
    assert any(abs(word.weight) > 1e-6 for word in explanations[0].words)


def test_a_long_text_is_attributed_in_its_windows(folders: dict[str, Path]) -> None:
    classifier = EmotionClassifier.from_pretrained(folders["distilbert"])
    (explanation,) = classifier.explain(["so happy " * 400], method=GRADIENTS)
    assert len(explanation.words) == 200 and all(word.weight != 0 for word in explanation.words)


@pytest.mark.parametrize("normalizer", ["plain", "marked"])
def test_attributions_of_normalized_words_are_those_of_the_raw_words(tmp_path: Path, normalizer: str) -> None:
    tokenizer = Tokenizer.from_file(BUNDLED / "tokenizer.json", max_length=512)
    model = CompactModel(CompactShape(30_522, 8, 4, 6))
    torch.nn.init.normal_(model.vectors, generator=torch.Generator().manual_seed(0))
    checkpoint = Checkpoint(model, Labels(), BUNDLED / "tokenizer.json", normalizer, max_length=512, temperature=1.0)
    save_checkpoint(checkpoint, tmp_path)
    (explanation,) = EmotionClassifier.from_pretrained(tmp_path).explain(["I'm HAPPY 😀 www.a.b"], method=GRADIENTS)
    weights = {word.word: word.weight for word in explanation.words}
    assert weights["www.a.b"] == 0
    assert all(abs(weights[word]) > 1e-6 for word in ("I'm", "HAPPY", "😀"))
    assert tokenizer.spans("im happy") == [(0, 2), (3, 8)]


def test_a_model_without_weights_is_an_error_of_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError, match=r"need a checkpoint's weights.*'loo' or 'shapley'"):
        EmotionClassifier.from_pretrained().explain(["a"], method=GRADIENTS)
    assert main(["explain", "--method", GRADIENTS, "a"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_without_captum_the_error_names_the_extra(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emoscope.errors.find_spec", lambda module: None if module == "captum" else True)
    with pytest.raises(MissingExtraError, match=r"captum.*emoscope\[train\]"):
        EmotionClassifier.from_pretrained(folders["bert"]).explain(["a"], method=GRADIENTS)


def test_the_command_prints_the_convergence_delta(folders: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--model", str(folders["roberta"]), "--method", GRADIENTS, "so happy"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert abs(row["convergence_delta"]) <= gradients.TOLERANCE
    assert row["label"] in EMOTIONS and [word["word"] for word in row["words"]] == ["so", "happy"]
