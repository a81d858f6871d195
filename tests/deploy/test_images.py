"""The Dockerfile and the compose file, as far as can be checked without a Docker daemon."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml", reason="needs PyYAML")

import live_server
from waiting import DEADLINE

DEPLOY = Path(__file__).parents[2] / "deploy"
PORT = 8000
pytestmark = pytest.mark.skipif(not DEPLOY.is_dir(), reason="needs the sources with deploy/")


@pytest.fixture(scope="module")
def instructions():
    """(instruction, arguments) of the last stage and of all stages."""
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text("utf-8"))
    lines = [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]
    last = max(i for i, (name, _) in enumerate(lines) if name == "FROM")
    return {"all": lines, "last": lines[last:]}


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))


def _arguments(lines, name):
    return [arguments for each, arguments in lines if each == name]


def test_image_runs_the_server_as_an_unprivileged_user(instructions):
    names = [name for name, _ in instructions["last"]]
    (user,) = _arguments(instructions["last"], "USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)  # a number: Kubernetes checks it with runAsNonRoot
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert "RUN" not in names[names.index("USER") :]
    assert _arguments(instructions["last"], "STOPSIGNAL") == ["SIGTERM"]
    assert _arguments(instructions["last"], "EXPOSE") == [str(PORT)]
    (image,) = _arguments(instructions["all"], "ARG")
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.\d+-slim", image)
    for image in _arguments(instructions["all"], "FROM"):
        assert re.fullmatch(r"\$\{PYTHON_IMAGE\}( AS \w+)?", image)


def test_commands_in_the_dockerfile_are_in_the_documentation():
    commands = re.findall(r"^#   (docker .*)", (DEPLOY / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    documented = (DEPLOY.parent / "docs" / "deployment.md").read_text("utf-8").splitlines()
    assert len(commands) == 2
    assert set(commands) <= set(documented)


def test_files_that_the_image_copies_exist_and_are_not_ignored(instructions):
    allowed = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    for arguments in _arguments(instructions["all"], "COPY"):
        if not arguments.startswith("--from"):
            *sources, _ = arguments.split()
            assert set(sources) <= allowed
            assert all((DEPLOY.parent / source).exists() for source in sources)


def test_image_installs_distributions_by_their_hashes_alone(instructions):
    runs = " ".join(_arguments(instructions["all"], "RUN"))
    commands = re.findall(r"pip (?:install|wheel) ([^&]*?) *(?:&|$|/opt)", runs)
    hashed = "--require-hashes --only-binary :all: -r requirements/{}.txt"
    assert commands == [
        hashed.format("serve"),
        hashed.format("build"),
        "--no-build-isolation --no-deps --wheel-dir /wheels .",
        "--no-deps /wheels/*.whl",
    ]


@pytest.fixture(scope="module")
def health_check(instructions):
    (arguments,) = _arguments(instructions["last"], "HEALTHCHECK")
    command = yaml.safe_load(arguments.split("CMD", 1)[1])
    assert command[0] == "python"
    return lambda port: [sys.executable, *(part.replace(str(PORT), str(port)) for part in command[1:])]


def test_health_check_reports_whether_the_server_is_ready(health_check, tmp_path):
    pytest.importorskip("uvicorn", reason="needs the extra serve")
    with live_server.emoscope(tmp_path / "log", "--grace", "0") as server:
        assert subprocess.run(health_check(server.port), capture_output=True, check=False).returncode == 0
    assert subprocess.run(health_check(server.port), capture_output=True, check=False).returncode == 1


def test_flags_of_the_entry_point_exist(instructions):
    pytest.importorskip("uvicorn", reason="needs the extra serve")
    (entry,) = _arguments(instructions["last"], "ENTRYPOINT")
    command = yaml.safe_load(entry)
    assert command[:2] == ["emoscope", "serve"]
    done = subprocess.run(
        [sys.executable, "-m", *command, "--help"], capture_output=True, text=True, check=True, timeout=DEADLINE
    )
    for flag in command[2:]:
        assert not flag.startswith("--") or flag in done.stdout
    assert command[command.index("--port") + 1] == str(PORT)


def test_ports_of_the_services_agree(compose):
    services = compose["services"]
    assert services["emoscope"]["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    targets = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())["scrape_configs"][0]["static_configs"][0][
        "targets"
    ]
    assert targets == [f"emoscope:{PORT}"]
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"][0]
    assert source["url"] == "http://prometheus:9090"
    assert "127.0.0.1:9090:9090" in services["prometheus"]["ports"]


def test_services_have_minimal_rights(compose):
    for name, service in compose["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name
        image = service["image"]
        assert "build" in service or re.search(r":v?\d+\.\d+\.\d+$", image), f"{image} has no version"
    assert compose["services"]["emoscope"]["read_only"] is True


def test_mounted_files_exist(compose):
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (DEPLOY / source).exists(), volume
    build = compose["services"]["emoscope"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()


def test_secrets_have_no_default(compose):
    password = compose["services"]["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD"]
    assert password.startswith("${GRAFANA_PASSWORD:?")


def test_keys_that_the_shell_does_not_set_are_not_set_in_the_container(compose):
    """Set but empty, they would stop the server."""
    assert compose["services"]["emoscope"]["environment"] == {"EMOSCOPE_API_KEYS": None}
