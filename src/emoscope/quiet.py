"""Context managers that silence libraries: this package prints nothing, and raises errors instead of logging them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from logging import CRITICAL, ERROR, getLogger


@contextmanager
def quiet_loggers(*names: str) -> Iterator[None]:
    """Silence loggers of libraries that log retries as warnings; a final failure is an exception anyway."""
    levels = {logger: logger.level for logger in map(getLogger, names)}
    try:
        for logger in levels:
            logger.setLevel(CRITICAL + 1)
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence the progress bars and warnings of `transformers` while it loads or saves."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.set_verbosity(ERROR)
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            yield
        finally:
            logging.set_verbosity(verbosity)
            if bars:
                logging.enable_progress_bar()  # type: ignore[no-untyped-call]
