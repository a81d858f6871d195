"""Tables for the tests of scoring, which are skipped without their extra."""

from __future__ import annotations

import os

import pytest

for module in ("pyarrow", "fsspec", "tqdm", "pandas"):
    pytest.importorskip(module, reason="needs the extra score, and pandas as a second reader")

from scoring_fakes import DAYS, ROWS, texts, write_parquet


@pytest.fixture(autouse=True)
def _no_sync(monkeypatch):
    """No waiting for the disk, which takes more time than all the rest: no test here cuts the power."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


@pytest.fixture
def source(tmp_path):
    return write_parquet(tmp_path / "in.parquet", {"id": range(ROWS), "text": texts(ROWS)}, row_group_size=11)


@pytest.fixture
def dated(tmp_path):
    return write_parquet(tmp_path / "in.parquet", {"when": DAYS, "text": texts(30)}, row_group_size=11)
