"""The report of an estimate: one HTML page with charts, which needs nothing else.

It does not say when it was made, so equal rows give equal bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from emoscope.html_page import escaped, html_page, label_colour, label_colours, note
from emoscope.shares import charts
from emoscope.shares.charts import Point, axis, course_chart, row_chart, top_of
from emoscope.shares.differences import ShareDifference
from emoscope.shares.labellers import Agreement, Coefficient
from emoscope.shares.results import ClassShare, Estimate, Shares
from emoscope.terminal import counted

SIGNIFICANT = 0.05
"""Adjusted p-value below which a difference is marked."""

STYLE = (
    """
h3 { font-size: .95rem; margin: 1rem 0 .2rem; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; margin: .6rem 0; }
.legend svg { display: inline-block; width: 1.6rem; vertical-align: middle; margin-right: .3rem; }
.key { display: inline-block; width: .75rem; height: .75rem; border-radius: 2px; margin-right: .4rem;
  background: var(--colour); }
td.chart { width: 55%; min-width: 8rem; padding-left: .5rem; border-bottom: 0; }
table.rows td { vertical-align: middle; border-bottom: 0; padding-top: 0; padding-bottom: 0; }
.courses { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); gap: .4rem 1.6rem; }
tr.found td { font-weight: 600; }
table.rows td:first-child { width: 20%; min-width: 9.5rem; }
@media (max-width: 40rem) { .wide, table.rows tr:first-child { display: none; } th, td { padding-right: .45rem; }
  table.rows, table.rows tbody { display: block; } table.rows td:first-child { width: auto; min-width: 0; }
  table.rows tr { display: grid; grid-template-columns: 1fr auto auto; margin-top: .5rem; }
  td.chart { grid-column: 1 / -1; grid-row: 2; width: auto; padding: 0; } }
"""
    + charts.STYLE
)


def shares_page(source: str, estimate: Estimate, ordered: Sequence[str], notes: Sequence[str] = ()) -> str:
    """The whole page, UTF-8.

    Args:
        source: where the rows are from.
        estimate: the shares.
        ordered: names of the groupings whose groups follow one another, such as months.
        notes: sentences about rows that were left out.
    """
    style = STYLE + _colours(estimate.overall)
    return html_page(f"Shares of emotions in {source}", _body(estimate, ordered, notes), style)


def _colours(shares: Shares) -> str:
    names = [share.label for share in shares.classes]
    colours = [label_colour(index) for index in label_colours(names)]
    return "".join(f".c{i} {{ --colour: {colour}; }}\n" for i, colour in enumerate(colours))


def _body(estimate: Estimate, ordered: Sequence[str], notes: Sequence[str]) -> Iterator[str]:
    overall = estimate.overall
    yield note(
        f"{counted(overall.rows, 'row')}, of which {overall.labels:,} are labelled. "
        + " ".join(escaped(sentence) for sentence in notes)
    )
    yield from _card("All rows", _overall(overall))
    for by, parts in groupby(estimate.groups, key=lambda shares: shares.by):
        groups = list(parts)
        body = _courses(groups) if by in ordered and len(groups) > 2 else _rows_by_group(groups)
        yield from _card(f"By {escaped(by or '')}", [*body, *_figures(groups)])
    for by, tests in groupby(estimate.differences, key=lambda test: test.by):
        yield from _card(f"Differences by {escaped(by)}", _differences(list(tests)))
    if estimate.agreement:
        yield from _card("Labellers", _agreement(estimate.agreement))
    yield from _card("Method", _method(overall.level))


def _card(title: str, body: Iterable[str]) -> Iterator[str]:
    yield f"<section><h2>{title}</h2>"
    yield from body
    yield "</section>"


def _point(share: ClassShare, name: str) -> Point:
    return Point(name, share.naive, share.share, share.interval)


def _legend(level: float, *, course: bool = False) -> str:
    band = '<rect class="band" y="2" width="100%" height="8"/>' if course else ""
    arm = '<line class="arm" x1="0" x2="100%" y1="6" y2="6"/>'
    dashes = '<line class="counted" x1="0" x2="100%" y1="6" y2="6"/>'
    ring = '<circle class="naive" cx="50%" cy="6" r="4"/>'
    entries = (
        ('<circle class="share" cx="50%" cy="6" r="5"/>', "corrected share"),
        (band or arm, f"{100 * level:g} % interval"),
        (dashes if course else ring, "count of predictions, uncorrected"),
    )
    keys = "".join(
        f'<span><svg class="c0" aria-hidden="true" height="12">{mark}</svg>{text}</span>' for mark, text in entries
    )
    return f'<p class="legend">{keys}</p>'


def _overall(shares: Shares) -> Iterator[str]:
    yield _legend(shares.level)
    points = [_point(share, share.label) for share in shares.classes]
    yield from _rows(shares.classes, points, list(range(len(points))), top_of(points), "label")


def _rows(
    shares: Sequence[ClassShare], points: Sequence[Point], colours: Sequence[int], top: float, head: str
) -> Iterator[str]:
    """A table with a chart in each row."""
    heads = '<th class="figure">share</th><th class="figure">interval</th><th class="figure wide">counted</th>'
    heads += '<th class="figure wide">narrower</th>'
    yield f'<table class="rows"><tr><th>{head}</th><td class="chart"></td>{heads}</tr>'
    for share, point, colour in zip(shares, points, colours, strict=True):
        yield (
            f'<tr class="c{colour}"><td>{_shown_name(point.name)}</td>'
            f'<td class="chart">{row_chart(point, top)}</td>{_cells(share)}</tr>'
        )
    yield f'<tr><td></td><td class="chart">{axis(top)}</td><td colspan="4"></td></tr></table>'


def _shown_name(name: str) -> str:
    """The name of a row; a date in it is not broken at its hyphens."""
    return re.sub(r"(?<=\d)-(?=\d)", "\u2011", escaped(name)) or "(empty)"


def _cells(share: ClassShare) -> str:
    counted_cell = f'<td class="figure wide">{share.naive:.1%}</td>'
    if share.share is None or share.interval is None or share.narrower is None:
        few = '<td class="figure">-</td><td class="figure">too few labels</td>'
        return f'{few}{counted_cell}<td class="figure wide"></td>'
    low, high = share.interval
    return (
        f'<td class="figure">{share.share:.1%}</td><td class="figure">{low:.1%} to {high:.1%}</td>{counted_cell}'
        f'<td class="figure wide">{share.narrower:.0%}</td>'
    )


def _rows_by_group(groups: Sequence[Shares]) -> Iterator[str]:
    yield _legend(groups[0].level)
    for index, share in enumerate(groups[0].classes):
        shares = [group.classes[index] for group in groups]
        points = [_point(one, group.group or "") for one, group in zip(shares, groups, strict=True)]
        yield f'<h3 class="c{index}"><span class="key"></span>{escaped(share.label)}</h3>'
        yield from _rows(shares, points, [index] * len(points), top_of(points), "group")


def _courses(groups: Sequence[Shares]) -> Iterator[str]:
    yield _legend(groups[0].level, course=True)
    if few := sum(group.classes[0].share is None for group in groups):
        yield note(f"{counted(few, 'period')} with too few labels: only the count is shown.")
    yield '<div class="courses">'
    for index, share in enumerate(groups[0].classes):
        points = [_point(group.classes[index], group.group or "") for group in groups]
        yield f'<div class="c{index}"><h3><span class="key"></span>{escaped(share.label)}</h3>'
        yield from course_chart(share.label, points, top_of(points))
        yield "</div>"
    yield "</div>"


def _figures(groups: Sequence[Shares]) -> Iterator[str]:
    yield "<details><summary>The same in figures</summary><table><tr><th>group</th><th>label</th>"
    for head in ("rows", "labels", "counted", "share", "interval"):
        yield f'<th class="figure">{head}</th>'
    yield "</tr>"
    for group in groups:
        for share in group.classes:
            figures = [f"{group.rows:,}", f"{group.labels:,}", f"{share.naive:.1%}"]
            if share.share is not None and share.interval is not None:
                figures += [f"{share.share:.1%}", f"{share.interval.low:.1%} to {share.interval.high:.1%}"]
            else:
                figures += ["-", "too few labels"]
            cells = "".join(f'<td class="figure">{figure}</td>' for figure in figures)
            yield f"<tr><td>{escaped(group.group or '')}</td><td>{escaped(share.label)}</td>{cells}</tr>"
    yield "</table></details>"


def _differences(tests: Sequence[ShareDifference]) -> Iterator[str]:
    found = sum(test.p_adjusted < SIGNIFICANT for test in tests)
    yield note(
        f"{found} of {counted(len(tests), 'difference')} significant at {SIGNIFICANT:.0%}, after Holm's adjustment for "
        "all of them. Points are percentage points."
    )
    ordered = sorted(tests, key=lambda test: test.p)
    yield from _difference_table(ordered[:found]) if found else ()
    if found < len(ordered):
        yield f"<details><summary>{'The others' if found else 'All of them'}</summary>"
        yield from _difference_table(ordered[found:])
        yield "</details>"


def _difference_table(tests: Sequence[ShareDifference]) -> Iterator[str]:
    heads = '<th class="figure">points</th><th class="figure wide">interval</th><th class="figure">p, adjusted</th>'
    yield f"<table><tr><th>label</th><th>group</th><th>minus</th>{heads}</tr>"
    for test in tests:
        low, high = test.interval
        kind = ' class="found"' if test.p_adjusted < SIGNIFICANT else ""
        yield (
            f"<tr{kind}><td>{escaped(test.label)}</td><td>{escaped(test.first)}</td><td>{escaped(test.second)}</td>"
            f'<td class="figure">{100 * test.difference:+.1f}</td>'
            f'<td class="figure wide">{100 * low:+.1f} to {100 * high:+.1f}</td>'
            f'<td class="figure">{_p(test.p_adjusted)}</td></tr>'
        )
    yield "</table>"


def _p(value: float) -> str:
    return "&lt; 0.001" if value < 0.001 else f"{value:.3f}"


def _agreement(agreement: Agreement) -> Iterator[str]:
    agreed = "-" if agreement.agreed is None else f"{agreement.agreed:.1%}"
    yield note(
        f"{agreement.labellers} labellers; {counted(agreement.rows, 'row')} with two labels or more, of which pairs "
        f"agree on {agreed}. Their disagreement is part of the intervals."
    )
    yield f"<p>Krippendorff's alpha {_coefficient(agreement.alpha)}</p>"
    for number, kappa in enumerate(agreement.kappa, start=1):
        pair = f" of pair {number}" if len(agreement.kappa) > 1 else ""
        yield f"<p>Cohen's kappa{pair} {_coefficient(kappa)}</p>"


def _coefficient(coefficient: Coefficient) -> str:
    if coefficient.value is None or coefficient.interval is None:
        return "is not defined: all labels are alike"
    low, high = coefficient.interval
    return f"{coefficient.value:.2f} (95 % interval {low:.2f} to {high:.2f})"


def _method(level: float) -> Iterator[str]:
    yield (
        "<p>The count of predictions is biased, because a model confuses some emotions more often than others. The "
        "corrected share is the mean of the predicted probabilities plus their mean error on the labelled rows "
        f"(prediction-powered inference). Its {100 * level:g} % interval covers the choice of the labelled rows; it "
        "does not cover mistakes that all labellers make alike. Each label has an interval of its own, so shares may "
        "sum to slightly more or less than 100 %. “Narrower” compares an interval with that of as many labels in a "
        "simple random sample, without predictions.</p>"
    )
