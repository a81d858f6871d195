"""The systemd unit and the Kubernetes manifest."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml", reason="needs PyYAML")

from waiting import DEADLINE

DEPLOY = Path(__file__).parents[2] / "deploy"
PUBLIC_PATHS = {"/health", "/health/ready"}
EXPOSURE = 20
"""Highest score allowed by `systemd-analyze security`, of 100; the unit has 13."""
pytestmark = pytest.mark.skipif(not DEPLOY.is_dir(), reason="needs the sources with deploy/")


# -- systemd


@pytest.fixture
def unit(tmp_path):
    """The unit with the path of an executable that exists here."""
    text = (DEPLOY / "emoscope.service").read_text("utf-8").replace("/opt/emoscope/bin/emoscope", sys.executable)
    path = tmp_path / "emoscope.service"
    path.write_text(text)
    return path


@pytest.fixture
def analyze():
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    return lambda *command: subprocess.run(["systemd-analyze", *command], capture_output=True, text=True, check=False)


def test_systemd_reports_no_errors(unit, analyze):
    done = analyze("verify", str(unit))
    assert (done.returncode, done.stderr) == (0, "")


def test_unit_has_minimal_rights(unit, analyze):
    done = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", str(unit))
    assert done.returncode == 0, done.stdout[-2000:]


def test_unit_gives_the_server_time_to_shut_down():
    lines = (DEPLOY / "emoscope.service").read_text("utf-8").splitlines()
    settings = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    assert settings["KillSignal"] == "SIGTERM"
    assert int(settings["TimeoutStopSec"]) >= 30
    assert settings["DynamicUser"] == "yes"
    assert settings["ExecStart"].split()[:2] == ["/opt/emoscope/bin/emoscope", "serve"]


# -- Kubernetes


@pytest.fixture(scope="module")
def manifest():
    """Objects of the manifest by kind."""
    objects = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8")))
    assert len({each["kind"] for each in objects}) == len(objects)
    return {each["kind"]: each for each in objects}


@pytest.fixture(scope="module")
def pod(manifest):
    return manifest["Deployment"]["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def container(pod):
    (container,) = pod["containers"]
    return container


def test_objects_refer_to_each_other(manifest):
    labels = manifest["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert manifest["Deployment"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert manifest["Service"]["spec"]["selector"].items() <= labels.items()
    assert manifest["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert manifest["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    target = manifest["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", manifest["Deployment"]["metadata"]["name"])
    assert (
        manifest["Deployment"]["spec"]["template"]["spec"]["serviceAccountName"]
        == manifest["ServiceAccount"]["metadata"]["name"]
    )


def test_ports_agree(manifest, container):
    (port,) = container["ports"]
    assert port["containerPort"] == 8000
    assert manifest["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]
    assert manifest["NetworkPolicy"]["spec"]["ingress"][0]["ports"] == [{"port": port["name"]}]
    assert manifest["Deployment"]["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"] == "8000"
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] == port["name"]


def test_probes_use_public_paths(container):
    paths = {
        probe: container[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")
    }
    assert set(paths.values()) <= PUBLIC_PATHS
    assert paths["livenessProbe"] == "/health"  # a server that is shutting down is alive
    assert paths["readinessProbe"] == "/health/ready"


def test_the_pod_may_do_little(pod, container):
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    user = str(pod["securityContext"]["runAsUser"])
    assert f"USER {user}:{user}" in (DEPLOY / "Dockerfile").read_text()
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    assert "memory" in container["resources"]["limits"]


def test_pod_has_time_to_shut_down(pod, container):
    command = container["lifecycle"]["preStop"]["exec"]["command"]
    assert command[0] == "python"
    subprocess.run(
        [sys.executable, *command[1:-1], command[-1].replace("sleep(5)", "sleep(0)")], check=True, timeout=DEADLINE
    )
    assert pod["terminationGracePeriodSeconds"] > 30 + 5
