"""Model cards of every kind of recipe, as a reader of the Hub sees them."""

import re
from dataclasses import replace

import numpy as np
import pytest

for module in ("torch", "safetensors"):
    pytest.importorskip(module)

from huggingface_hub import ModelCard

import tiny
from emoscope.evaluation import evaluate, fit_keywords
from emoscope.labels import Labels
from emoscope.training.config import (
    KINDS,
    CompactConfig,
    CompactStudentConfig,
    EncoderConfig,
    EncoderStudentConfig,
    recipe_text,
)
from emoscope.training.corpus import Corpus
from emoscope.training.model_card import EMOTION_VALIDATION, METRICS, model_card

TRAIN, VALIDATION = tiny.examples("train"), tiny.examples("validation")


class Uniform:
    """Gives every label the same probability."""

    labels = TRAIN.labels.names

    def predict_proba(self, texts):
        return np.full((len(texts), 6), 1 / 6, np.float32)


@pytest.fixture(scope="module")
def report():
    return evaluate(Uniform(), VALIDATION, model_name="my-model", keywords=fit_keywords(TRAIN))


def text_of(card):
    """The card's words, each line break a space."""
    return " ".join(card.split())


@pytest.mark.parametrize("kind", KINDS)
def test_card_is_valid_and_has_every_metric_and_the_recipe(report, kind):
    config = KINDS[kind]()
    card = ModelCard(model_card(config, Corpus.of(TRAIN), report, 1234))
    values = {result.metric_name: result.metric_value for result in card.data.eval_results}
    assert values == {title: report[metric] for metric, (title, _) in METRICS.items()}
    assert f"```toml\n{recipe_text(config)}```" in card.content
    assert f"train `{TRAIN.fingerprint}`, validation `{VALIDATION.fingerprint}`" in card.content
    assert "1,234 parameters" in text_of(card.content)
    assert f"Recipe for `emoscope {'distill' if kind.endswith('student') else 'train'}`" in card.content
    assert card.data.library_name == ("emoscope" if kind.startswith("compact") else "transformers")
    assert not re.search(r"[{}]|<!--", card.content.replace(recipe_text(config), ""))
    titles = re.findall(r"^## (.*)$", card.content, flags=re.MULTILINE)
    assert titles == ["Results", "Training", "Limitations", "Licence"]


def test_card_names_extra_data_and_recombined_texts(report):
    extra = replace(TRAIN.subset(range(40)), name="more")
    config = CompactConfig(extra_data=("tables/more.csv",), recombined=2.0)
    text = text_of(model_card(config, Corpus.of(TRAIN).with_extra_data([extra]), report, None))
    assert "- the 120 rows of the train split - 40 extra labelled texts (`more.csv`) - in each epoch 240 texts" in text
    assert "without a label" not in text
    assert "an unknown number of parameters" in text


def test_card_names_teachers_and_counts_texts_without_labels(report):
    config = CompactStudentConfig(teachers=("bundled", "me/teacher"), recombined=1.0)
    corpus = Corpus.of(TRAIN).with_unlabelled(["one", "two"]).with_copies([("on", "one")])
    text = text_of(model_card(config, corpus, report, 1))
    assert "Teachers: `bundled`, `me/teacher`." in text
    assert "- 2 texts without a label - 1 augmented copies of texts" in text
    assert "combined with the probabilities of the keyword reader" in text
    assert "the teachers' own model cards" in text


@pytest.mark.parametrize("config_class", [EncoderConfig, EncoderStudentConfig])
def test_card_of_an_encoder_says_that_an_epoch_was_selected(report, config_class, tmp_path):
    named = ModelCard(model_card(config_class(model="me/encoder"), Corpus.of(TRAIN), report, 1))
    assert "slightly higher than on new rows" in text_of(named.content)
    assert named.data.base_model == "me/encoder"
    assert "`me/encoder`" in named.content
    assert ModelCard(model_card(config_class(model=str(tmp_path)), Corpus.of(TRAIN), report, 1)).data.base_model is None


def test_card_counts_the_rows_of_the_train_split_once(report):
    text = text_of(model_card(EncoderConfig(repeats=3), Corpus.of(TRAIN), report, 1))
    assert "- the 120 rows of the train split" in text


def test_card_of_a_multi_label_model_lists_thresholds():
    rows = replace(TRAIN, label_ids=np.eye(6, dtype=bool)[TRAIN.label_ids])
    report = evaluate(Uniform(), rows, model_name="m", thresholds=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    text = text_of(model_card(EncoderConfig(), Corpus.of(rows), report, 1))
    assert "Thresholds: sadness 0.10, joy 0.20, love 0.30, anger 0.40, fear 0.50, surprise 0.60." in text
    assert "Every text gets one of these labels" not in text


def test_published_models_are_compared_on_their_own_rows_only(report):
    same_rows = {**report, "dataset": {**report["dataset"], "fingerprint": EMOTION_VALIDATION}}
    card = ModelCard(model_card(CompactConfig(), Corpus.of(TRAIN), same_rows, 1))
    assert "## Comparison with published models" in card.content
    assert "| bhadresh-savani/distilbert-base-uncased-emotion | 0.9380 |" in card.content
    assert card.data.datasets == ["dair-ai/emotion"]


def test_ambiguous_keywords_are_reported(report):
    some = {"keywords": 2, "ceiling": 0.95, "with_keyword": {"rows": 3, "accuracy": 0.5}}
    some["without_keyword"] = {"rows": 117, "accuracy": 0.75}
    card = text_of(model_card(CompactConfig(), Corpus.of(TRAIN), {**report, "ambiguity": some}, 1))
    assert "3 of these rows contain one of 2 keywords" in card
    assert "The accuracy is 0.5000 on them and 0.7500 on the other 117." in card
    assert "not searched" in text_of(model_card(CompactConfig(), Corpus.of(TRAIN), {**report, "ambiguity": None}, 1))


def test_a_model_with_labels_of_its_own_says_nothing_about_emotions(report):
    own = Labels(("bill", "praise", "question", "other", "spam", "thanks"))
    corpus = Corpus.of(replace(TRAIN, labels=own))
    for config in (CompactConfig(), EncoderConfig()):
        card = ModelCard(model_card(config, corpus, report, 1234))
        assert card.data.tags == ["emoscope"] and card.data.license is None
        assert not re.search(r"happy|emotion(?!classifier)|apache", card.text.lower())
        chosen = "No licence has been chosen" if isinstance(config, CompactConfig) else "the licence of the encoder"
        assert chosen in text_of(card.content)
    emotional = ModelCard(model_card(CompactConfig(), Corpus.of(TRAIN), report, 1234))
    assert (emotional.data.tags, emotional.data.license) == (["emotion", "emoscope"], "apache-2.0")
