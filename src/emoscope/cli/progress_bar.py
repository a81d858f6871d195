"""Bars on standard error: of a training run, and of rows that are scored."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emoscope import scoring
    from emoscope.training import Progress


class ProgressBar:
    """A bar for each stage: training loss, last evaluation, speed and time left."""

    def __enter__(self) -> ProgressBar:
        self._stage = ""
        self._bar: Any = None
        return self

    def show(self, progress: Progress) -> None:
        """Draw a step."""
        if progress.stage != self._stage:
            self.__exit__()
            self._stage = progress.stage
            initial = max(0, progress.done - 1)
            self._bar = _bar(progress.total, progress.unit, desc=progress.stage, initial=initial)
        figures = {} if progress.loss is None else {"loss": progress.loss}
        shown = {name: f"{value:.3f}" for name, value in {**figures, **progress.metrics}.items()}
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update(progress.done - self._bar.n)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


class RowsBar:
    """A bar of rows, drawn from the first progress on: rows a second and time left."""

    def __init__(self, *, hidden: bool) -> None:
        """Nothing is drawn yet.

        Args:
            hidden: whether nothing ever is, where the rows themselves go to the terminal.
        """
        self._hidden = hidden

    def __enter__(self) -> RowsBar:
        self._bar: Any = None
        return self

    def show(self, progress: scoring.Progress) -> None:
        """Draw where it stands; the total is an estimate that grows better."""
        if self._hidden:
            return
        if self._bar is None:
            self._bar = _bar(progress.total, "row", unit_scale=True)
        self._bar.total = progress.total
        self._bar.update(progress.rows - self._bar.n)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _bar(total: int | None, unit: str, **options: Any) -> Any:
    from tqdm import tqdm

    seconds = 0.5 if sys.stderr.isatty() else 30
    return tqdm(total=total, unit=unit, file=sys.stderr, mininterval=seconds, **options)
