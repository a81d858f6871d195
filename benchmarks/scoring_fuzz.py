"""`emoscope score` on broken tables: no traceback, no crash, and rows in = rows out + rejected.

Each case is a small CSV, JSON-lines or Parquet file with one to six changed bytes. It is scored into one of the three
formats with a report, and half of the reports have a column of times. Other readers count the rows before and after.
A process scores some hundred cases, so that a crash of the process is noticed.

Run: python benchmarks/scoring_fuzz.py [--cases 10000] [--seed 0]
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import record

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "scoring"))
from scoring_fakes import HashClassifier
from scoring_mutations import FORMATS, Mutation, check, mutated, table

A_PROCESS = 500
KINDS = ("flip", "cut", "repeat", "insert", "truncate")
WEIGHTS = {"csv": (5, 3, 3, 8, 1), "jsonl": (5, 3, 3, 8, 1), "parquet": (40, 1, 1, 1, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", help="folder for the files; one in memory is faster")
    parser.add_argument("--only", type=int, nargs=2, metavar=("FIRST", "END"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        print(json.dumps(_cases(range(*args.only), args.seed, args.folder)))
    else:
        print(record.write("scoring_fuzz", _all(args), packages=("emoscope", "pyarrow"), seed=args.seed))


def _all(args: argparse.Namespace) -> dict[str, object]:
    counts: Counter[str] = Counter()
    failures: list[str] = []
    began = time.perf_counter()
    for first in range(0, args.cases, A_PROCESS):
        end = min(args.cases, first + A_PROCESS)
        flags = ["--seed", str(args.seed), "--only", str(first), str(end)]
        flags += ["--folder", args.folder] if args.folder else []
        done = subprocess.run([sys.executable, __file__, *flags], capture_output=True, text=True, check=False)
        if done.returncode:
            failures.append(f"cases {first} to {end}: exit status {done.returncode}: {done.stderr[-500:]}")
            continue
        found = json.loads(done.stdout)
        counts.update(found["counts"])
        failures += found["failures"]
        print(end, dict(counts), failures)
    seconds = time.perf_counter() - began
    return {"cases": args.cases, "counts": counts, "failures": failures, "seconds": seconds}


def _cases(numbers: range, seed: int, parent: str | None) -> dict[str, object]:
    counts: Counter[str] = Counter()
    failures = []
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        for number in numbers:
            chance = random.Random(f"{seed} {number}")
            form, target = chance.choice(FORMATS), chance.choice(FORMATS)
            content = mutated(table(form), [_mutation(chance, form) for _ in range(chance.randint(1, 6))])
            try:
                summary = check(form, content, Path(folder), target, HashClassifier(), chance.choice((None, "id")))
            except Exception as error:
                failures.append(f"case {number}, {form} to {target}: {type(error).__name__}: {str(error)[:300]}")
                continue
            outcome = "refused" if summary is None else "rows rejected" if summary.rejected else "all rows written"
            counts[f"{form}: {outcome}"] += 1
    return {"counts": counts, "failures": failures}


def _mutation(chance: random.Random, form: str) -> Mutation:
    """One change; in Parquet rarely one that shifts the bytes behind it, because no footer would be found then."""
    return Mutation(chance.choices(KINDS, WEIGHTS[form])[0], chance.random(), chance.randrange(64))


if __name__ == "__main__":
    main()
