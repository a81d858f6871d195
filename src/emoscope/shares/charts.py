"""Charts of shares as SVG for a page: rows with a point and an interval, and courses with a band.

Horizontal places are in percent, so that text keeps its size on any screen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from emoscope.evaluation.intervals import Interval
from emoscope.html_page import escaped

STYLE = """
svg { display: block; width: 100%; overflow: visible; }
svg text { font-size: 12px; fill: var(--muted); font-variant-numeric: tabular-nums; }
svg .grid { stroke: var(--line); }
svg .band { fill: var(--colour); fill-opacity: .22; }
svg .arm { stroke: var(--colour); stroke-width: 7; stroke-opacity: .35; }
svg .share { fill: var(--colour); }
svg .line { fill: none; stroke: var(--colour); stroke-width: 2; }
svg .naive { fill: var(--card); stroke: var(--text); stroke-width: 1.5; }
@media (max-width: 60rem) { svg .even { display: none; } }
svg .counted { fill: none; stroke: var(--text); stroke-width: 1.5; stroke-dasharray: 3 3; }
""".lstrip()

_ROW, _HEIGHT, _TOP, _AXIS = 26, 130, 18, 20  # pixels
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Point:
    """A share in a chart.

    Attributes:
        name: name of the row or period.
        naive: share of the predictions.
        share: estimated share; None for one with too few labels.
        interval: its interval; None likewise.
    """

    name: str
    naive: float
    share: float | None
    interval: Interval | None

    @property
    def title(self) -> str:
        """The figures in words."""
        if self.share is None or self.interval is None:
            return f"{self.name}: counted {self.naive:.1%}, too few labels for an estimate"
        low, high = self.interval
        return f"{self.name}: {self.share:.1%} ({low:.1%} to {high:.1%}), counted {self.naive:.1%}"


def top_of(points: Sequence[Point]) -> float:
    """The end of an axis from 0 on which all the points are."""
    highest = max(max(point.naive, point.interval.high if point.interval else 0.0) for point in points)
    return next((step * n for step in _STEPS for n in range(1, 6) if step * n >= highest), 1.0)


def _ticks(top: float) -> list[float]:
    count = next((n for n in (4, 5, 3, 2) if round(100 * top / n, 6) % 1 == 0), 1)
    return [top * i / count for i in range(count + 1)]


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def row_chart(point: Point, top: float) -> str:
    """A point with its interval, and a ring at the naive share."""
    marks = [f'<line class="grid" x1="0" x2="100%" y1="{_ROW - 1}" y2="{_ROW - 1}"/>']
    middle = _ROW // 2
    if point.share is not None and point.interval is not None:
        low, high = (f"{100 * end / top:.2f}%" for end in point.interval)
        marks += [
            f'<line class="arm" x1="{low}" x2="{high}" y1="{middle}" y2="{middle}"/>',
            f'<circle class="share" cx="{100 * point.share / top:.2f}%" cy="{middle}" r="5"/>',
        ]
    marks.append(f'<circle class="naive" cx="{100 * point.naive / top:.2f}%" cy="{middle}" r="4"/>')
    return (
        f'<svg role="img" aria-label="{escaped(point.title)}" height="{_ROW}"><title>{escaped(point.title)}</title>'
        f"{''.join(marks)}</svg>"
    )


def axis(top: float) -> str:
    """The figures below rows."""
    places, texts = _ticks(top), []
    for index, place in enumerate(places):
        kind = ' class="even"' if index % 2 and len(places) > 3 else ""
        x = f'x="{100 * place / top:.2f}%" y="12" text-anchor="{_anchor(place / top)}"'
        texts.append(f"<text{kind} {x}>{_percent(place)}</text>")
    return f'<svg aria-hidden="true" height="16">{"".join(texts)}</svg>'


def _anchor(at: float) -> str:
    return "start" if at < 0.02 else "end" if at > 0.98 else "middle"


def course_chart(name: str, points: Sequence[Point], top: float) -> Iterator[str]:
    """Shares over time with a band, and a dashed line of the naive ones; a period with too few labels is a gap."""
    height = _TOP + _HEIGHT + _AXIS
    yield f'<svg role="img" aria-label="{escaped(_summary(name, points))}" height="{height}">'
    for share in _ticks(top):
        y = _TOP + _HEIGHT * (1 - share / top)
        yield f'<line class="grid" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text y="{y - 4:.1f}">{_percent(share)}</text>'
    yield f'<svg y="{_TOP}" height="{_HEIGHT}" viewBox="0 0 100 100" preserveAspectRatio="none">'
    yield from _lines(points, top)
    yield "</svg>"
    for index, point in enumerate(points):
        at = _place(index, len(points))
        if point.share is not None:
            y = _TOP + _HEIGHT * (1 - point.share / top)
            title = f"<title>{escaped(point.title)}</title>"
            yield f'<circle class="share" cx="{at:.2f}%" cy="{y:.1f}" r="3.5">{title}</circle>'
    for index in _shown(len(points)):
        at = _place(index, len(points))
        last = 0 < index == len(points) - 1
        x, anchor = (100.0, "end") if last else (at, "middle")
        yield f'<text x="{x:.2f}%" y="{height - 5}" text-anchor="{anchor}">{escaped(points[index].name)}</text>'
    yield "</svg>"


def _summary(name: str, points: Sequence[Point]) -> str:
    return f"{name}. {'; '.join(point.title for point in points)}"


def _lines(points: Sequence[Point], top: float) -> Iterator[str]:
    """Bands, lines of the estimates, and the line of the naive shares, in a square of 100."""
    count = len(points)
    numbered = list(enumerate(points))
    for known, part in groupby(numbered, key=lambda pair: pair[1].interval is not None):
        run = list(part)
        if not known:
            continue
        ends = [(_place(i, count), point.interval, point.share) for i, point in run]
        around = [(x, end.high) for x, end, _ in ends if end] + [(x, end.low) for x, end, _ in reversed(ends) if end]
        if len(run) == 1:
            (x, high), (_, low) = around
            around = [(x - 0.6, high), (x + 0.6, high), (x + 0.6, low), (x - 0.6, low)]
        yield f'<polygon class="band" points="{_points(around, top)}"/>'
        line = [(x, share) for x, _, share in ends if share is not None]
        yield f'<polyline class="line" vector-effect="non-scaling-stroke" points="{_points(line, top)}"/>'
    counted = [(_place(i, count), point.naive) for i, point in numbered]
    yield f'<polyline class="counted" vector-effect="non-scaling-stroke" points="{_points(counted, top)}"/>'


def _points(places: Sequence[tuple[float, float]], top: float) -> str:
    return " ".join(f"{x:.2f},{100 * (1 - share / top):.2f}" for x, share in places)


def _place(index: int, count: int) -> float:
    """Place of a period in percent of the width; the left part is for the figures of the axis."""
    return 12 + 85 * (index + 0.5) / count if count > 1 else 54.5


def _shown(count: int) -> list[int]:
    """The periods whose names are shown."""
    if count <= 3:
        return list(range(count))
    return [0, count // 2, count - 1] if count > 4 else [0, count - 1]
