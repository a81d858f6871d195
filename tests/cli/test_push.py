"""`emoscope push` to the tests' Hub, through the real client."""

import json
import shutil

import pytest

pytest.importorskip("torch")  # the small Hub's checkpoints are made with it

from emoscope.model_folder import BUNDLED


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(BUNDLED, tmp_path / "model")


def test_a_pushed_folder_predicts_the_same_from_the_hub(run_with_hub, folder):
    pushed = run_with_hub(["-m", "emoscope", "push", str(folder), "me/compact"])
    assert pushed.returncode == 0, pushed.stderr
    assert "me/compact/commit/" in pushed.stdout
    from_hub, from_folder = (
        run_with_hub(["-m", "emoscope", "predict", "--model", model, "i feel so happy today"])
        for model in ("me/compact", str(folder))
    )
    assert from_hub.returncode == 0, from_hub.stderr
    assert json.loads(from_hub.stdout) == json.loads(from_folder.stdout)


def test_a_second_push_works_and_a_rejected_push_prints_one_line(hub, run_with_hub, folder):
    for _ in range(2):
        assert run_with_hub(["-m", "emoscope", "push", str(folder), "me/again", "--private"]).returncode == 0
    for status in (401, 403):
        with hub.fail("*/me/again*", status):
            rejected = run_with_hub(["-m", "emoscope", "push", str(folder), "me/again"])
        assert rejected.returncode == 1
        assert rejected.stderr.startswith("emoscope push: error: me/again could not be pushed: ")
        assert "Traceback" not in rejected.stderr


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("README.md", None, "README.md is missing; nothing was uploaded"),
        ("config.json", None, "config.json is missing; nothing was uploaded"),
        ("README.md", "---\nlanguage: [\n---\n", "not a valid model card"),
    ],
)
def test_a_folder_without_a_model_is_not_uploaded(hub, run_with_hub, folder, name, content, message):
    (folder / name).unlink() if content is None else (folder / name).write_text(content)
    hub.requests.clear()
    rejected = run_with_hub(["-m", "emoscope", "push", str(folder), "me/broken"])
    assert rejected.returncode == 1
    assert message in rejected.stderr and "Traceback" not in rejected.stderr
    assert not hub.requests


def test_an_invalid_name_prints_one_line(run_with_hub, folder):
    rejected = run_with_hub(["-m", "emoscope", "push", str(folder), "not a name"])
    assert rejected.returncode == 1
    assert rejected.stderr.count("\n") == 1 and "could not be pushed" in rejected.stderr
