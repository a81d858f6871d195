"""Silence for libraries that print while they work: the package prints nothing, and errors are raised, not logged."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from logging import CRITICAL, ERROR, getLogger


@contextmanager
def quiet_loggers(*names: str) -> Iterator[None]:
    """Keep loggers silent: what fails for good is an exception, and what is tried again is no news."""
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
    """No progress bars and no advice from `transformers` while it loads or saves."""
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
