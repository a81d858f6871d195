"""The documentation site builds offline and without warnings, loads nothing from other servers, and is complete."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest

from emoscope.cli.parser import build_parser
from waiting import DEADLINE

ROOT = Path(__file__).parents[2]
NOT_FOR_USERS = {"cli", "columnar", "compact", "rows", "torch_runtime"}
LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "video": "src"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for module in ("mkdocs", "material", "mkdocstrings_handlers"):
        if find_spec(module) is None:
            pytest.skip(f"the site is built with {module}: the dependency group docs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=DEADLINE
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, str]:
    """HTML of each page by its path, without the page for unknown addresses."""
    found = {path.relative_to(site).as_posix(): path.read_text("utf-8") for path in site.rglob("*.html")}
    found.pop("404.html")
    return found


class _Loads(HTMLParser):
    """The addresses that a browser loads for a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        address = values.get(LOADS.get(tag, ""))
        if address and values.get("rel") not in {"canonical", "next", "prev"}:
            self.addresses.append(address)


def test_every_file_of_docs_is_a_page(pages: dict[str, str]) -> None:
    names = {path.relative_to(ROOT / "docs").with_suffix("") for path in (ROOT / "docs").rglob("*.md")}
    assert {"index.html" if name == Path("index") else f"{name.as_posix()}/index.html" for name in names} == set(pages)


def test_pages_load_nothing_from_other_servers(site: Path, pages: dict[str, str]) -> None:
    loaded = [(name, address) for name, html in pages.items() for address in _Loads(html).addresses]
    assert len(loaded) > 3 * len(pages)
    assert [(name, address) for name, address in loaded if re.match(r"(?:\w+:)?//", address)] == []
    sheets = {path.name: path.read_text("utf-8") for path in site.rglob("*.css")}
    assert sheets
    assert [name for name, css in sheets.items() if re.search(r"url\(['\"]?(?:https?:)?//|@import", css)] == []


def test_the_reference_has_every_command_and_flag(pages: dict[str, str]) -> None:
    html = pages["reference/commands/index.html"]
    (commands,) = (action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction))
    parts = dict(re.findall(r'<h2 id="emoscope-(\w+)">(.*?)(?=<h2 |</article>)', html, re.DOTALL))
    assert list(parts) == list(commands.choices)
    for name, parser in commands.choices.items():
        visible = [action for action in parser._actions[1:] if action.help != argparse.SUPPRESS]
        shown = set(re.findall(r"<dt><code>(?:-\w, )?(--[a-z-]+)", parts[name]))
        assert shown == {action.option_strings[-1] for action in visible if action.option_strings}
        text = " ".join(unescape(re.sub(r"<[^>]+>", "", parts[name])).split())
        for action in visible:
            assert " ".join(((action.help or "") % vars(action)).split()) in text


def test_tables_and_the_search_can_be_used_without_a_mouse(pages: dict[str, str]) -> None:
    for name, html in pages.items():
        tables = re.findall(r"(.{60})<table>", html, re.DOTALL)
        assert all(before.endswith('tabindex="0" role="region" aria-label="table">') for before in tables), name
        assert 'data-md-component="search" role="dialog" aria-label="Search"' in html


def test_sections_of_docstrings_are_rendered(pages: dict[str, str]) -> None:
    html = "".join(pages[name] for name in pages if name.startswith("reference/"))
    assert re.findall(r"<p>\s*(?:Args|Returns|Raises|Attributes|Yields):", html) == []
    for section in ("Parameters:", "Returns:", "Raises:", "Attributes:"):
        assert section in html
    assert len(set(re.findall(r'id="(emoscope\.[\w.]+)"', html))) > 100


@pytest.mark.parametrize(
    "package", sorted(path.parent.name for path in (ROOT / "src" / "emoscope").glob("*/__init__.py"))
)
def test_every_public_name_of_a_package_is_in_the_reference(pages: dict[str, str], package: str) -> None:
    if package in NOT_FOR_USERS:
        pytest.skip("has no names for users")
    source = (ROOT / "src" / "emoscope" / package / "__init__.py").read_text("utf-8")
    names = set(re.findall(r'"(\w+)"', source.partition("__all__ = [")[2].partition("]")[0]))
    html = "".join(pages[name] for name in pages if name.startswith("reference/"))
    shown = {anchor.rpartition(".")[2] for anchor in re.findall(rf'id="(emoscope\.{package}\.[\w.]+)"', html)}
    assert names
    assert names - shown == set()


def test_the_drawing_has_the_colours_of_the_page(site: Path, pages: dict[str, str]) -> None:
    assert '<svg xmlns="http://www.w3.org/2000/svg" class="data-flow"' in pages["architecture/index.html"]
    drawing = (site / "assets" / "data-flow.svg").read_text("utf-8")
    used, css = set(re.findall(r"var\((--[\w-]+)\)", drawing)), (site / "assets" / "site.css").read_text("utf-8")
    for scheme in ("default", "slate"):
        given = css.partition(f'[data-md-color-scheme="{scheme}"] .data-flow {{')[2].partition("}")[0]
        assert set(re.findall(r"(--[\w-]+):", given)) == used
    assert {"role", "aria-labelledby"} <= set(re.findall(r"([\w-]+)=", drawing.partition(">")[0]))


def test_generated_parts_are_in_the_site(pages: dict[str, str]) -> None:
    assert "<!-- generated" not in "".join(pages.values())
    version = re.search(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert version and version[1] in pages["changelog/index.html"]
    assert "validation accuracy" in pages["index.html"]
    assert "Training" in pages["model-card/index.html"]
