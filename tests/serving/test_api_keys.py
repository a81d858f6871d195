"""API keys: only hashes are kept, and wrong files are errors with advice."""

from __future__ import annotations

import hashlib

import pytest

from emoscope.errors import EmoscopeError
from emoscope.serving.api_keys import ApiKeys, new_key, read_keys


def bearer(key):
    return {b"authorization": f"Bearer {key}".encode()}


def test_new_key_is_accepted_with_its_line(tmp_path):
    keys = [new_key() for _ in range(3)]
    file = tmp_path / "keys"
    lines = [f"{line}  client {i}" for i, (_, line) in enumerate(keys)]
    file.write_text("# of the shop\n\n" + "\n".join(lines) + " # a remark\n")
    read = read_keys(file, {})
    assert len(read) == 3
    assert all(read.accepts(bearer(key)) for key, _ in keys)
    assert not read.accepts(bearer(new_key()[0]))
    assert not any(key in file.read_text() for key, _ in keys)


def test_hash_of_any_other_tool_is_accepted(tmp_path):
    file = tmp_path / "keys"
    file.write_text(hashlib.sha256(b"a key of my own").hexdigest().upper())
    assert read_keys(file, {}).accepts(bearer("a key of my own"))


def test_environment_names_the_file_and_holds_keys(tmp_path):
    key, line = new_key()
    file = tmp_path / "keys"
    file.write_text(line)
    environment = {"EMOSCOPE_API_KEYS_FILE": str(file), "EMOSCOPE_API_KEYS": " the-first-of-many, ,another-key-of-many"}
    keys = read_keys(None, environment)
    assert all(keys.accepts(bearer(each)) for each in (key, "the-first-of-many", "another-key-of-many"))
    assert not keys.accepts(bearer("a-third-key-of-many"))


@pytest.mark.parametrize("name", ["EMOSCOPE_API_KEYS", "EMOSCOPE_API_KEYS_FILE"])
@pytest.mark.parametrize("value", ["", ",", " ", " , ,", "\n"])
def test_keys_that_are_set_but_empty_are_an_error(name, value):
    with pytest.raises(EmoscopeError, match=f"{name} is set but empty"):
        read_keys(None, {name: value})


def test_without_keys_every_client_is_accepted():
    assert read_keys(None, {}).accepts({})
    assert ApiKeys().accepts({})


def test_two_new_keys_differ():
    assert new_key() != new_key()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "has no API key"),
        ("# nothing\n", "has no API key"),
        ("my-key\n", "line 1: not a SHA-256 hash in hex"),
        ("sha256:" + "a" * 63, "line 1: not a SHA-256"),
        ("a" * 64 + "\nscrypt:xyz", "line 2: not a SHA-256"),
    ],
)
def test_file_without_hashes_is_an_error(tmp_path, content, words):
    file = tmp_path / "keys"
    file.write_text(content)
    with pytest.raises(EmoscopeError, match=words) as error:
        read_keys(file, {})
    assert "my-key" not in str(error.value)


def test_missing_file_and_short_key_are_errors(tmp_path):
    with pytest.raises(EmoscopeError, match="cannot read API keys from"):
        read_keys(tmp_path / "none", {})
    with pytest.raises(EmoscopeError, match="has 5 characters; at least 16 are needed") as error:
        read_keys(None, {"EMOSCOPE_API_KEYS": "short"})
    assert "short" not in str(error.value)
