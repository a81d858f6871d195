"""emoscope push against the small Hub, with the real client."""

import json
import shutil

import pytest

pytest.importorskip("torch")  # the small Hub's checkpoints are made with it

from emoscope.model_folder import BUNDLED


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(BUNDLED, tmp_path / "model")


def test_pushed_folder_predicts_from_the_hub_as_here(run_with_hub, folder):
    pushed = run_with_hub(["-m", "emoscope", "push", str(folder), "me/compact"])
    assert pushed.returncode == 0, pushed.stderr
    assert "me/compact/commit/" in pushed.stdout
    there, here = (
        run_with_hub(["-m", "emoscope", "predict", "--model", model, "i feel so happy today"])
        for model in ("me/compact", str(folder))
    )
    assert there.returncode == 0, there.stderr
    assert json.loads(there.stdout) == json.loads(here.stdout)


def test_again_is_fine_and_a_refusal_is_one_line(hub, run_with_hub, folder):
    for _ in range(2):
        assert run_with_hub(["-m", "emoscope", "push", str(folder), "me/again", "--private"]).returncode == 0
    for status in (401, 403):
        with hub.fail("*/me/again*", status):
            refused = run_with_hub(["-m", "emoscope", "push", str(folder), "me/again"])
        assert refused.returncode == 1
        assert refused.stderr.startswith("emoscope push: error: me/again could not be pushed: ")
        assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("README.md", None, "README.md is missing; nothing was uploaded"),
        ("config.json", None, "config.json is missing; nothing was uploaded"),
        ("README.md", "---\nlanguage: [\n---\n", "not a valid model card"),
    ],
)
def test_what_is_no_model_is_not_uploaded(hub, run_with_hub, folder, name, content, message):
    (folder / name).unlink() if content is None else (folder / name).write_text(content)
    hub.requests.clear()
    refused = run_with_hub(["-m", "emoscope", "push", str(folder), "me/broken"])
    assert refused.returncode == 1
    assert message in refused.stderr and "Traceback" not in refused.stderr
    assert not hub.requests


def test_no_valid_name_is_one_line(run_with_hub, folder):
    refused = run_with_hub(["-m", "emoscope", "push", str(folder), "not a name"])
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1 and "could not be pushed" in refused.stderr
