"""The Grafana dashboard and the alerts use metrics that the server has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from itertools import chain
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml", reason="needs PyYAML")
pytest.importorskip("prometheus_client", reason="needs the extra serve")
pytest.importorskip("uvicorn", reason="needs the extra serve")

import live_server
from emoscope.serving.errors import STATUS

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "emoscope.json"
COLUMNS = 24
pytestmark = pytest.mark.skipif(not DEPLOY.is_dir(), reason="needs the sources with deploy/")


@pytest.fixture(scope="module")
def dashboard():
    return json.loads(DASHBOARD.read_text("utf-8"))


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Metric name -> names of its labels, from a server that has answered some requests."""
    from prometheus_client.parser import text_string_to_metric_families

    with live_server.emoscope(tmp_path_factory.mktemp("server") / "log", "--grace", "0") as server:
        for body in (b'{"texts": ["i feel happy"]}', b'{"texts": ["i feel happy", "i feel sad"]}', b"{"):
            live_server.request(server.port, "POST", "/v1/predict", body)
        status, text = live_server.request(server.port, "GET", "/metrics")
    assert status == 200
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def _expressions(dashboard):
    targets = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    rules = [rule["expr"] for group in _rules()["groups"] for rule in group["rules"]]
    return targets, rules


def _rules():
    return yaml.safe_load((DEPLOY / "alerts.yml").read_text("utf-8"))


def _metrics(expression):
    """(name, labels used) of each metric in an expression."""
    found = re.findall(r"\b((?:emoscope|process|python)_\w+)(\{[^}]*\})?", expression)
    return [(name, re.findall(r"(\w+)\s*[=!]~?", labels)) for name, labels in found]


def test_every_metric_exists_with_its_labels(dashboard, samples):
    targets, rules = _expressions(dashboard)
    used = [(expression, metric) for expression in targets + rules for metric in _metrics(expression)]
    assert len({name for _, (name, _) in used}) >= 8
    for expression, (name, labels) in used:
        assert name in samples, expression
        assert set(labels) - {"job", "instance"} <= samples[name], expression


def test_labels_that_expressions_group_by_exist(dashboard, samples):
    for expression in chain(*_expressions(dashboard)):
        known = set().union(*(samples[name] for name, _ in _metrics(expression)), {"job", "instance", "le"})
        for labels in re.findall(r"\bby\s*\(([^)]*)\)", expression):
            assert {label.strip() for label in labels.split(",")} <= known, expression


def test_every_metric_of_emoscope_is_on_the_dashboard(dashboard, samples):
    targets, _ = _expressions(dashboard)
    shown = {name for expression in targets for name, _ in _metrics(expression)}
    ours = {re.sub("_(bucket|sum|count|created)$", "", name) for name in samples if name.startswith("emoscope_")}
    assert {name for name in ours if not any(each.startswith(name) for each in shown)} <= {"emoscope_build_info"}


def test_failures_are_counted_by_error_code(dashboard):
    """The status of a failure differs between APIs, and 503 is not always a failure."""
    expressions = [
        rule["expr"] for group in _rules()["groups"] for rule in group["rules"] if rule["alert"] == "EmoscopeFails"
    ]
    expressions += [panel["targets"][0]["expr"] for panel in dashboard["panels"] if panel["title"] == "Failed"]
    failures = {code for code, status in STATUS.items() if status >= 500} - {"draining", "too_many_connections"}
    codes_used = [re.findall(r'emoscope_errors_total\{[^}]*code=~"([^"]*)"', expression) for expression in expressions]
    assert [set(codes.split("|")) for (codes,) in codes_used] == [failures] * 2


def test_panels_have_a_unit_and_a_source_and_do_not_overlap(dashboard):
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= COLUMNS
        taken |= cells
        if panel["type"] != "row":
            assert panel["targets"], panel["title"]
            assert panel["datasource"] == {"type": "prometheus", "uid": "prometheus"}
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert panel["description"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_dashboard_is_provisioned_where_compose_mounts_it(dashboard):
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/emoscope.yaml").read_text())["providers"][0]
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"][0]
    mounts = dict(volume.split(":")[:2] for volume in compose["services"]["grafana"]["volumes"])
    assert mounts["./grafana/dashboards"] == provider["options"]["path"]
    assert mounts["./grafana/provisioning"] == "/etc/grafana/provisioning"
    assert source["uid"] == "prometheus"
    assert dashboard["uid"] == "emoscope"


def test_promtool_reports_no_errors():
    if not shutil.which("promtool"):
        pytest.skip("needs promtool")
    for kind, name in (("config", "prometheus.yml"), ("rules", "alerts.yml")):
        done = subprocess.run(
            ["promtool", "check", kind, name], capture_output=True, text=True, check=False, cwd=DEPLOY
        )
        assert done.returncode == 0, done.stdout + done.stderr
