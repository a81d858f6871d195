"""Every code block of README and docs/ runs, page by page, and prints what the page shows.

With EMOSCOPE_WRITE_OUTPUTS=1, the outputs are written into the pages instead of being compared; with EMOSCOPE_ENCODER
(see doc_files) also those that depend on the pretrained encoder, for which the tests have a small substitute.
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
    "sklearn",
    "mcp",
    "xlsxwriter",
    "python_calamine",
    "matplotlib",
):
    pytest.importorskip(module)

import torch
from doc_blocks import blocks_of, with_output
from doc_files import write_files
from doc_run import PageRun

from emoscope.evaluation import footprint, timing

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """A function that returns the folder of the tests' tiny models, which it makes at the first call."""
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
    """One thread, which is quicker for tiny products, and no garbage collection of torch, which is slow."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
    torch.set_num_threads(threads)


@pytest.fixture
def _no_process_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """`compare` measures memory in one process per model, which takes seconds; tests/evaluation tests that."""
    monkeypatch.setattr(footprint, "peak_rss_bytes", lambda name, texts: timing.resident_bytes(peak=True))


@pytest.mark.usefixtures("_no_process_for_memory")
@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks_of(page)], ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_every_block_runs(
    page: Path, models: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = blocks_of(page)
    write_files(tmp_path, blocks, models)
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
                f"{page.name}, line {block.line}: the page shows\n{block.code}\nbut the output was\n{printed}",
                pytrace=False,
            )
