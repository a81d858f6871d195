"""Text never leaves this machine: the files that commands open and the addresses that they use, in all processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from ipaddress import ip_address
from mimetypes import knownfiles
from pathlib import Path

import pytest

import emoscope
import live_server
import watched_process
from watched_process import Uses, Watch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the files of the system are named as on Linux")
ROWS = "text\ni feel so happy today\ni am angry\n"
INSTALLED = [sys.prefix, sys.base_prefix, Path(emoscope.__file__).parent, *sys.path]
SYSTEM = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/usr/share/locale"]
KERNEL = ["/proc", "/sys"]
DESCRIPTIONS = ["ld.so.cache", "locale.alias", "localtime", "nsswitch.conf", "os-release", "passwd", "ssl/openssl.cnf"]
DEVICES = ["/dev/null", "/dev/urandom", "/dev/tty"]
SEMAPHORE = "/dev/shm/sem."  # of Python's multiprocessing


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the input and the output of a command, and its folder of temporary files."""
    folder = tmp_path / "work"
    (folder / "temporary").mkdir(parents=True)
    (folder / "in.csv").write_text(ROWS)
    return folder


@pytest.fixture(params=["strace", "audit"])
def watch(request: pytest.FixtureRequest, tmp_path: Path) -> Watch:
    watch: Watch | None = getattr(watched_process, request.param)(tmp_path)
    return watch or pytest.skip("strace is missing, or not allowed")


@pytest.fixture
def environment(tmp_path: Path, place: Path) -> dict[str, str]:
    """No variable of the caller, and an empty home."""
    (tmp_path / "home").mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH") if name in os.environ}
    own = {"HOME": str(tmp_path / "home"), "TMPDIR": str(place / "temporary"), "PYTHONDONTWRITEBYTECODE": "1"}
    return {**kept, **own}


def test_predict(watch: Watch, place: Path, environment: dict[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "emoscope", "predict", "i feel so happy today"]
    uses = watched_process.run(watch, command, place, environment)
    assert uses.addresses == set()
    assert uses.written <= {*DEVICES}
    check_files(uses, place, tmp_path)


def test_score(watch: Watch, place: Path, environment: dict[str, str], tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra score")
    command = [sys.executable, "-m", "emoscope", "score", "in.csv", "out.csv", "--text-column", "text"]
    uses = watched_process.run(watch, [*command, "--report", "report.html"], place, environment)
    assert uses.addresses == set()
    check_files(uses, place, tmp_path)
    assert sorted(file.name for file in place.iterdir()) == ["in.csv", "out.csv", "report.html", "temporary"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_serve(watch: Watch, place: Path, environment: dict[str, str], tmp_path: Path, workers: str) -> None:
    pytest.importorskip("uvicorn", reason="needs the extra serve")
    command = [*watch.command, *live_server.EMOSCOPE, "--port", "{port}", "--grace", "0", "--workers", workers]
    environment = environment | watch.environment
    with live_server.serve(command, tmp_path / "log", environment=environment, folder=place) as server:
        live_server.wait_until_ok(server, "/health/ready")
        for path in ("/", "/metrics", "/info"):
            assert live_server.request(server.port, "GET", path)[0] == 200
        status, _ = live_server.request(server.port, "POST", "/v1/predict", b'{"texts": ["i feel happy"]}')
        assert status == 200
    uses = watch.uses(server.process.pid)
    assert [address for address in uses.addresses if not is_loopback(address)] == []
    check_files(uses, place, tmp_path)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("import pathlib; (pathlib.Path.home() / 'id').touch()", "/home/id"),
        ("open('/etc/hostname').close()", "/etc/hostname"),
        ("import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 53))", "192.0.2.1"),
        ("import subprocess, sys; subprocess.run([sys.executable, '-c', \"open('/etc/hostname')\"])", "/etc/hostname"),
    ],
)
def test_other_files_and_addresses_are_noticed(
    watch: Watch, place: Path, environment: dict[str, str], tmp_path: Path, line: str, found: str
) -> None:
    uses = watched_process.run(watch, [sys.executable, "-c", line], place, environment)
    others = [*unexpected(uses, place), *(host for host, _ in uses.addresses)]
    assert [other for other in others if other.endswith(found)] != [], uses


def check_files(uses: Uses, place: Path, tmp_path: Path) -> None:
    """Nothing but the installed files, the files of the system that describe it, and the folder `place` is opened."""
    assert unexpected(uses, place) == []
    assert list((tmp_path / "home").iterdir()) == []


def unexpected(uses: Uses, place: Path) -> list[str]:
    described = [*SYSTEM, *KERNEL, *DEVICES, *(f"/etc/{name}" for name in DESCRIPTIONS), *knownfiles]
    read = [path for path in uses.read if not _is_in(path, [*INSTALLED, *described, place])]
    written = [path for path in uses.written if not _is_in(path, [*DEVICES, place])]
    return [path for path in sorted({*read, *written}) if not path.startswith(SEMAPHORE)]


def _is_in(path: str, places: Iterable[str | Path]) -> bool:
    real = [Path(place).resolve() for place in places if place]
    return any(place == Path(path) or place in Path(path).parents for place in real)


def is_loopback(address: tuple[str, int]) -> bool:
    host, port = address
    return ip_address(host).is_loopback and port != 53  # a resolver of names
