"""A progress bar on standard error, for training runs and for rows that are scored."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emoscope import scoring, training


class ProgressBar:
    """A bar with speed and time left, drawn from the first progress on.

    Args:
        hidden: never draw it, because the rows themselves go to the terminal.
    """

    def __init__(self, *, hidden: bool = False) -> None:
        self._hidden, self._stage = hidden, ""
        self._bar: Any = None

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, progress: training.Progress) -> None:
        """Draw a training step, with its loss and the last evaluation; a new stage gets a new bar."""
        if progress.stage != self._stage:
            self.__exit__()
            self._stage = progress.stage
            self._bar = _bar(progress.total, progress.unit, desc=progress.stage, initial=max(0, progress.done - 1))
        figures = {} if progress.loss is None else {"loss": progress.loss}
        shown = {name: f"{value:.3f}" for name, value in {**figures, **progress.metrics}.items()}
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update(progress.done - self._bar.n)

    def show_rows(self, progress: scoring.Progress) -> None:
        """Draw the number of scored rows; the total is an estimate that improves."""
        if self._hidden:
            return
        if self._bar is None:
            self._bar = _bar(progress.total, "row", unit_scale=True)
        self._bar.total = progress.total
        self._bar.update(progress.rows - self._bar.n)


def _bar(total: int | None, unit: str, **options: Any) -> Any:
    from tqdm import tqdm

    seconds = 0.5 if sys.stderr.isatty() else 30
    return tqdm(total=total, unit=unit, file=sys.stderr, mininterval=seconds, **options)
