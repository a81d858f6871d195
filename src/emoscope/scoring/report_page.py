"""The report of a scored table: one HTML page.

It does not say when or how fast it was made, so equal rows give equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from emoscope.conversations import fragments
from emoscope.html_page import LIGHT, escaped, html_page, label_colour, label_colours, note
from emoscope.labels import NEUTRAL
from emoscope.scoring import charts
from emoscope.scoring.charts import Columns, stacked
from emoscope.scoring.conversation_statistics import Overview
from emoscope.scoring.summary import BINS, Example, RowStatistics, Summary
from emoscope.scoring.times import Course, LabelsOverTime
from emoscope.terminal import counted

MAX_COLOURS = len(LIGHT)
"""Maximum number of labels with a colour each; of more labels, the most frequent ones, and one colour for the rest."""

_OTHERS = MAX_COLOURS
_TICKS = 5
_COLOURS = (*map(label_colour, range(MAX_COLOURS)), "var(--muted)")

STYLE = (
    """
section section, section details, details section { border: 0; padding: 0; }
h3 { font-size: .95rem; margin: 1rem 0 0; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin: .6rem 0; }
.key { display: inline-block; width: .75rem; height: .75rem; border-radius: 2px; margin-right: .4rem; }
td.bar { width: 40%; min-width: 5rem; } td.bar svg { margin-top: .3rem; }
td.text { width: 100%; }
@media (max-width: 40rem) { .wide { display: none; } }
"""
    + "".join(f".s{i} {{ fill: {colour}; background: {colour}; }}\n" for i, colour in enumerate(_COLOURS))
    + charts.STYLE
)


def report_page(
    source: str, made_with: str, summary: Summary, statistics: RowStatistics, overview: Overview | None = None
) -> str:
    """The whole page, UTF-8.

    Args:
        source: where the rows are from.
        made_with: the version of emoscope and the model.
        summary: summary of the job.
        statistics: statistics of the rows.
        overview: speakers and turning points, for conversations.
    """
    style = STYLE + _neutral_style(statistics.labels) + (fragments.STYLE if overview else "")
    return html_page(f"Emotions in {source}", _body(made_with, summary, statistics, overview), style)


def _neutral_style(labels: Sequence[str]) -> str:
    """Neutral is grey among labels that have a colour each."""
    if NEUTRAL not in labels or len(labels) > MAX_COLOURS:
        return ""
    return f".s{labels.index(NEUTRAL)} {{ fill: var(--muted); background: var(--muted); }}\n"


def _body(made_with: str, summary: Summary, statistics: RowStatistics, overview: Overview | None) -> Iterator[str]:
    scored = summary.rows - summary.without_text
    counts = [f"{counted(summary.rows_in, 'row')} read", f"{summary.rows:,} written"]
    counts += [f"{summary.without_text:,} of them without text"] if summary.without_text else []
    counts += [f"{summary.rejected:,} rejected"] if summary.rejected else []
    yield note(f"{', '.join(counts)}. Text: column {escaped(repr(statistics.text_column))}. {escaped(made_with)}.")
    yield from (note(f"{escaped(how)}.") for how in summary.notes)
    if not scored:
        yield "<section><p>No row has a text: there is nothing to show.</p></section>"
        return
    colours = _colours(statistics.labels, statistics.confidence.sum(axis=1))
    yield from _card("Labels", _shares(statistics, colours))
    if overview:
        turns = fragments.turns_list(overview.turns, overview.labels, several=overview.several)
        yield from _card("By speaker", fragments.speakers_table(overview.speakers, overview.labels))
        yield from _card("Turning points", turns)
    yield from _card("Confidence", _confidence(statistics, colours))
    if statistics.over_time:
        yield from _card("Over time", _over_time(statistics, statistics.over_time, colours))
    for label, name in enumerate(statistics.labels):
        if rows := statistics.label_rows[name]:
            yield f"<details open><summary><h2>{_key(colours[label])}{escaped(name)} ({rows:,})</h2></summary>"
            confident, doubtful = statistics.confident[label], statistics.doubtful[label]
            yield from _examples("Most confident", confident)
            if {example.row for example in confident} != {example.row for example in doubtful}:
                yield from _examples("Least confident", doubtful)
            yield "</details>"


def _colours(labels: Sequence[str], rows: NDArray[np.int64]) -> list[int]:
    """Number of the colour of each label."""
    if len(rows) <= MAX_COLOURS:
        return label_colours(labels)
    frequent = np.argsort(-rows, kind="stable")[:MAX_COLOURS].tolist()
    return [frequent.index(label) if label in frequent else _OTHERS for label in range(len(rows))]


def _card(title: str, body: Iterable[str]) -> Iterator[str]:
    yield f"<section><h2>{title}</h2>"
    yield from body
    yield "</section>"


def _key(colour: int) -> str:
    return f'<span class="key s{colour}"></span>'


def _shares(statistics: RowStatistics, colours: Sequence[int]) -> Iterator[str]:
    scored = statistics.confidence.sum()
    most = statistics.confidence.sum(axis=1).max()
    yield note(
        f"How often each label has the highest probability, and how high that probability is.{_neutral(statistics)}"
    )
    yield note(
        "These are counts of predictions, which are biased where the model confuses labels; "
        "<code>emoscope estimate</code> corrects them with some labelled rows."
    )
    yield '<table><tr><th>label</th><td class="bar"></td><th class="figure">share</th><th class="figure">rows</th>'
    yield '<th class="figure wide">90 % or more</th><th class="figure wide">under 50 %</th></tr>'
    for name, colour, bins in zip(statistics.labels, colours, statistics.confidence, strict=True):
        rows = bins.sum()
        bar = f'<rect class="s{colour}" width="{rows / most:.2%}" height="14" rx="2"/>'
        sure, unsure = (
            f"{part.sum() / rows:.1%}" if rows else "" for part in (bins[BINS * 9 // 10 :], bins[: BINS // 2])
        )
        yield (
            f'<tr><td class="short">{_key(colour)}{escaped(name)}</td>'
            f'<td class="bar"><svg aria-hidden="true" height="14">{bar}</svg></td>'
            f'<td class="figure">{rows / scored:.2%}</td><td class="figure">{rows:,}</td>'
            f'<td class="figure wide">{sure}</td><td class="figure wide">{unsure}</td></tr>'
        )
    yield "</table>"


def _neutral(statistics: RowStatistics) -> str:
    """How rows are counted that more likely express no emotion."""
    if statistics.neutral is None:
        return ""
    if statistics.labels[-1] == NEUTRAL:
        return " Rows that more likely express no emotion than any are neutral, with the probability of that."
    rows = counted(statistics.neutral, "row")
    return f" {rows} more likely without emotion, counted by label." if statistics.neutral else ""


def _confidence(statistics: RowStatistics, colours: Sequence[int]) -> Iterator[str]:
    yield note("Rows by the probability of their label, in steps of 5 %.")
    stacks, names = _series(statistics.confidence.T, statistics.labels, colours)
    steps = [f"{i * 100 // BINS} to {(i + 1) * 100 // BINS} %" for i in range(BINS)]
    ticks = [(float(at), f"{at} %") for at in range(0, 101, 20)]
    titles, most = _titles(steps, stacks, names), int(stacks.sum(axis=1).max())
    yield from stacked(Columns("Rows by the probability of their label", stacks, titles, most, f"{most:,} rows", ticks))
    yield from _legend(names)


def _over_time(statistics: RowStatistics, times: LabelsOverTime, colours: Sequence[int]) -> Iterator[str]:
    column = escaped(repr(statistics.time_column))
    course = times.course()
    if not course:
        yield note(f"No row has a time that can be read in the column {column}.")
        return
    yield note(f"Shares by {course.unit}, from the column {column}{_left_out(course, times.without)}.")
    counts, names = _series(course.rows, statistics.labels, colours)
    sums, titles = counts.sum(axis=1), _titles(course.starts, counts, names)
    shares, most = counts / np.maximum(sums, 1)[:, None], int(sums.max())
    yield from stacked(Columns("Shares of the labels over time", shares, titles, 1.0, "100 %"))
    rows, ticks = sums[:, None], _time_ticks(course)
    yield from stacked(Columns("Rows over time", rows, titles, most, f"{most:,} rows", ticks, height=60, first=_OTHERS))
    yield from _legend(names)
    yield from _time_table(course, shares, names)


def _left_out(course: Course, without: int) -> str:
    unreadable = f"; {counted(without, 'row')} without one that can be read" if without else ""
    return unreadable + (f"; {counted(course.outside, 'row')} far from all others not shown" if course.outside else "")


def _time_ticks(course: Course) -> list[tuple[float, str]]:
    count = len(course.starts)
    step = -(-count // _TICKS)
    return [((i + 0.5) * 100 / count, course.starts[i]) for i in range(0, count, step)]


def _time_table(course: Course, shares: NDArray[np.float64], names: Sequence[tuple[int, str]]) -> Iterator[str]:
    heads = "".join(f'<th class="figure">{escaped(name)}</th>' for _, name in names)
    yield f'<details><summary>The same in figures</summary><table><tr><th>{course.unit}</th>{heads}<th class="figure">'
    yield "rows</th></tr>"
    for start, row, rows in zip(course.starts, shares, course.rows.sum(axis=1).tolist(), strict=True):
        cells = "".join(f'<td class="figure">{share:.1%}</td>' for share in row.tolist()) if rows else ""
        empty = "" if rows else f'<td colspan="{len(names)}"></td>'
        yield f'<tr><td class="short">{start}</td>{cells}{empty}<td class="figure">{rows:,}</td></tr>'
    yield "</table></details>"


def _series(
    rows: NDArray[np.int64], labels: Sequence[str], colours: Sequence[int]
) -> tuple[NDArray[np.int64], list[tuple[int, str]]]:
    """Rows (n, labels) summed by colour (n, colours), and for each colour its number and its label."""
    names = {colour: name for name, colour in zip(labels, colours, strict=True) if colour != _OTHERS}
    names |= {_OTHERS: "others"} if _OTHERS in colours else {}
    summed = [rows[:, np.array(colours) == colour].sum(axis=1) for colour in sorted(names)]
    return np.stack(summed, axis=1), sorted(names.items())


def _titles(columns: Sequence[str], counts: NDArray[np.int64], names: Sequence[tuple[int, str]]) -> list[str]:
    """Text for each column (columns, series): its name, its number of rows, and the shares of its series."""
    titles = []
    for column, series in zip(columns, counts.tolist(), strict=True):
        rows = sum(series)
        shares = [f"{name} {count / rows:.1%}" for (_, name), count in zip(names, series, strict=True) if count]
        titles.append("\n".join([f"{column}: {counted(rows, 'row')}", *shares]))
    return titles


def _legend(names: Sequence[tuple[int, str]]) -> Iterator[str]:
    yield f'<p class="legend">{"".join(f"<span>{_key(colour)}{escaped(name)}</span>" for colour, name in names)}</p>'


def _examples(title: str, examples: Sequence[Example]) -> Iterator[str]:
    yield f"<h3>{title}</h3><table>"
    yield '<tr><th class="figure">score</th><th class="wide">then</th><th class="figure">row</th><th>text</th></tr>'
    for example in examples:
        then = "" if example.second is None else f"{escaped(example.second)} {example.second_score:.1%}"
        yield (
            f'<tr><td class="figure">{example.score:.1%}</td><td class="short wide">{then}</td>'
            f'<td class="figure">{example.row:,}</td><td class="text" dir="auto">{escaped(example.text)}</td></tr>'
        )
    yield "</table>"
