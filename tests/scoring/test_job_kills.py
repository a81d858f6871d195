"""SIGKILL at any moment, and the run ends with the same bytes. (Twenty random moments: benchmarks/scoring.py.)"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scoring_fakes import score, texts, write_parquet

ROWS, PART_ROWS = 3000, 100
PROGRAM = """
import sys
from pathlib import Path
from scoring_fakes import HashClassifier, score
classifier = HashClassifier(seconds_a_call=0.02)
score(Path(sys.argv[1]), Path(sys.argv[2]), classifier=classifier, resume=True, part_rows=int(sys.argv[3]))
"""

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_parquet(tmp_path_factory.mktemp("kills") / "in.parquet", {"text": texts(ROWS)}, row_group_size=700)


def start(source, output):
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    return subprocess.Popen([sys.executable, "-c", PROGRAM, source, output, str(PART_ROWS)], env=environment)


def kill_when(process, reached):
    """Kill a process as soon as this is true; returns whether it was still running."""
    while process.poll() is None and not reached():
        time.sleep(0.001)
    process.kill()
    return process.wait() == -signal.SIGKILL


@pytest.mark.parametrize(("target", "moments"), [("parquet", (0, 5)), ("csv.gz", (1, 20))])
def test_run_that_is_killed_twice_ends_with_the_same_bytes(source, tmp_path, target, moments):
    output, whole = tmp_path / f"out.{target}", tmp_path / f"whole.{target}"
    score(source, whole, part_rows=PART_ROWS)
    folder = Path(f"{output}.parts")
    chance = random.Random(target)
    for parts in moments:
        delay = chance.uniform(0, 0.03)

        def reached(parts=parts, delay=delay):
            if folder.exists() and len(list(folder.glob("*.npy"))) >= parts:
                time.sleep(delay)
                return True
            return False

        assert kill_when(start(source, output), reached)
        assert not output.exists()
    score(source, output, resume=True, part_rows=PART_ROWS)
    assert output.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([output.name, whole.name])
