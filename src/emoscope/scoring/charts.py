"""Charts as SVG for a page. Widths are in percent, so that text keeps its size on any screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from emoscope.html_page import escaped

STYLE = """
.chart { margin-top: .8rem; }
svg { display: block; width: 100%; overflow: visible; }
svg text { font-size: 12px; fill: var(--muted); font-variant-numeric: tabular-nums; }
svg line { stroke: var(--line); }
g:hover rect { opacity: .75; }
@media (max-width: 40rem) { svg .even { display: none; } }
""".lstrip()

_LEVEL, _AXIS = 18, 20  # pixels above and below the columns, for text
_LONG = 10  # characters of the text of a tick that has no room between two others on a small screen
_FILLED = 0.86  # share of the width of a column that is filled; the rest is a gap


@dataclass(frozen=True)
class Columns:
    """Stacked columns.

    Attributes:
        name: what the chart shows, for screen readers.
        stacks: values (columns, series), from the bottom up; a series has the CSS class "s0", "s1" ...
        titles: text for each column that appears when the pointer is over it.
        maximum: value at the full height.
        level: text at the full height.
        ticks: places on the axis, in percent of its length, with their text; a small screen shows every other one, or
            of long ones the first and the last.
        height: height in pixels, without the text.
        first: number of the CSS class of the first series.
    """

    name: str
    stacks: NDArray[Any]
    titles: Sequence[str]
    maximum: float
    level: str
    ticks: Sequence[tuple[float, str]] = ()
    height: int = 180
    first: int = 0


def stacked(columns: Columns) -> Iterator[str]:
    """The chart, line by line."""
    bottom = _LEVEL + columns.height
    height = bottom + (_AXIS if columns.ticks else 0)
    yield f'<div class="chart"><svg role="img" aria-label="{escaped(columns.name)}" height="{height}">'
    yield f'<text y="{_LEVEL - 5}">{escaped(columns.level)}</text>'
    for y in (_LEVEL, _LEVEL + columns.height // 2, bottom):
        yield f'<line x1="0" x2="100%" y1="{y}" y2="{y}"/>'
    step = 100 / max(1, len(columns.stacks))
    for i, (stack, title) in enumerate(zip(columns.stacks, columns.titles, strict=True)):
        x = f'x="{(i + (1 - _FILLED) / 2) * step:.2f}%" width="{_FILLED * step:.2f}%"'
        yield f"<g><title>{escaped(title)}</title>{''.join(_bars(columns, stack, x))}</g>"
    for i, (at, text) in enumerate(columns.ticks):
        anchor = "start" if at < 4 else "end" if at > 96 else "middle"
        hidden = 0 < i < len(columns.ticks) - 1 if len(text) > _LONG else i % 2
        kind = ' class="even"' if hidden else ""
        yield f'<text{kind} x="{at:.2f}%" y="{bottom + 15}" text-anchor="{anchor}">{escaped(text)}</text>'
    yield "</svg></div>"


def _bars(columns: Columns, stack: NDArray[Any], x: str) -> Iterator[str]:
    y = float(_LEVEL + columns.height)
    for series, value in enumerate(stack.tolist(), start=columns.first):
        if value:
            size = value / columns.maximum * columns.height
            y -= size
            yield f'<rect class="s{series}" {x} y="{y:.2f}" height="{size:.2f}"/>'
