"""Runs the tests of the base install with the lowest and the highest versions of its dependencies that are allowed.

`make dependency-bounds` calls it; give it other interpreters with PYTHONS="python3.10 python3.13". The environments are
made in build/bounds by uv, whose resolver can choose the lowest versions that have a wheel. Tests of extras are
skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESOLUTIONS = {"lowest": "lowest-direct", "highest": "highest"}
FOR_TESTS = ("pytest", "hypothesis", "scikit-learn", "packaging")
SHOWN = ("numpy", "onnxruntime", "tokenizers", "huggingface-hub")


def environment(uv: str, python: str, name: str) -> Path:
    """Make an environment with the base install; returns its interpreter."""
    folder = ROOT / "build" / "bounds" / f"{Path(python).name}-{name}"
    interpreter = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    subprocess.run([uv, "venv", "-q", "--clear", "--python", python, str(folder)], check=True)
    install = [
        uv,
        "pip",
        "install",
        "-q",
        "--python",
        str(interpreter),
        "--only-binary",
        ":all:",
        "--no-binary",
        "emoscope",
    ]
    subprocess.run([*install, "--resolution", RESOLUTIONS[name], "-e", str(ROOT)], check=True)
    subprocess.run([*install, *FOR_TESTS], check=True)
    return interpreter


def versions(uv: str, interpreter: Path) -> Iterator[str]:
    """Names and versions of the dependencies in an environment."""
    listed = [uv, "pip", "freeze", "--python", str(interpreter)]
    for line in subprocess.run(listed, check=True, capture_output=True, text=True).stdout.splitlines():
        if line.partition("==")[0] in SHOWN:
            yield line


def main(uv: str, pythons: Sequence[str], tests: Sequence[str]) -> int:
    """Run the tests in every environment; returns 1 if they failed in one of them."""
    failed = False
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for python in pythons:
        for name in RESOLUTIONS:
            interpreter = environment(uv, python, name)
            print(f"{python}, {name}: {', '.join(versions(uv, interpreter))}", flush=True)  # noqa: T201
            command = [str(interpreter), "-m", "pytest", "-p", "no:cacheprovider", *tests]
            failed |= subprocess.run(command, cwd=ROOT, env=kept, check=False).returncode != 0
    return int(failed)


if __name__ == "__main__":
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    sys.exit(main(sys.argv[1], sys.argv[2:split], sys.argv[split + 1 :]))
