"""Charts as SVG inside a page. Widths are in percent, so that text keeps its size on any screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from numpy.typing import NDArray

STYLE = """
svg { display: block; width: 100%; overflow: visible; }
svg text { font-size: 12px; fill: var(--muted); font-variant-numeric: tabular-nums; }
svg .level { paint-order: stroke; stroke: var(--card); stroke-width: 3px; }
svg line { stroke: var(--line); }
g:hover rect { opacity: .75; }
""".lstrip()

_AXIS = 20  # pixels below the columns, for the ticks
_FILLED = 0.86  # of the width of a column; the rest is a gap


@dataclass(frozen=True)
class Columns:
    """Stacked columns.

    Attributes:
        name: what is shown, for those who do not see it.
        stacks: (columns, series), from the bottom up.
        titles: what each column says when pointed at.
        colours: class of each series.
        ticks: text under some places of the axis, in percent of its length.
        most: value of the full height.
        level: text at the full height.
        height: in pixels, without the ticks.
    """

    name: str
    stacks: NDArray[Any]
    titles: Sequence[str]
    colours: Sequence[str]
    ticks: Sequence[tuple[float, str]]
    most: float
    level: str
    height: int = 180


def stacked(columns: Columns) -> Iterator[str]:
    """The chart, line by line."""
    height = columns.height + (_AXIS if columns.ticks else 0)
    yield f'<svg role="img" aria-label="{escape(columns.name)}" height="{height}">'
    for y in (0.5, columns.height / 2, columns.height - 0.5):
        yield f'<line x1="0" x2="100%" y1="{y:g}" y2="{y:g}"/>'
    step = 100 / max(1, len(columns.stacks))
    for i, (stack, title) in enumerate(zip(columns.stacks, columns.titles, strict=True)):
        x = f'x="{(i + (1 - _FILLED) / 2) * step:.2f}%" width="{_FILLED * step:.2f}%"'
        bars = "".join(_bars(columns, stack, x))
        yield f"<g><title>{escape(title)}</title>{bars}</g>"
    yield f'<text class="level" x="2" y="14">{escape(columns.level)}</text>'
    for at, text in columns.ticks:
        anchor = "start" if at < 4 else "end" if at > 96 else "middle"
        yield f'<text x="{at:.2f}%" y="{columns.height + 15}" text-anchor="{anchor}">{escape(text)}</text>'
    yield "</svg>"


def _bars(columns: Columns, stack: NDArray[Any], x: str) -> Iterator[str]:
    bottom = float(columns.height)
    for value, colour in zip(stack.tolist(), columns.colours, strict=True):
        if value:
            size = value / columns.most * columns.height
            bottom -= size
            yield f'<rect class="{colour}" {x} y="{bottom:.2f}" height="{size:.2f}"/>'
