"""The model of a job and its workers."""

from __future__ import annotations

from typing import Any

import pytest

from emoscope.errors import ModelError
from emoscope.scoring import Workers


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"device": "cuda:1"}, "the device of workers must be cpu or cuda .*, got 'cuda:1'"),
        ({"count": 0}, "the number of workers must be at least 1, got 0"),
        ({"cores": 0}, "the number of cores of a worker must be at least 1, got 0"),
    ],
)
def test_invalid_workers_are_an_error(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        Workers(**options)
