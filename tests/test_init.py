"""The names of the package itself."""

import os
import subprocess
import sys

import emoscope


def test_dir_lists_what_the_package_offers():
    assert dir(emoscope) == ["EMOTIONS", "EmotionClassifier", "Prediction", "__version__", "frame"]
    assert dir(emoscope) == sorted(emoscope.__all__)


PREDICT = """
import importlib.abc, os, sys

class Watch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "onnxruntime":
            print(os.environ.get("ORT_DISABLE_TELEMETRY"))

sys.meta_path.insert(0, Watch())
from emoscope import EmotionClassifier
print(EmotionClassifier.from_pretrained().predict(["i feel happy"])[0].label)
"""


def test_onnxruntime_sends_no_telemetry(tmp_path):
    """Version 1.32 writes a device id and a database into the user's cache, and connects to its maker."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "SYSTEMROOT") if name in os.environ}
    environment = {**kept, "HOME": str(tmp_path), "ORT_DISABLE_TELEMETRY": "0"}
    result = subprocess.run(
        [sys.executable, "-c", PREDICT], env=environment, capture_output=True, text=True, check=True
    )
    assert (result.stdout.split(), result.stderr) == (["1", "joy"], "")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_processes_that_are_started_inherit_it():
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
