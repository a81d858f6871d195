import sys
from pathlib import Path

import pytest

from emoscope.errors import RecipeError
from emoscope.training.config import KINDS, CompactConfig, EncoderConfig, configure, key_types, read_recipe, recipe_text

needs_toml = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="reading TOML needs Python 3.11, or tomli from the extra train"
)


@pytest.mark.parametrize("config_class", KINDS.values())
def test_every_key_has_help_and_a_type(config_class):
    assert set(key_types(config_class).values()) == {str, int, float}
    for field in config_class.__dataclass_fields__.values():
        assert len(field.metadata["help"]) > 10


def test_shared_keys_have_one_type():
    shared = set(key_types(CompactConfig)) & set(key_types(EncoderConfig))
    assert "seed" in shared
    for name in shared:
        assert key_types(CompactConfig)[name] is key_types(EncoderConfig)[name]


@needs_toml
@pytest.mark.parametrize(("config_class", "name"), [(CompactConfig, "vectors"), (EncoderConfig, "model")])
def test_recipe_round_trip(tmp_path, config_class, name):
    config = config_class(epochs=2, learning_rate=1e-5, **{name: 'odd "name" \\ é'})
    (tmp_path / "recipe.toml").write_text(recipe_text(config), encoding="utf-8")
    assert configure(read_recipe(tmp_path / "recipe.toml")) == config


def test_unknown_key_lists_those_allowed():
    with pytest.raises(RecipeError, match=r"\['epoch'\] in a recipe of kind compact; allowed: vectors, .*epochs"):
        configure({"epoch": 3})


@pytest.mark.parametrize(
    "values", [{"epochs": "3"}, {"epochs": 3.0}, {"epochs": True}, {"vectors": 3}, {"dropout": None}]
)
def test_wrong_type_is_an_error(values):
    with pytest.raises(RecipeError, match="must be of type"):
        configure(values)


def test_whole_numbers_are_fine_for_real_keys():
    assert configure({"dropout": 0}).dropout == 0.0


@needs_toml
@pytest.mark.parametrize("content", [b"epochs = ", b"\xff\xfe"])
def test_rubbish_recipe_names_the_file(tmp_path, content):
    (tmp_path / "bad.toml").write_bytes(content)
    with pytest.raises(RecipeError, match=r"bad\.toml cannot be read"):
        read_recipe(tmp_path / "bad.toml")


RECIPES = Path(__file__).parents[2] / "recipes"
CARD = {
    "distilbert": "distilbert-base-uncased",
    "bert": "bert-base-uncased",
    "roberta": "roberta-base",
    "albert": "albert-base-v2",
}


@needs_toml
def test_the_committed_recipe_of_the_student_is_the_default():
    assert configure(read_recipe(RECIPES / "compact.toml")) == CompactConfig()


@needs_toml
@pytest.mark.parametrize(("name", "model"), CARD.items())
def test_the_cards_recipe_to_the_letter(name, model):
    config = configure(read_recipe(RECIPES / f"{name}.toml"))
    assert config == EncoderConfig(model=model, learning_rate=2e-5, batch_size=64, epochs=8, weight_decay=0.01)


@needs_toml
@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_committed_recipe_is_valid(path):
    configure(read_recipe(path))


def test_a_model_makes_it_an_encoder():
    assert configure({"model": "some/encoder"}) == EncoderConfig(model="some/encoder")


def test_an_unknown_kind_lists_those_allowed():
    with pytest.raises(RecipeError, match="'svm'; allowed: compact, encoder"):
        configure({"kind": "svm"})


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"dropout": 5.0},
        {"warmup": 2.0},
        {"learning_rate": float("nan")},
        {"seed": -1},
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_values_out_of_range_say_the_range(kind, values):
    if not set(values) <= set(key_types(KINDS[kind])):
        pytest.skip("not a key of this kind")
    with pytest.raises(RecipeError, match=r"must be from .* to .*, got"):
        configure({"kind": kind, **values})
