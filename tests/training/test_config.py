import sys

import pytest

from emoscope.errors import RecipeError
from emoscope.training.config import CompactConfig, configure, key_types, read_recipe, write_recipe

needs_toml = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="reading TOML needs Python 3.11, or tomli from the extra train"
)


def test_every_key_has_help_and_a_type():
    assert set(key_types(CompactConfig).values()) == {str, int, float}
    for field in CompactConfig.__dataclass_fields__.values():
        assert len(field.metadata["help"]) > 10


@needs_toml
def test_recipe_round_trip(tmp_path):
    config = CompactConfig(vectors='odd "name" \\ é', epochs=2, learning_rate=1e-5)
    write_recipe(config, tmp_path / "recipe.toml")
    assert configure(CompactConfig, read_recipe(tmp_path / "recipe.toml")) == config


def test_unknown_key_lists_those_allowed():
    with pytest.raises(RecipeError, match=r"\['epoch'\]; allowed: vectors, .*epochs"):
        configure(CompactConfig, {"epoch": 3})


@pytest.mark.parametrize(
    "values", [{"epochs": "3"}, {"epochs": 3.0}, {"epochs": True}, {"vectors": 3}, {"dropout": None}]
)
def test_wrong_type_is_an_error(values):
    with pytest.raises(RecipeError, match="must be a"):
        configure(CompactConfig, values)


def test_whole_numbers_are_fine_for_real_keys():
    assert configure(CompactConfig, {"dropout": 0}).dropout == 0.0


@needs_toml
@pytest.mark.parametrize("content", [b"epochs = ", b"\xff\xfe"])
def test_rubbish_recipe_names_the_file(tmp_path, content):
    (tmp_path / "bad.toml").write_bytes(content)
    with pytest.raises(RecipeError, match=r"bad\.toml cannot be read"):
        read_recipe(tmp_path / "bad.toml")


@needs_toml
def test_the_committed_recipe_is_the_default():
    from pathlib import Path

    path = Path(__file__).parents[2] / "recipes" / "compact.toml"
    assert configure(CompactConfig, read_recipe(path)) == CompactConfig()
