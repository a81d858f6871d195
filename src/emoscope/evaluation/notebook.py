"""Reports and comparisons as HTML for notebooks: tables with bars, and a shaded confusion matrix. Measures nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from emoscope.evaluation.comparison_table import LEFT_ALIGNED, comparison_tables
from emoscope.html_page import escaped, label_colour, label_colours, note

MAX_LABELS = 30
"""Maximum number of labels of a confusion matrix that is shown."""
METRICS = {"accuracy": "accuracy", "f1_macro": "F1, macro", "f1_weighted": "F1, weighted", "loss": "loss", "ece": "ECE"}
"""Keys of a report that its first table shows, and their names."""
_BAR_WIDTH = 10
_LEFT, _RIGHT = "text-align:left", "text-align:right"


def report_html(report: Mapping[str, Any]) -> str:
    """A report of `evaluate`: figures with intervals, figures of each label with bars, and the confusion matrix."""
    dataset = report["dataset"]
    split = f", {dataset['split']} split" if dataset["split"] else ""
    parts = [
        f"<p><b>{escaped(str(report['model']))}</b> on {escaped(dataset['name'])}{escaped(split)}, "
        f"{dataset['rows']:,} rows</p>",
        _table(["metric", "value", "95 % interval"], _figures(report)),
        _table(["label", "precision", "recall", "F1", "", "rows"], _labels(report["per_label"])),
    ]
    if report["confusion"] and len(report["confusion"]["labels"]) <= MAX_LABELS:
        parts.append(_confusion(**report["confusion"]))
    return "".join(parts)


def comparison_html(comparison: Mapping[str, Any]) -> str:
    """A comparison: the tables of `comparison_text`, with their notes."""
    return "".join(
        f"<p><b>{escaped(table.title)}</b></p>"
        + _table(list(table.columns), [[escaped(cell) for cell in row] for row in table.rows()])
        + note(escaped(table.note))
        for table in comparison_tables(comparison)
    )


def _figures(report: Mapping[str, Any]) -> Iterator[list[str]]:
    for metric, name in METRICS.items():
        interval = report["intervals"].get(metric)
        between = f"{interval['low']:.4f} to {interval['high']:.4f}" if interval else ""
        yield [name, f"{report[metric]:.4f}", between]


def _labels(per_label: Mapping[str, Any]) -> Iterator[list[str]]:
    for colour, (label, row) in zip(label_colours(list(per_label)), per_label.items(), strict=True):
        figures = [f"{row[metric]:.4f}" for metric in ("precision", "recall", "f1")]
        yield [escaped(label), *figures, _bar(colour, row["f1"]), f"{row['support']:,}"]


def _bar(colour: int, share: float) -> str:
    bar = f'<div style="background:{label_colour(colour)};height:0.8em;width:{_BAR_WIDTH * share:.2f}em"></div>'
    return f'<div style="width:{_BAR_WIDTH}em;background:#8883">{bar}</div>'


def _confusion(labels: Sequence[str], matrix: Sequence[Sequence[int]]) -> str:
    """Rows are true labels; a cell is shaded by its share of the row."""
    rows = []
    for label, counts in zip(labels, matrix, strict=True):
        total = max(1, sum(counts))
        shaded = (f'<span style="{_shade(count / total)}">{count:,}</span>' for count in counts)
        rows.append([escaped(label), *shaded])
    return _table(["true \\ predicted", *map(escaped, labels)], rows)


def _shade(share: float) -> str:
    return f"display:block;padding:0 .4em;background:rgba(63,111,196,{0.7 * share:.2f})"


def _table(header: Sequence[str], rows: Any) -> str:
    """A table of cells that are HTML already; all columns but names are aligned to the right."""
    styles = [_LEFT if at == 0 or name in LEFT_ALIGNED else _RIGHT for at, name in enumerate(header)]
    lines = [
        "".join(f'<{tag} style="{style}">{cell}</{tag}>' for cell, style in zip(cells, styles, strict=True))
        for tag, cells in [("th", header), *(("td", row) for row in rows)]
    ]
    return f'<table style="border-collapse:collapse">{"".join(f"<tr>{line}</tr>" for line in lines)}</table>'
