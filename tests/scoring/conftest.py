"""Skips the tests of scoring where its extra is missing."""

from __future__ import annotations

import pytest

for module in ("pyarrow", "fsspec", "tqdm", "pandas"):
    pytest.importorskip(module, reason="needs the extra score, and pandas as a second reader")
