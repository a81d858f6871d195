"""Errors of Arrow: whether the data are broken, or the machine failed to read or write them."""

from __future__ import annotations

import pyarrow as pa

from emoscope.errors import first_line

BROKEN = (pa.ArrowException, OSError, ValueError, NotImplementedError)
"""What Arrow raises for broken data. It raises OSError for a failing disk as well: see `broken_data`."""


def broken_data(error: Exception) -> str:
    """The message of an error about broken data, in one line; an error of the machine is raised again."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error
    return first_line(error)
