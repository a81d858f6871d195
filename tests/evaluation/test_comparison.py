"""The comparison says what the classifiers returned, and keeps what was published apart."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from emoscope.data import Examples
from emoscope.errors import ChecksumError, DataError, LabelError, MissingExtraError, ModelError
from emoscope.evaluation import (
    PUBLISHED,
    Footprint,
    compare,
    comparison_markdown,
    comparison_text,
    evaluate,
    load_classifiers,
    measure_footprint,
    plot_comparison,
)
from emoscope.evaluation.comparison_plot import _styles
from emoscope.evaluation.footprint import peak_rss_bytes, size_bytes
from emoscope.labels import EMOTIONS, Labels
from emoscope.model_folder import BUNDLED

MODEL_KEYS = {"model", "accuracy", "f1_macro", "f1_weighted", "loss", "ece", "intervals"} | {
    "samples_per_second",
    "parameters",
    "size_bytes",
    "peak_rss_bytes",
}


@pytest.fixture
def worse(classifier: Any, examples: Examples, fake: Callable[..., Any]) -> Any:
    """As `classifier`, but sure of sadness on the first hundred rows."""
    sadness = np.eye(6)[0] * 0.94 + 0.01
    return fake(EMOTIONS, classifier.rows | dict.fromkeys(examples.texts[:100], sadness))


@pytest.fixture
def comparison(classifier: Any, worse: Any, examples: Examples) -> dict[str, Any]:
    classifiers = {"good": classifier, "worse": worse, "twin": classifier}
    return compare(classifiers, examples, rounds=2, speed_texts=40)


def test_the_comparison_is_plain_json_with_every_key(comparison: dict[str, Any], examples: Examples) -> None:
    assert json.loads(json.dumps(comparison, allow_nan=False)) == comparison
    assert comparison.keys() == {"dataset", "models", "pairs", "settings", "published"}
    assert [row["model"] for row in comparison["models"]] == ["good", "worse", "twin"]
    assert all(row.keys() == MODEL_KEYS for row in comparison["models"])
    assert [(pair["a"], pair["b"]) for pair in comparison["pairs"]] == [
        ("good", "worse"),
        ("good", "twin"),
        ("worse", "twin"),
    ]
    assert comparison["dataset"]["fingerprint"] == examples.fingerprint
    assert comparison["settings"]["speed_texts"] == 40


def test_quality_equals_the_reports(comparison: dict[str, Any], classifier: Any, examples: Examples) -> None:
    report = evaluate(classifier, examples, model_name="good")
    row = comparison["models"][0]
    for key in ("accuracy", "f1_macro", "f1_weighted", "loss", "ece", "intervals"):
        assert row[key] == report[key], key


def test_pairs_are_tested_row_by_row_and_corrected(
    comparison: dict[str, Any], classifier: Any, worse: Any, examples: Examples
) -> None:
    right, wrong = (
        model.predict_proba(examples.texts).argmax(1) == examples.label_ids for model in (classifier, worse)
    )
    only_a, only_b = int((right & ~wrong).sum()), int((wrong & ~right).sum())
    first, twins, last = comparison["pairs"]
    test = first["mcnemar"]
    assert (test["only_a"], test["only_b"]) == (only_a, only_b)
    assert test["p"] == pytest.approx(binomtest(only_a, only_a + only_b).pvalue)
    assert test["p_holm"] == pytest.approx(3 * test["p"])
    rows = comparison["models"]
    assert first["accuracy"]["difference"] == pytest.approx(rows[0]["accuracy"] - rows[1]["accuracy"])
    assert first["f1_macro"]["difference"] == pytest.approx(rows[0]["f1_macro"] - rows[1]["f1_macro"])
    assert [pair["verdict"] for pair in (first, twins, last)] == ["good better", "tie", "twin better"]
    assert twins["mcnemar"] == {"only_a": 0, "only_b": 0, "p": 1.0, "p_holm": 1.0}


def test_the_verdict_follows_the_corrected_p(examples: Examples, fake: Callable[..., Any]) -> None:
    """Seven discordant rows: p = 0.016 tells two models apart, but not one pair of three."""
    rows = dict(zip(examples.texts, np.eye(6)[examples.label_ids], strict=True))
    wrong = {text: np.roll(rows[text], 1) for text in examples.texts[:7]}
    models = {"a": fake(EMOTIONS, rows), "b": fake(EMOTIONS, rows | wrong)}
    (pair,) = compare(models, examples, rounds=1, speed_texts=1)["pairs"]
    assert pair["mcnemar"]["p"] == pair["mcnemar"]["p_holm"] == pytest.approx(2 / 2**7)
    assert pair["verdict"] == "a better"
    models["c"] = fake(EMOTIONS, rows | {text: np.roll(rows[text], 1) for text in examples.texts[:1]})
    models["d"] = models["c"]
    pair = compare(models, examples, rounds=1, speed_texts=1)["pairs"][0]
    assert pair["mcnemar"]["p_holm"] == pytest.approx(6 * 2 / 2**7)
    assert pair["verdict"] == "tie"


def test_models_are_timed_in_turns_on_the_first_rows(examples: Examples, classifier: Any) -> None:
    calls: list[tuple[str, int]] = []

    class Spy:
        labels = EMOTIONS
        parameters = 7

        def __init__(self, name: str) -> None:
            self.name = name

        def predict_proba(self, texts: Any) -> Any:
            calls.append((self.name, len(texts)))
            assert list(texts) == examples.texts[: len(texts)]
            return classifier.predict_proba(texts)

    comparison = compare({"a": Spy("a"), "b": Spy("b")}, examples, rounds=3, speed_texts=50)
    assert [call for call in calls if call[1] == 50] == [("a", 50), ("b", 50)] * 3
    for row in comparison["models"]:
        speed = row["samples_per_second"]
        assert len(speed["rounds"]) == 3
        assert speed["low"] == min(speed["rounds"]) <= speed["median"] <= speed["high"] == max(speed["rounds"])
        assert speed["median"] in speed["rounds"]
        assert row["parameters"] == 7


def test_what_is_not_known_is_null(classifier: Any, examples: Examples) -> None:
    kept = {"b": Footprint(12, 34)}
    rows = compare({"a": classifier, "b": classifier}, examples, rounds=1, footprints=kept)["models"]
    assert (rows[0]["parameters"], rows[0]["size_bytes"], rows[0]["peak_rss_bytes"]) == (None, None, None)
    assert (rows[1]["size_bytes"], rows[1]["peak_rss_bytes"]) == (12, 34)


def test_labels_in_another_order_are_matched_by_name(
    classifier: Any, examples: Examples, fake: Callable[..., Any]
) -> None:
    order = [3, 0, 5, 1, 4, 2]
    shuffled = fake(tuple(EMOTIONS[i] for i in order), {text: row[order] for text, row in classifier.rows.items()})
    a, b = compare({"a": classifier, "b": shuffled}, examples, rounds=1)["models"]
    assert {key: a[key] for key in ("accuracy", "loss", "ece")} == {key: b[key] for key in ("accuracy", "loss", "ece")}


def test_other_labels_are_an_error_that_names_the_model(
    classifier: Any, examples: Examples, fake: Callable[..., Any]
) -> None:
    with pytest.raises(LabelError, match=r"model 'odd' has the labels sadness, disgust, but the data has sadness, joy"):
        compare({"fine": classifier, "odd": fake(("sadness", "disgust"), {})}, examples)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([np.nan] * 6, "model 'bad' returned .* for row 0, not probabilities"),
        ([0.9] * 6, "a multi-label model needs multi-label data"),
        ([1.5, -0.5, 0, 0, 0, 0], "not probabilities"),
    ],
)
def test_what_is_no_probability_is_an_error(
    row: list[float], message: str, classifier: Any, examples: Examples, fake: Callable[..., Any]
) -> None:
    with pytest.raises(ModelError, match=message):
        compare({"fine": classifier, "bad": fake(EMOTIONS, dict.fromkeys(examples.texts, row))}, examples)


def test_a_model_that_fails_is_one_error_that_names_it(
    classifier: Any, examples: Examples, fake: Callable[..., Any]
) -> None:
    with pytest.raises(ModelError, match=r"model 'bad' cannot score sentences: 'sentence number 0'"):
        compare({"fine": classifier, "bad": fake(EMOTIONS, {})}, examples)
    with pytest.raises(ModelError, match=r"model 'bad' returned probabilities of shape \(300, 2\)"):
        compare({"bad": fake(EMOTIONS, {text: [0.5, 0.5] for text in examples.texts})}, examples)


def test_data_that_cannot_be_compared_on(classifier: Any, examples: Examples, several_labels: Examples) -> None:
    with pytest.raises(DataError, match="sentences has no rows"):
        compare({"a": classifier}, replace(examples, texts=[], label_ids=np.zeros(0, np.int64)))
    with pytest.raises(DataError, match="moods is multi-label"):
        compare({"a": classifier}, several_labels)
    for wrong in ({"rounds": 0}, {"speed_texts": 0}):
        with pytest.raises(ValueError, match="at least one"):
            compare({"a": classifier}, examples, **wrong)
    with pytest.raises(ValueError, match="at least one classifier"):
        compare({}, examples)


def test_loading_names_the_broken_model(tmp_path: Path) -> None:
    copy = shutil.copytree(BUNDLED, tmp_path / "copy")
    assert [*load_classifiers(["bundled", str(copy)])] == ["bundled", str(copy)]
    with (copy / "tokenizer.json").open("a") as file:
        file.write(" ")
    with pytest.raises(ChecksumError, match=r"^model '.*copy': .* is damaged"):
        load_classifiers(["bundled", str(copy)])
    with pytest.raises(ModelError, match=r"model '.*none': no model at"):
        load_classifiers([str(tmp_path / "none")])
    with pytest.raises(ModelError, match="'bundled' is given twice"):
        load_classifiers(["bundled", "bundled"])


def test_loading_wants_the_same_labels(tmp_path: Path) -> None:
    other = shutil.copytree(BUNDLED, tmp_path / "other", ignore=shutil.ignore_patterns("emoscope.json"))
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"id2label": {"0": "calm", "1": "tense"}}))
    with pytest.raises(LabelError, match=r"other' has the labels calm, tense, but 'bundled' has sadness, joy"):
        load_classifiers(["bundled", str(other)])


def test_size_counts_what_is_loaded_and_follows_links(tmp_path: Path) -> None:
    used = ("config.json", "emoscope.json", "tokenizer.json", "onnx/model.onnx")
    total = sum((BUNDLED / name).stat().st_size for name in used)
    assert size_bytes("bundled") == total
    linked = tmp_path / "linked"
    (linked / "onnx").mkdir(parents=True)
    for name in used:
        (linked / name).symlink_to(BUNDLED / name)
    (linked / "README.md").write_text("not loaded")
    (linked / "optimizer.pt").write_bytes(b"0" * 1000)
    assert size_bytes(str(linked)) == total
    (linked / "onnx" / "model.onnx_data").write_bytes(b"0" * 100)
    assert size_bytes(str(linked)) == total + 100


def test_size_of_a_checkpoint(tmp_path: Path) -> None:
    for name, size in {"config.json": 3, "vocab.txt": 5, "model-00001-of-2.safetensors": 7}.items():
        (tmp_path / name).write_bytes(b"0" * size)
    (tmp_path / "model-00002-of-2.safetensors").write_bytes(b"0" * 11)
    (tmp_path / "pytorch_model.bin").write_bytes(b"0" * 1000)
    assert size_bytes(str(tmp_path)) == 26
    for file in tmp_path.iterdir():
        file.unlink()
    assert size_bytes(str(tmp_path)) is None


def test_peak_memory_is_that_of_a_process_of_its_own(tmp_path: Path) -> None:
    ballast = np.ones(100_000_000)
    peak = peak_rss_bytes("bundled", ["i feel fine", "so do i \ud83d"])
    assert peak is not None
    assert 20e6 < peak < ballast.nbytes
    assert peak_rss_bytes(str(tmp_path), ["a model that cannot be loaded"]) is None
    assert measure_footprint("bundled", [], memory=False) == Footprint(size_bytes("bundled"), None)


def _renamed(comparison: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    renamed: dict[str, Any] = json.loads(json.dumps(comparison).replace(f'"{old}', f'"{new}'))
    return renamed


def test_the_text_fits_a_terminal(comparison: dict[str, Any]) -> None:
    text = comparison_text(_renamed(comparison, "good", 9 * "long/" + "end"))
    assert max(map(len, text.splitlines())) <= 120
    measured, tests, cost, reference = text.split("\n\n")
    assert "long/end" in measured
    assert re.search(r"needed +verdict", tests) and "rows would show a difference of" in " ".join(tests.split())
    assert "A better" in tests and "tie" in tests and "Holm corrects it for 3 pairs" in " ".join(tests.split())
    assert "not measured" in cost and "unknown" in cost
    assert reference.startswith("For reference, not measured here")
    assert "published, validation split, best epoch chosen on the same rows" in " ".join(reference.split())
    assert "0.9405" in reference and "0.9405" not in measured


def test_one_model_has_no_pairs(classifier: Any, examples: Examples) -> None:
    comparison = compare({"alone": classifier}, examples, rounds=1)
    assert comparison["pairs"] == []
    assert "Paired tests" not in comparison_text(comparison)


def test_markdown_tables_are_whole(comparison: dict[str, Any]) -> None:
    text = comparison_markdown(_renamed(comparison, "good", "a|b" + 50 * "c"))
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert [len(table) - 2 for table in tables] == [3, 3, 3, 4]
    for table in tables:
        assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    assert "a\\|b" + 50 * "c" in tables[0][2]


def test_the_published_rows_stand_apart_with_their_sources(comparison: dict[str, Any]) -> None:
    published = comparison["published"]
    assert "validation split" in published["note"] and "test split" in published["test_note"]
    assert [row["model"].split("/")[1].split("-")[0] for row in published["models"]] == [
        "distilbert",
        "bert",
        "roberta",
        "albert",
    ]
    for row, result in zip(published["models"], PUBLISHED, strict=True):
        assert "validation" in row["source"]
        assert (row["test_accuracy"] is None) == (row["test_source"] is None)
        assert result.test_accuracy is None or result.test_accuracy < result.accuracy


def test_the_plot_shows_measured_and_published_apart(comparison: dict[str, Any], tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image")
    file = plot_comparison(json.loads(json.dumps(comparison)), tmp_path / "new" / "plot.png")
    pixels = image.imread(file)
    assert min(pixels.shape[:2]) > 600
    assert 0.02 < (pixels[..., :3] < 0.95).any(axis=2).mean() < 0.98


def test_a_plot_of_extremes(comparison: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    row = comparison["models"][0]
    row["accuracy"], row["intervals"]["accuracy"] = 1.0, {"low": 1.0, "high": 1.0 - 1e-12}
    row["samples_per_second"] = {"median": 0.01, "low": 0.01, "high": 1e6, "rounds": []}
    assert plot_comparison(comparison, tmp_path / "plot").is_file()


def test_thirty_models_look_different() -> None:
    styles = _styles()
    assert len({next(styles) for _ in range(30)}) == 30


def test_the_plot_needs_its_extra(comparison: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emoscope.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="plot"):
        plot_comparison(comparison, "plot.png")


def test_label_sets_of_any_size(fake: Callable[..., Any]) -> None:
    labels = tuple(f"mood {i}" for i in range(28))
    texts = [f"text {i}" for i in range(90)]
    examples = Examples(texts, np.arange(90) % 28, Labels(labels), "moods", None)
    rows = {text: np.eye(28)[i % 28 if i % 3 else 0] for i, text in enumerate(texts)}
    comparison = compare({"a": fake(labels, rows), "b": fake(labels, rows)}, examples, rounds=1)
    assert comparison["pairs"][0]["verdict"] == "tie"
    assert comparison_text(comparison).startswith("Measured on moods, 90 rows")
