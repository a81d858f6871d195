"""A real Ray cluster of two nodes on loopback, one of which is killed: the rows are those of a run without Ray."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from scoring_fakes import HashClassifier, NeutralClassifier, score, texts, write_parquet

import emoscope.scoring
from emoscope.errors import MissingExtraError
from emoscope.scoring import ScoreReport
from waiting import DEADLINE

needs_ray = pytest.mark.skipif(
    find_spec("ray") is None or sys.platform == "win32", reason="needs the extra ray, on a system where clusters run"
)
ROWS, PART_ROWS, IN_DATASET = 1000, 50, 400


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ray")
    rows = [f"{i},2024-05-{i % 28 + 1:02},{text}" for i, text in enumerate(texts(ROWS))]
    rows[333] += ",more"
    rows[777] = '777,2024,"never closed'
    (folder / "in.csv").write_text("\n".join(["id,when,text", *rows]) + "\n")
    write_parquet(folder / "in.parquet", {"id": range(IN_DATASET), "text": texts(IN_DATASET)})
    return folder


@pytest.fixture(scope="module")
def on_ray(folder):
    """Results of the program that runs the cluster; everything that it started has ended."""
    stop_in_the_middle(folder / "in.csv", folder / "resumed.csv")
    here = Path(__file__).parent
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DATA_DISABLE_PROGRESS_BARS": "1"}
    loopback = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "PYTHONPATH": os.pathsep.join([str(here), *sys.path])}
    command = [sys.executable, str(here / "ray_cluster.py"), str(folder)]
    environment = {**os.environ, **quiet, **loopback}
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            process.wait(timeout=5 * DEADLINE)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, (folder / "log.txt").read_text()[-5000:]
    return json.loads((folder / "found.json").read_text())


def stop_in_the_middle(source, output):
    class Stops(HashClassifier):
        def predict_proba(self, asked):
            if len(self.calls) == 15:
                raise KeyboardInterrupt
            return super().predict_proba(asked)

    with pytest.raises(KeyboardInterrupt):
        score(source, output, classifier=Stops(), part_rows=PART_ROWS)


@needs_ray
def test_killed_node_changes_nothing(folder, on_ray):
    """Rows, their order, what is rejected, and the report."""
    local = score(
        folder / "in.csv", folder / "local.csv", part_rows=PART_ROWS, report=ScoreReport(folder / "local.html", "when")
    )
    found = on_ray["killed_in_the_middle"]
    assert (found["rows"], found["rejected"]) == (local.rows, local.rejected) == (ROWS - 2, 2)
    assert found["count"] == 4 and 1 <= found["lost"] <= 2
    for suffix in ("csv", "csv.rejected.jsonl", "html"):
        assert (folder / f"ray.{suffix}").read_bytes() == (folder / f"local.{suffix}").read_bytes()
    assert not (folder / "ray.csv.parts").exists()


@needs_ray
def test_run_that_began_without_ray_continues_on_the_cluster(folder, on_ray):
    score(folder / "in.csv", folder / "whole.csv", part_rows=PART_ROWS)
    assert (folder / "resumed.csv").read_bytes() == (folder / "whole.csv").read_bytes()
    assert on_ray["resumed"]["asked"] == ROWS // PART_ROWS - 15


@needs_ray
def test_neutral_and_prediction_sets_are_those_of_the_model(folder, on_ray):
    options = {"neutral": "label", "coverage": 0.9, "abstain": 0.5, "part_rows": PART_ROWS}
    local = score(folder / "in.csv", folder / "local_neutral.csv", classifier=NeutralClassifier(), **options)
    assert (folder / "neutral.csv").read_bytes() == (folder / "local_neutral.csv").read_bytes()
    assert on_ray["with_neutral"] == local.labels and local.labels["neutral"] > 0


@needs_ray
def test_command_scores_with_the_bundled_model(folder, on_ray):
    assert on_ray["by_command"]["status"] == [0, 1]  # the second time, OUT exists already
    classifier = emoscope.EmotionClassifier.from_pretrained()
    score(folder / "in.csv", folder / "bundled.csv", part_rows=200, classifier=classifier)
    there, here = (
        list(csv.reader((folder / name).read_text().splitlines())) for name in ("command.csv", "bundled.csv")
    )
    assert [row[:4] for row in there] == [row[:4] for row in here] and len(here) == ROWS - 1
    probabilities = [[list(map(float, row[4:])) for row in rows[1:]] for rows in (there, here)]
    np.testing.assert_allclose(*probabilities, atol=1e-6)  # another number of cores, other groups of texts


@needs_ray
def test_failures_are_one_line(on_ray):
    messages = on_ray["failures"]["messages"]
    assert messages["model"].startswith("ModelError: no model at 'no/such/model/here'")
    assert messages["error"] == "ModelError: the model failed in a worker (RuntimeError: no kernel)"
    assert (
        messages["twice"] == ["the model failed in a worker (RuntimeError: no kernel)"] * 2
    )  # the worker is free again
    assert messages["end"].startswith("ModelError: 2 workers in a row were lost over 50 texts (")
    assert messages["end"].endswith("; if memory was short, give fewer --part-rows") and "\n" not in messages["end"]
    assert messages["no room"].startswith("the cluster has no room for a worker with 1 cores and 1 GPUs")


@needs_ray
def test_worker_has_a_gpu_to_itself(on_ray):
    assert (on_ray["on_a_gpu"]["count"], on_ray["on_a_gpu"]["seen"]) == (1, ["0"])


@needs_ray
def test_dataset_that_loses_a_node_loses_no_row(folder, on_ray):
    score(folder / "in.parquet", folder / "local.parquet")
    assert pq.read_table(folder / "dataset.parquet").equals(pq.read_table(folder / "local.parquet"))
    assert on_ray["on_a_gpu"]["dataset"] == IN_DATASET // PART_ROWS


ADDRESSES = {
    "127.0.0.1:1": "no Ray cluster at 127.0.0.1:1 .*refused",
    "ray://127.0.0.1:1": "no Ray cluster at ray://127.0.0.1:1 .*refused",
    "nonsense": "no Ray cluster at nonsense .*; allowed: host:6379, ray://host:10001, auto",
}
ASK = """
import sys
from emoscope.errors import ModelError
from emoscope.scoring import ClusterClassifier
for address in sys.argv[1:]:
    try:
        with ClusterClassifier(address=address):
            pass
    except ModelError as error:
        print(error)
"""


@needs_ray
def test_address_without_a_cluster_is_an_error():
    command = [sys.executable, "-c", ASK, *ADDRESSES]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE)
    for shown, words in zip(result.stdout.splitlines(), ADDRESSES.values(), strict=True):
        assert re.match(words, shown)


def test_missing_extra_is_an_error_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setattr("emoscope.errors.find_spec", lambda name: None if name == "ray" else True)
    monkeypatch.delitem(sys.modules, "emoscope.scoring.on_ray", raising=False)
    monkeypatch.delattr(emoscope.scoring, "on_ray", raising=False)  # another test may have imported it
    with pytest.raises(MissingExtraError, match=r"pip install 'emoscope\[ray\]'"):
        _ = emoscope.scoring.score_dataset
    with pytest.raises(AttributeError, match="no attribute 'score_everything'"):
        _ = emoscope.scoring.score_everything
