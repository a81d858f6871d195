"""The bars of a training run on standard error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emoscope.training import Progress


class ProgressBar:
    """A bar for each stage: training loss, last evaluation, speed and time left."""

    def __enter__(self) -> ProgressBar:
        self._stage = ""
        self._bar: Any = None
        return self

    def show(self, progress: Progress) -> None:
        """Draw a step."""
        from tqdm import tqdm

        if progress.stage != self._stage:
            self.__exit__()
            self._stage = progress.stage
            seconds = 0.5 if sys.stderr.isatty() else 30
            self._bar = tqdm(
                desc=progress.stage,
                total=progress.total,
                initial=max(0, progress.done - 1),
                unit=progress.unit,
                file=sys.stderr,
                mininterval=seconds,
            )
        figures = {} if progress.loss is None else {"loss": progress.loss}
        shown = {name: f"{value:.3f}" for name, value in {**figures, **progress.metrics}.items()}
        self._bar.set_postfix(shown, refresh=False)
        self._bar.update(progress.done - self._bar.n)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
