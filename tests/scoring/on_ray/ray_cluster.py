"""Runs scoring on a real Ray cluster of two nodes on loopback, and kills one in the middle, twice.

A program of its own, because Ray chooses loopback by environment variables that are set before it is imported, and what
it starts must end with it. Writes its results to FOLDER/found.json. Usage: ray_cluster.py FOLDER
"""

import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import ray
from ray.cluster_utils import Cluster
from scoring_fakes import HashClassifier, NeutralClassifier

from emoscope.cli import main as emoscope
from emoscope.errors import EmoscopeError
from emoscope.scoring import ClusterClassifier, Job, ScoreReport, Scoring, Workers, score_dataset, score_table
from emoscope.scoring.on_ray import cluster_classifier

NODE = {"num_cpus": 2, "node_ip_address": "127.0.0.1", "object_store_memory": 80 << 20}
QUICK = {  # to find a dead node in a second
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 2,
}
SCORING = Scoring("text", part_rows=50)
SLOW = partial(HashClassifier, 0.05)


def main():
    folder = Path(sys.argv[1])
    with tempfile.TemporaryDirectory(
        prefix="r", dir="/tmp"
    ) as temporary:  # short, because the paths of sockets begin with it
        os.environ["RAY_TMPDIR"] = temporary  # the cluster's address is written here too, whatever `temp_dir` says
        Path(temporary, "ray").mkdir()
        head = {**NODE, "include_dashboard": False, "_system_config": QUICK}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        try:
            found = {run.__name__: run(folder, cluster) for run in RUNS}
        finally:
            ray.shutdown()
            cluster.shutdown()
    (folder / "found.json").write_text(json.dumps(found))


def killed_in_the_middle(folder, cluster):
    node = cluster.add_node(**NODE)
    doomed = iter([node])

    def kill(progress):
        while classifier._ready < classifier.count and not classifier.lost:
            time.sleep(0.05)  # until the doomed node has its workers
        if progress.rows >= 300 and next(doomed, None):
            cluster.remove_node(node, allow_graceful=False)
            while any(each["Alive"] and each["NodeID"] == node.node_id for each in ray.nodes()):
                time.sleep(0.05)  # its workers live a moment longer than it, and might do what is left

    report = ScoreReport(folder / "ray.html", "when")
    job = Job(folder / "in.csv", folder / "ray.csv", SCORING, report=report)
    with ClusterClassifier(Workers(SLOW, cores=1), cluster.address) as classifier:
        summary = score_table(job, classifier, kill, classifier.map)
        counts = {"count": classifier.count, "lost": classifier.lost}
    ray.init(cluster.address, log_to_driver=False, logging_level="ERROR")  # what follows stays connected
    return {"rows": summary.rows, "rejected": summary.rejected, **counts}


def resumed(folder, cluster):
    """A run that stopped on this machine continues there, and scores only what is missing."""
    job = Job(folder / "in.csv", folder / "resumed.csv", SCORING, resume=True)
    with ClusterClassifier(Workers(partial(Asked, folder / "asked"), cores=1), cluster.address) as classifier:
        score_table(job, classifier, map_parts=classifier.map)
    return {"asked": (folder / "asked").stat().st_size}


def with_neutral(folder, cluster):
    """What a model has beyond its labels reaches the table."""
    job = Job(folder / "in.csv", folder / "neutral.csv", replace(SCORING, neutral="label", coverage=0.9, abstain=0.5))
    with ClusterClassifier(Workers(NeutralClassifier, count=1, cores=1), cluster.address) as classifier:
        return dict(score_table(job, classifier, map_parts=classifier.map).labels)


def by_command(folder, cluster):
    flags = ["--text-column", "text", "--part-rows", "200", "--json"]
    flags += ["--engine", "ray", "--address", cluster.address, "--workers", "1"]
    command = ["score", str(folder / "in.csv"), str(folder / "command.csv"), *flags]
    return {"status": [emoscope(command), emoscope(command)]}


def failures(folder, cluster):
    cluster_classifier.MAX_LOSSES = 2
    messages = {}
    for name, model in {"model": "no/such/model/here", "error": Failing, "end": Ending}.items():
        job = Job(folder / "in.csv", folder / f"{name}.csv", SCORING)
        try:
            with ClusterClassifier(Workers(model, count=1, cores=1), cluster.address) as classifier:
                score_table(job, classifier, map_parts=classifier.map)
        except EmoscopeError as error:
            messages[name] = f"{type(error).__name__}: {error}"
    with ClusterClassifier(Workers(Failing, count=1, cores=1), cluster.address) as classifier:
        messages["twice"] = [_error_of(classifier) for _ in range(2)]
    try:
        ClusterClassifier(Workers(HashClassifier, "cuda"), cluster.address).__enter__()
    except EmoscopeError as error:
        messages["no room"] = str(error)
    return {"messages": messages, "connected": ray.is_initialized()}


def _error_of(classifier):
    try:
        classifier.predict_proba(["a"])
    except EmoscopeError as error:
        return str(error)


def on_a_gpu(folder, cluster):
    """A GPU that the node only claims to have: a worker has it to itself."""
    node = cluster.add_node(**NODE, num_gpus=1)
    with ClusterClassifier(Workers(SeesGpus, "cuda"), cluster.address) as classifier:
        found = {"count": classifier.count, "seen": classifier.predict_proba(["a"])}
    return {**found, "dataset": dataset_killed_in_the_middle(folder, cluster, node)}


def dataset_killed_in_the_middle(folder, cluster, node):
    ray.data.DataContext.get_current().execution_options.preserve_order = True
    dataset = ray.data.from_arrow(pq.read_table(folder / "in.parquet"))
    scored = score_dataset(dataset, SCORING, Workers(SLOW, count=2))
    blocks = []
    for block in scored.iter_batches(batch_size=None, batch_format="pyarrow"):
        blocks.append(block)
        if len(blocks) == 2:
            cluster.remove_node(node, allow_graceful=False)
    pq.write_table(pa.concat_tables(blocks), folder / "dataset.parquet")
    return len(blocks)


class Asked(HashClassifier):
    """Records each call in a file."""

    def __init__(self, file):
        super().__init__()
        self._file = file

    def predict_proba(self, texts):
        with self._file.open("ab") as file:
            file.write(b".")
        return super().predict_proba(texts)


class Failing(HashClassifier):
    def predict_proba(self, texts):
        raise RuntimeError("no kernel\nfor this")


class Ending(HashClassifier):
    def predict_proba(self, texts):
        os._exit(1)


class SeesGpus(HashClassifier):
    def predict_proba(self, texts):
        return [os.environ["CUDA_VISIBLE_DEVICES"]] * len(texts)


RUNS = (killed_in_the_middle, resumed, with_neutral, by_command, failures, on_a_gpu)

if __name__ == "__main__":
    main()
