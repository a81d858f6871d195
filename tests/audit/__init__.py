"""Tests of the data-quality audit."""

import pytest

for module in ("sklearn", "cleanlab", "datasketch"):
    pytest.importorskip(module)
