from pathlib import Path

import pytest

from emoscope import EMOTIONS
from emoscope.errors import LabelError
from emoscope.labels import Labels


def test_order_of_the_data_set():
    assert EMOTIONS == ("sadness", "joy", "love", "anger", "fear", "surprise")
    assert Labels().id2label[2] == "love"
    assert Labels().label2id["surprise"] == 5


@pytest.mark.parametrize("label", ["joy", 1, "1"])
def test_index_takes_names_and_ids(label):
    assert Labels().index(label) == 1


@pytest.mark.parametrize("label", ["happy", 6, -1, "", "1.0", "Joy"])
def test_the_error_for_an_unknown_label_names_the_allowed_ones(label):
    with pytest.raises(LabelError, match="sadness, joy, love, anger, fear, surprise, or 0 to 5"):
        Labels().index(label)


def test_from_config_sorts_by_id():
    assert Labels.from_config({"id2label": {"1": "b", "0": "a"}}).names == ("a", "b")


@pytest.mark.parametrize(
    "config",
    [{}, {"id2label": {}}, {"id2label": {"0": "a", "2": "b"}}, {"id2label": {"x": "a"}}, {"id2label": ["a"]}],
)
def test_a_broken_config_is_an_error(config):
    with pytest.raises(LabelError, match="id2label"):
        Labels.from_config(config)


def test_equal_names_are_an_error():
    with pytest.raises(LabelError, match="must differ"):
        Labels(("a", "a"))


def test_names_are_read_from_a_file_or_from_a_list(tmp_path: Path):
    file = tmp_path / "labels.txt"
    file.write_bytes("\ufeffcalm\r\nécœuré \nneutral".encode())
    assert Labels.read(file).names == Labels.read(str(file)).names == ("calm", "écœuré", "neutral")
    assert Labels.read("calm, tense,neutral").names == ("calm", "tense", "neutral")
    assert len(Labels.read(",".join(f"label number {i}" for i in range(400)))) == 400


def test_names_of_goemotions(goemotions_data: Path):
    names = Labels.read(goemotions_data / "labels.txt").names
    assert (len(names), names[0], names[-1]) == (28, "admiration", "neutral")


@pytest.mark.parametrize(
    ("source", "problem"),
    [("calm", "a file with one name a line"), ("a,,b", "label 1 of 'a,,b' is blank"), ("a,b,a", "must differ")],
)
def test_a_source_without_names_is_an_error(source, problem):
    with pytest.raises(LabelError, match=problem):
        Labels.read(source)


@pytest.mark.parametrize("content", [b"", b"calm\n\ntense\n", b"calm\n\xff\n"])
def test_a_file_with_bad_names_is_an_error(tmp_path: Path, content):
    (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(LabelError, match=r"labels\.txt"):
        Labels.read(tmp_path / "labels.txt")


@pytest.mark.parametrize("name", ["joy\x1b[31m", "joy\n", "\x9b31mjoy"])
def test_control_characters_in_a_name_are_an_error(name):
    """A terminal would act on them."""
    with pytest.raises(LabelError, match="label names must have no control characters"):
        Labels.from_config({"id2label": {"0": "sadness", "1": name}})
