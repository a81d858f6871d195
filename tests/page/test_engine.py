"""The engine in JavaScript: its tables and its conformance file are those of Python, and its tests pass in Node."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from pathlib import Path
from runpy import run_path
from shutil import which

import numpy as np
import pytest

from emoscope import EmotionClassifier, __version__
from emoscope.page import onnxruntime_web

ROOT = Path(__file__).parents[2]
JS = ROOT / "js"
SOURCES = ROOT / "src" / "emoscope" / "page" / "engine"
TOLERANCE = 1e-4

if not JS.is_dir() or not SOURCES.is_dir():
    pytest.skip("needs the folders js and src", allow_module_level=True)


def read_table(name: str) -> dict[str, str] | str:
    value = re.search(
        rf"export const {name} = (?:new Map\(Object\.entries\()?(.*?)\)*;\n", (SOURCES / "tables.js").read_text()
    )
    assert value is not None
    table: dict[str, str] | str = json.loads(value[1])
    return table


def test_tables_of_characters_are_those_of_python():
    tables = run_path(str(JS / "make_tables.py"))["tables"]()
    emoji, ours = read_table("EMOJI_NAMES"), tables.pop("EMOJI_NAMES")
    assert len(emoji) > 1_300
    assert {char: emoji[char] for char in emoji.keys() & ours.keys()} == {
        char: ours[char] for char in emoji.keys() & ours.keys()
    }, "run python js/make_tables.py"  # other versions of Python know more or fewer emoji
    assert {name: read_table(name) for name in tables} == tables, "run python js/make_tables.py"


def test_conformance_file_has_the_scores_of_the_bundled_model():
    conformance = run_path(str(JS / "conformance.py"))
    expected = [json.loads(line) for line in conformance["FILE"].read_text("utf-8").splitlines()]
    found = conformance["lines"](EmotionClassifier.from_pretrained())
    assert len(expected) == conformance["TEXTS"] == 2_000
    outdated = "the bundled model or the normalizer has changed; run python js/conformance.py"
    assert [line["text"] for line in found] == [line["text"] for line in expected], outdated
    assert [line["label"] for line in found] == [line["label"] for line in expected], outdated
    rows = [np.array([[*line["scores"], line["neutral"]] for line in lines]) for lines in (found, expected)]
    assert np.abs(rows[0] - rows[1]).max() < TOLERANCE / 2, outdated
    assert {line["label"] for line in expected} == set(EmotionClassifier.from_pretrained().labels)


def test_package_has_the_versions_of_python():
    package, lock = (json.loads((JS / name).read_text("utf-8")) for name in ("package.json", "package-lock.json"))
    assert package["version"] == lock["version"] == __version__
    assert package["dependencies"]["onnxruntime-web"] == onnxruntime_web.VERSION
    integrity = lock["packages"]["node_modules/onnxruntime-web"]["integrity"]
    assert base64.b64decode(integrity.removeprefix("sha512-")).hex() == onnxruntime_web.SHA512
    assert f"onnxruntime-web@{onnxruntime_web.VERSION}" in (ROOT / "src/emoscope/cli/page.py").read_text("utf-8")


@pytest.mark.skipif(which("node") is None, reason="needs node")
@pytest.mark.skipif(not (JS / "node_modules").is_dir(), reason="needs the npm packages: npm ci in js/")
def test_javascript_passes_its_own_tests_in_node():
    subprocess.run(["node", "build.js"], cwd=JS, check=True)
    run = subprocess.run(["node", "--test", "test/"], cwd=JS, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-5_000:] + run.stderr[-2_000:]
    assert int(re.search(r"# pass (\d+)", run.stdout)[1]) >= 7
