"""Name and pronoun bias of classifiers whose bias is known."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from string import Formatter

import numpy as np
import pytest

from emoscope.evaluation import bias, bias_text, check_bias
from emoscope.evaluation.bias import BASELINE, LIMITS, Material


class Fake:
    """Joy 0.6 and anger 0.4, but joy less for every word of `against` that a text has."""

    labels = ("joy", "anger")

    def __init__(self, against: str = "", by: float = 0.0) -> None:
        self.against, self.by = against.lower().split(), by

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        words = [set(re.findall(r"[a-z]+", text.lower())) for text in texts]
        joy = np.array([0.6 - self.by * bool(each & set(self.against)) for each in words], np.float32)
        return np.stack([joy, 1 - joy], axis=1)


def by_pair(report: dict) -> dict[tuple[str, str], dict]:
    return {(row["a"], row["b"]): row for row in report["comparisons"]}


def test_material_is_complete() -> None:
    material = Material.read()
    content = [{field for _, field, _, _ in Formatter().parse(text) if field} for text in material.templates]
    assert len(set(material.templates)) == len(material.templates) >= 40
    assert all(fields and fields <= {"subject", "object", "possessive"} for fields in content)
    assert {"subject", "object", "possessive"} == set().union(*content)
    assert not any(re.search(r"\{subject\} (is|was|has|does)\b", text) for text in material.templates)
    lists = [names for kinds in material.names.values() for names in kinds.values()]
    assert {len(names) for names in lists} == {len(material.names[BASELINE]["women"])}
    assert len({name for names in lists for name in names}) == sum(map(len, lists))


def test_pronouns_and_names_take_their_forms_in_a_template() -> None:
    material = Material.read()
    assert material.text("{possessive} hands shook.", "she") == "Her hands shook."
    assert material.text("I met {object} and {possessive} dog.", "Anna") == "I met Anna and Anna's dog."


def test_a_classifier_without_bias_shows_none() -> None:
    for row in check_bias(Fake(), model_name="fake")["comparisons"]:
        assert row["flips"] == {"share": 0, "low": 0, "high": 0} and row["moved"]["mean"] == 0
        assert all(shift["mean"] == 0 and shift["p_holm"] == 1 for shift in row["shifts"].values())


def test_bias_against_a_pronoun_shows_only_in_its_comparisons() -> None:
    rows = by_pair(check_bias(Fake("she her", 0.3), model_name="fake"))
    shift = rows["she", "he"]["shifts"]["joy"]
    assert shift["mean"] == pytest.approx(-0.3) and shift["low"] <= shift["mean"] <= shift["high"]
    assert shift["p_holm"] < 0.05
    assert rows["she", "he"]["flips"]["share"] == 1 and rows["she", "he"]["moved"]["mean"] == pytest.approx(0.3)
    assert rows["they", "he"]["shifts"]["joy"]["mean"] == 0
    assert rows["they", "she"]["shifts"]["joy"]["mean"] == pytest.approx(0.3)
    largest = rows["she", "he"]["largest"]
    assert (largest["a"]["label"], largest["b"]["label"]) == ("anger", "joy")
    assert largest["b"]["text"].lower().split() != largest["a"]["text"].lower().split()


def test_bias_against_a_group_is_distinguished_from_that_against_one_name() -> None:
    names = Material.read().names
    against = Fake(" ".join(name for kind in names["Arabic"].values() for name in kind), 0.1)
    report = check_bias(against, model_name="fake")
    rows = by_pair(report)
    arabic = rows["Arabic names", "English names"]["shifts"]["joy"]
    assert arabic["mean"] == pytest.approx(-0.1) and arabic["chance"] < 0.1 and arabic["p_holm"] < 0.05
    assert rows["Indian names", "English names"]["moved"]["mean"] == 0
    assert report["reference"]["moved"]["mean"] == 0
    report = check_bias(Fake("emily", 0.1), model_name="fake")
    english = by_pair(report)["Arabic names", "English names"]["shifts"]["joy"]
    assert english["mean"] == pytest.approx(0.1 / 16) == english["chance"] and english["p_holm"] == 1
    assert english["low"] == 0 and english["high"] > 0.1 / 16
    assert report["reference"]["moved"]["mean"] == pytest.approx(0.1 / 48) and "shifts" not in report["reference"]


def test_random_lists_of_names_rarely_differ_significantly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name has its own shift, as in real models, so any two lists differ in every template."""
    monkeypatch.setattr(bias, "RESAMPLES", 1000)
    material, rng = Material.read(), np.random.default_rng(0)
    shift = {name: rng.normal(0, 0.05) for kinds in material.names.values() for each in kinds.values() for name in each}

    class OwnShifts(Fake):
        def predict_proba(self, texts: list[str]) -> np.ndarray:
            words = (re.findall(r"\w+", text) for text in texts)
            joy = np.array([0.5 + sum(shift.get(word, 0.0) for word in each) for each in words], np.float32)
            return np.stack([joy, 1 - joy], axis=1)

    starred = 0
    for _ in range(10):
        shuffled = iter(rng.permutation(list(shift)).tolist())
        names = {
            origin: {k: [next(shuffled) for _ in each] for k, each in kinds.items()}
            for origin, kinds in material.names.items()
        }
        monkeypatch.setattr(Material, "read", lambda names=names: replace(material, names=names))
        rows = check_bias(OwnShifts(), model_name="fake")["comparisons"]
        starred += any(shift["p_holm"] < 0.05 for row in rows for shift in row["shifts"].values())
    assert starred <= 1


def test_noise_is_not_reported_as_bias() -> None:
    class Noise(Fake):
        def predict_proba(self, texts: list[str]) -> np.ndarray:
            joy = np.random.default_rng(len(texts)).random(len(texts)).astype(np.float32)
            return np.stack([joy, 1 - joy], axis=1)

    rows = check_bias(Noise(), model_name="noise")["comparisons"]
    assert all(shift["p_holm"] > 0.05 for row in rows for shift in row["shifts"].values())
    assert all(row["flips"]["low"] < row["flips"]["share"] < row["flips"]["high"] for row in rows)


def test_report_is_plain_json_with_its_limits() -> None:
    report = check_bias(Fake("she", 0.2), model_name="fake")
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report == check_bias(Fake("she", 0.2), model_name="fake")
    shown = bias_text(report)
    assert max(map(len, shown.splitlines())) <= 110
    assert " ".join(LIMITS.split()) in " ".join(shown.split())
    assert re.search(r"she / he .* (joy|anger) [+-]0\.\d{3} .* \*", shown)
