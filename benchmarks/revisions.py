"""Speed of predict, score and serve at this revision against an earlier one, in the same run.

The earlier revision is checked out into a temporary git worktree. Both run the same work in turns: texts a second of
`predict_proba`, rows a second of `emoscope score` from CSV to CSV, and single-text requests a second of `emoscope
serve` from connections that never rest. The ratio is that of the medians over the rounds.

Run: python benchmarks/revisions.py REVISION --data DIR [--rounds N]
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "serving"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import load

import live_server
import record

ROOT = Path(__file__).parents[1]
TEXTS, ROWS, SECONDS = 60_000, 200_000, 4.0
CONNECTIONS = 16
"""So few that the server sheds no load: a rejected request costs less than one that is answered."""
PREDICT = """
import sys, time
from pathlib import Path
from emoscope import EmotionClassifier
texts = Path(sys.argv[1]).read_text().splitlines()
classifier = EmotionClassifier.from_pretrained()
classifier.predict_proba(texts[:2000])
start = time.perf_counter()
classifier.predict_proba(texts)
print(len(texts) / (time.perf_counter() - start))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("revision", help="the earlier revision, as git names it")
    parser.add_argument("--data", required=True, help="folder of splits; the texts are made of those of validation")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=record.RESULTS, help="folder of the result")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, _checked_out(args.revision, Path(temporary, "tree")) as before:
        work = _Work(Path(temporary), args.data)
        results = {}
        for measure in (work.predict, work.score, work.serve):
            results[measure.__name__] = _in_turns(measure, {"before": before, "now": ROOT / "src"}, args.rounds)
            print(measure.__name__, results[measure.__name__])
    results |= {"revision": args.revision}
    print(record.write("revisions", results, packages=("onnxruntime", "numpy"), seed=0, folder=args.output))


class _Work:
    """What is measured; each takes a folder of sources and returns a rate a second."""

    def __init__(self, folder: Path, data: str) -> None:
        self.folder = folder
        self.texts = load.texts(data, ROWS)
        (folder / "texts.txt").write_text("\n".join(self.texts[:TEXTS]))
        with (folder / "in.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("id", "text"), *enumerate(self.texts)])

    def predict(self, source: Path) -> float:
        """Texts a second of `predict_proba`."""
        return float(self._run(source, "-c", PREDICT, str(self.folder / "texts.txt")))

    def score(self, source: Path) -> float:
        """Rows a second of `emoscope score`, its start included."""
        paths = [str(self.folder / "in.csv"), str(self.folder / "out.csv")]
        start = time.perf_counter()
        self._run(source, "-m", "emoscope", "score", *paths, "--text-column", "text", "--overwrite")
        return ROWS / (time.perf_counter() - start)

    def serve(self, source: Path) -> float:
        """Requests of one text that are answered a second."""
        with live_server.emoscope(self.folder / "log", environment={"PYTHONPATH": str(source)}) as server:
            url = server.url("/v1/predict")
            outcome = load.closed(url, load.requests(url, self.texts), connections=CONNECTIONS, seconds=SECONDS)
            return float(outcome.rate)

    def _run(self, source: Path, *arguments: str) -> str:
        environment = os.environ | {"PYTHONPATH": str(source)}
        command = [sys.executable, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@contextmanager
def _checked_out(revision: str, folder: Path) -> Iterator[Path]:
    """The sources of a revision."""
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--detach", "-q", str(folder), revision], check=True)
    try:
        yield folder / "src"
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)


def _in_turns(measure: Callable[[Path], float], sources: dict[str, Path], rounds: int) -> dict[str, object]:
    rates: dict[str, list[float]] = {name: [] for name in sources}
    for number in range(rounds):
        for name in sorted(sources, reverse=number % 2 == 1):
            rates[name].append(measure(sources[name]))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    return {"ratio": medians["now"] / medians["before"], "median": medians, "rounds": rates}


if __name__ == "__main__":
    main()
