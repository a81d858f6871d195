import sys
from pathlib import Path

import pytest

from emoscope.errors import RecipeError
from emoscope.training.config import (
    DISTILLED,
    FORMER_KEYS,
    KINDS,
    STRINGS,
    TRAINED,
    CompactConfig,
    CompactStudentConfig,
    EncoderConfig,
    EncoderStudentConfig,
    configure,
    key_types,
    kind_of,
    portable,
    read_recipe,
    recipe_text,
)

needs_toml = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="reading TOML needs Python 3.11, or tomli from the extra train"
)


@pytest.mark.parametrize("config_class", KINDS.values())
def test_every_key_has_help_and_a_type(config_class):
    assert {str, int, float} <= set(key_types(config_class).values()) <= {str, int, float, STRINGS}
    for field in config_class.__dataclass_fields__.values():
        assert len(field.metadata["help"]) > 10


def test_shared_keys_have_one_type():
    shared = set(key_types(CompactConfig)) & set(key_types(EncoderConfig))
    assert "seed" in shared
    for name in shared:
        assert key_types(CompactConfig)[name] == key_types(EncoderConfig)[name]


@needs_toml
@pytest.mark.parametrize(("config_class", "name"), [(CompactConfig, "embeddings"), (EncoderConfig, "model")])
def test_recipe_round_trip(tmp_path, config_class, name):
    config = config_class(epochs=2, learning_rate=1e-5, **{name: 'odd "name" \\ é'})
    (tmp_path / "recipe.toml").write_text(recipe_text(config), encoding="utf-8")
    assert configure(read_recipe(tmp_path / "recipe.toml")) == config


@needs_toml
@pytest.mark.parametrize(("kind", "config_class"), DISTILLED.items())
def test_recipe_round_trip_of_a_student(tmp_path, kind, config_class):
    config = config_class(teachers=("bundled", 'odd "name" \\ é'), unlabelled=("a.txt",), copies=3, soft_weight=0.5)
    (tmp_path / "recipe.toml").write_text(recipe_text(config), encoding="utf-8")
    assert read_recipe(tmp_path / "recipe.toml")["kind"] == kind == kind_of(config)
    assert configure(read_recipe(tmp_path / "recipe.toml")) == config


def test_student_has_the_keys_of_its_kind_and_of_distillation():
    shared = set(key_types(CompactStudentConfig)) & set(key_types(EncoderStudentConfig))
    assert shared >= {"teachers", "unlabelled", "soft_weight", "soft_temperature", "hard_weight", "copies"}
    assert set(key_types(CompactStudentConfig)) > set(key_types(CompactConfig))
    assert set(key_types(EncoderStudentConfig)) > set(key_types(EncoderConfig)) | {"layers", "cosine_weight"}


@pytest.mark.parametrize("value", ["bundled", 3, [3], ["a", None], {"a": "b"}])
def test_list_of_strings_must_be_one(value):
    with pytest.raises(RecipeError, match="teachers must be of type list of str, got"):
        configure({"teachers": value})
    assert configure({"teachers": ["a", "b"]}) == CompactStudentConfig(teachers=("a", "b"))


@pytest.mark.parametrize(
    ("values", "kinds", "expected"),
    [
        ({}, TRAINED, CompactConfig),
        ({}, DISTILLED, CompactStudentConfig),
        ({"model": "m"}, TRAINED, EncoderConfig),
        ({"model": "m"}, DISTILLED, EncoderStudentConfig),
        ({"hidden": 8, "seed": 1}, DISTILLED, CompactStudentConfig),
        ({"teachers": ["a"]}, TRAINED, CompactStudentConfig),
        ({"model": "m", "layers": 2}, TRAINED, EncoderStudentConfig),
        ({"kind": "compact"}, DISTILLED, CompactConfig),
    ],
)
def test_keys_decide_where_no_kind_is_given(values, kinds, expected):
    assert type(configure(values, kinds)) is expected


def test_unknown_key_is_an_error_that_lists_the_keys():
    with pytest.raises(RecipeError, match=r"\['epoch'\] in a recipe of kind compact; allowed: embeddings, .*epochs"):
        configure({"epoch": 3})


@pytest.mark.parametrize(
    "values", [{"epochs": "3"}, {"epochs": 3.0}, {"epochs": True}, {"embeddings": 3}, {"dropout": None}]
)
def test_wrong_type_is_an_error(values):
    with pytest.raises(RecipeError, match="must be of type"):
        configure(values)


def test_integer_is_accepted_for_a_float():
    assert configure({"dropout": 0}).dropout == 0.0


@needs_toml
@pytest.mark.parametrize("content", [b"epochs = ", b"\xff\xfe", b"epochs = " + b"[" * 10_000])
def test_recipe_that_is_not_toml_is_an_error_that_names_the_file(tmp_path, content):
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
def test_committed_recipes_of_the_student_are_the_defaults_with_more_texts():
    teacher = configure(read_recipe(RECIPES / "compact_teacher.toml"))
    more = {"extra_data": teacher.extra_data, "extra_epochs": 2, "label_shift": 1.0}
    assert teacher == CompactConfig(**more, recombined=2.0, label_smoothing=0.03)
    assert len(teacher.extra_data) == 7
    second_edition = configure(read_recipe(RECIPES / "compact.toml"))
    assert second_edition == CompactConfig(extra_data=("runs/real_text.csv",), recombined=2.0)
    bundled = configure(read_recipe(RECIPES / "bundled.toml"))
    texts = {"unlabelled": bundled.unlabelled, "unlabelled_epochs": 1, "recombined": 1.5}
    weights = {"soft_weight": 0.8, "hard_weight": 0.2, "epochs": 5}
    teachers = ("runs/accurate", "runs/compact_teacher")
    assert bundled == CompactStudentConfig(**more, **texts, **weights, teachers=teachers)


@needs_toml
@pytest.mark.parametrize(("name", "model"), CARD.items())
def test_recipes_of_the_public_model_card_are_exact(name, model):
    config = configure(read_recipe(RECIPES / f"{name}.toml"))
    assert config == EncoderConfig(model=model, learning_rate=2e-5, batch_size=64, epochs=8, weight_decay=0.01)


@needs_toml
@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_committed_recipe_is_valid(path):
    configure(read_recipe(path))


def test_model_key_makes_an_encoder_recipe():
    assert configure({"model": "some/encoder"}) == EncoderConfig(model="some/encoder")


def test_unknown_kind_is_an_error_that_lists_the_kinds():
    with pytest.raises(RecipeError, match="'svm'; allowed: compact, encoder, compact-student, encoder-student"):
        configure({"kind": "svm"})
    with pytest.raises(RecipeError, match="unknown kind"):
        configure({"kind": ["compact"]})


@pytest.mark.parametrize(
    "values",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"dropout": 5.0},
        {"warmup": 2.0},
        {"learning_rate": float("nan")},
        {"seed": -1},
        {"soft_temperature": 0.0},
        {"hard_weight": -0.1},
        {"copies": -1},
        {"copy_mask": 1.1},
        {"layers": -1},
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_value_out_of_range_is_an_error_that_names_the_range(kind, values):
    if not set(values) <= set(key_types(KINDS[kind])):
        pytest.skip("not a key of this kind")
    with pytest.raises(RecipeError, match=r"must be from .* to .*, got"):
        configure({"kind": kind, **values})


# -- values that do not belong together

UNCHANGED = {"copy_drop": 0.0, "copy_mask": 0.0, "copy_swap": 0.0, "copy_span": 0.0}


def test_loss_without_terms_is_an_error():
    with pytest.raises(RecipeError, match="soft_weight and hard_weight are both 0"):
        EncoderStudentConfig(soft_weight=0.0, hard_weight=0.0)


def test_impossible_probabilities_of_copies_are_an_error():
    assert CompactStudentConfig(copies=0, **UNCHANGED)
    with pytest.raises(RecipeError, match=r"must sum to 1 at most, got 1\.2"):
        CompactStudentConfig(copy_drop=0.6, copy_mask=0.6, copy_swap=0.0)
    with pytest.raises(RecipeError, match="copies would equal their texts"):
        CompactStudentConfig(copies=1, **UNCHANGED)


@pytest.mark.parametrize("config_class", [EncoderConfig, EncoderStudentConfig])
def test_unknown_normalizer_is_an_error(config_class):
    with pytest.raises(RecipeError, match="'shouted'; allowed: raw, plain"):
        config_class(normalizer="shouted")


# -- keys of emoscope 0.1


def test_former_keys_are_read_under_todays_names():
    old = {"vectors": "some/encoder", "vector_std": 0.5, "further": ["a.csv"], "spliced": 2.0}
    new = CompactConfig(embeddings="some/encoder", embedding_std=0.5, extra_data=("a.csv",), recombined=2.0)
    assert configure(old) == configure({"kind": "compact", **old}) == new
    assert configure({"teachers": ["a"], "copy_neighbour": 0.3}).copy_swap == 0.3
    assert configure({"model": "m", "text_form": "plain"}).normalizer == "plain"


def test_every_former_key_has_one_current_name():
    names = {name for kind in KINDS.values() for name in key_types(kind)}
    assert set(FORMER_KEYS.values()) <= names
    assert not set(FORMER_KEYS) & names
    assert len(set(FORMER_KEYS.values())) == len(FORMER_KEYS)


def test_portable_recipe_has_names_instead_of_absolute_paths(tmp_path):
    kept = {"extra_data": ("data/more.csv",), "unlabelled": ("hf://owner/name.csv",)}
    config = CompactStudentConfig(embeddings=str(tmp_path / "tiny"), teachers=(str(tmp_path / "a"), "owner/b"), **kept)
    expected = CompactStudentConfig(embeddings="tiny", teachers=("a", "owner/b"), **kept)
    assert portable(config) == expected == portable(expected)
    assert portable(EncoderConfig(model="~/models/base")).model == "base"


def test_key_given_under_both_names_is_an_error():
    with pytest.raises(RecipeError, match="further and extra_data are two names of one key; give the second only"):
        configure({"further": [], "extra_data": []})


@needs_toml
def test_former_keys_of_a_recipe_are_overruled_by_flags(tmp_path):
    """A recipe is read under today's names, so that a flag replaces the key and does not contradict it."""
    (tmp_path / "old.toml").write_text('kind = "compact"\nspliced = 2.0\nvectors = "e"\n')
    recipe = read_recipe(tmp_path / "old.toml")
    assert configure(recipe | {"recombined": 1.0}) == CompactConfig(embeddings="e", recombined=1.0)
