"""Every code block of README and docs/ runs, page by page, and prints what the page shows.

With EMOSCOPE_WRITE_OUTPUTS=1 what was printed is written into the pages instead; with EMOSCOPE_ENCODER as well
(doc_ground), also where the tests' own encoder prints something else than the reader's.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

for module in (
    "torch",
    "transformers",
    "accelerate",
    "datasets",
    "onnx",
    "onnxscript",
    "pyarrow",
    "cleanlab",
    "matplotlib",
):
    pytest.importorskip(module)

import torch
from doc_blocks import blocks_of, with_output
from doc_ground import lay_ground
from doc_run import PageRun

from emoscope.evaluation import footprint

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Function: the folder of the tests' tiny models, made at the first call."""
    made: list[Path] = []

    def make() -> Path:
        if not made:
            from hub.repositories import build

            made.append(tmp_path_factory.mktemp("models"))
            build(made[0])
        return made[0]

    return make


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    """Tiny products are slower on several threads; reports collect garbage, and torch is much to look through."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
    torch.set_num_threads(threads)


@pytest.fixture
def _no_process_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """`compare` measures memory in a process for each model, some seconds of imports; tests/evaluation shows that."""
    monkeypatch.setattr(footprint, "peak_rss_bytes", lambda name, texts: footprint.own_peak_bytes())


@pytest.mark.usefixtures("_no_process_for_memory")
@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks_of(page)], ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_every_block_runs(
    page: Path, models: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = blocks_of(page)
    lay_ground(tmp_path, blocks, models)
    monkeypatch.chdir(tmp_path)
    run = PageRun(page.name)
    run.run(blocks)
    real = "EMOSCOPE_ENCODER" in os.environ
    different = [(block, printed) for block, printed in run.different if real or not block.not_compared]
    if "EMOSCOPE_WRITE_OUTPUTS" in os.environ:
        page.write_text(with_output(page.read_text("utf-8"), different), encoding="utf-8")
    else:
        for block, printed in different:
            pytest.fail(
                f"{page.name}, line {block.line}: shown is\n{block.code}\nprinted was\n{printed}", pytrace=False
            )
