"""Size of the wheel, and of a new environment with the wheel and all its dependencies.

Run: python benchmarks/size.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import record

SIZES = """
import json
from importlib.metadata import distributions
sizes = {}
for dist in distributions():
    files = [dist.locate_file(file) for file in dist.files or []]
    sizes[dist.name] = sum(file.stat().st_size for file in files if file.is_file())
print(json.dumps(sizes))
"""


def main() -> None:
    root = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "build", "--wheel", "--outdir", folder, root],
            check=True,
            capture_output=True,
        )
        wheel = next(Path(folder).glob("*.whl"))
        environment = Path(folder) / "environment"
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        python = environment / "bin" / "python"
        constraints = root / "constraints.txt"
        subprocess.run([python, "-m", "pip", "install", "-q", wheel, "-c", constraints], check=True)
        sizes = json.loads(subprocess.run([python, "-c", SIZES], check=True, capture_output=True, text=True).stdout)
        total = sum(file.stat().st_size for file in environment.rglob("*") if file.is_file() and not file.is_symlink())
        results = {
            "wheel_bytes": wheel.stat().st_size,
            "environment_bytes": total,
            "distribution_bytes": sizes,
        }
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        print(f"{size / 1e6:8.1f} MB  {name}")
    print(f"wheel {results['wheel_bytes'] / 1e6:.2f} MB, environment {total / 1e6:.1f} MB")
    print(record.write("size", results, packages=("emoscope",)))


if __name__ == "__main__":
    main()
