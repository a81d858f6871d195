"""Startup: run time of new processes with emoscope and with a transformers pipeline, in turns.

Run: python benchmarks/startup.py
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import record

ROUNDS = 10
TEXT = "i feel so happy today"

PEER = """
from transformers import pipeline
print(pipeline("text-classification", model={folder!r}, top_k=None, device="cpu")({text!r}))
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        _save_distilbert(folder)
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "import emoscope": [sys.executable, "-c", "import emoscope"],
            "emoscope predict": [str(Path(sys.executable).parent / "emoscope"), "predict", TEXT],
            "transformers pipeline": [sys.executable, "-c", PEER.format(folder=folder, text=TEXT)],
        }
        seconds = {name: [] for name in commands}
        for _ in range(ROUNDS):
            for name, command in commands.items():
                seconds[name].append(_run(command))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    results = {
        "seconds": seconds,
        "median": medians,
        "predict_share_of_pipeline": medians["emoscope predict"] / medians["transformers pipeline"],
    }
    print(medians)
    print(record.write("startup", results, packages=("emoscope", "onnxruntime", "torch", "transformers")))


def _save_distilbert(folder: str) -> None:
    from pipeline_speed import _distilbert_pipeline

    peer = _distilbert_pipeline()
    peer.model.save_pretrained(folder)
    peer.tokenizer.save_pretrained(folder)


def _run(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"HF_HUB_OFFLINE": "1"})
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
