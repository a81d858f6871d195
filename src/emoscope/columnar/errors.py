"""What Arrow raises."""

from __future__ import annotations

import pyarrow as pa

BROKEN = (pa.ArrowException, OSError, ValueError, NotImplementedError)
"""What Arrow raises for broken data. It raises OSError for a failing disk as well: see `errors.broken_data`."""
