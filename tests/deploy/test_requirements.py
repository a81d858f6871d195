"""The pinned distributions: complete, of allowed versions, and with hashes where users install them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any

import pytest

packaging = pytest.importorskip("packaging.requirements", reason="needs packaging")
utils = pytest.importorskip("packaging.utils", reason="needs packaging")

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements"
pytestmark = pytest.mark.skipif(not REQUIREMENTS.is_dir(), reason="needs the sources with requirements/")
PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
EXTRAS = {"base": "", "serve": "serve"}
PLATFORM = {"sys_platform": "linux", "platform_machine": "x86_64", "platform_system": "Linux"}


def pinned(file: Path, python: str) -> dict[str, str]:
    """Names and versions that a file pins for a version of Python, on Linux."""
    lines = (
        line.split("--hash")[0].split("#")[0] for line in file.read_text("utf-8").replace("\\\n", " ").splitlines()
    )
    environment = {**PLATFORM, "python_version": python, "python_full_version": f"{python}.9"}
    found: dict[str, str] = {}
    for requirement in map(packaging.Requirement, filter(str.strip, lines)):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            name = utils.canonicalize_name(requirement.name)
            (specifier,) = requirement.specifier
            assert specifier.operator == "==" and name not in found, requirement
            found[name] = specifier.version
    return found


def required(extra: str, name: str = "emoscope") -> Iterator[Any]:
    """What a distribution requires, itself and by what it requires, as far as it is installed."""
    try:
        lines = requires(name) or []
    except PackageNotFoundError:
        return
    for requirement in map(packaging.Requirement, lines):
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement
            yield from required("", requirement.name)


@pytest.mark.parametrize("name", ["base", "serve", "build"])
def test_every_distribution_has_hashes(name: str) -> None:
    text = (REQUIREMENTS / f"{name}.txt").read_text("utf-8")
    lines = [line for line in text.replace("\\\n", " ").splitlines() if not line.startswith("#")]
    assert lines
    for line in lines:
        assert re.fullmatch(r"\S+==\S+( ;[^#]*?)?(\s+--hash=sha256:[0-9a-f]{64})+", line), line


@pytest.mark.parametrize("name", EXTRAS)
@pytest.mark.parametrize("python", PYTHONS)
def test_pins_are_versions_that_the_package_allows(name: str, python: str) -> None:
    pins = pinned(REQUIREMENTS / f"{name}.txt", python)
    for line in requires("emoscope") or []:
        requirement = packaging.Requirement(line)
        environment = {
            **PLATFORM,
            "python_version": python,
            "python_full_version": f"{python}.9",
            "extra": EXTRAS[name],
        }
        if requirement.marker is None or requirement.marker.evaluate(environment):
            assert requirement.specifier.contains(pins[utils.canonicalize_name(requirement.name)]), requirement


@pytest.mark.parametrize("name", EXTRAS)
def test_everything_that_is_needed_is_pinned(name: str) -> None:
    pins = pinned(REQUIREMENTS / f"{name}.txt", f"3.{sys.version_info.minor}")
    names = {utils.canonicalize_name(requirement.name) for requirement in required(EXTRAS[name])}
    assert {"onnxruntime", "tokenizers"} <= names
    assert names - pins.keys() == set()
    assert not [pin for pin in pins if re.match("torch|transformers|nvidia|tensorflow|pyarrow|datasets", pin)]


@pytest.mark.parametrize("python", PYTHONS)
def test_environment_of_the_tests_has_the_same_pins(python: str) -> None:
    tested = pinned(ROOT / "constraints.txt", python)
    for name in EXTRAS:
        pins = pinned(REQUIREMENTS / f"{name}.txt", python)
        assert {pin: tested.get(pin) for pin in pins} == pins


def test_sources_for_distribution_have_what_their_makefile_needs() -> None:
    """The sdist is built from these paths; the Makefile, the tests and the pages name files in them."""
    included = re.search(r"build\.targets\.sdist\]\ninclude = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.S)
    assert included is not None
    paths = re.findall(r'"([^"]+)"', included[1])
    assert all((ROOT / path).exists() for path in paths)
    assert {"Makefile", "constraints.txt", "requirements", "SECURITY.md", "benchmarks", "recipes", "deploy"} <= set(
        paths
    )
