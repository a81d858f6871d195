r"""Measure a model on labelled data: quality, calibration, speed.

The data is a folder of splits (train, validation, test), one file (.txt with text;label, .csv, .tsv, .jsonl, .json,
.parquet, .arrow; also .gz) or a Hub id. If it has a train split, the report also estimates how far ambiguous keywords,
which occur about equally often with two labels, limit the accuracy of any classifier.

--slices breaks the report down by length, negation, first person and ambiguous keyword, and --slice-column by a column
of the data. It shows which of these parts differ significantly from the rest.

With --multi-label a row has any number of labels ("joy,love", "1,2", a list, 0 or 1 for each label), and the model
predicts every label that reaches its threshold. If both columns are numbers, a .csv or .tsv has no header.

examples:
  emoscope evaluate --data DIR
  emoscope evaluate --data DIR --split test --report report.json --plots plots
  emoscope evaluate --data DIR --slices --plots plots
  emoscope evaluate --data rows.csv --slice-column country --slice-column year
  emoscope evaluate --data rows.csv --text-column comment --label-column emotion --json
  emoscope evaluate --data goemotions --labels goemotions/labels.txt --multi-label \
      --text-column 0 --label-column 1 --model DIR
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emoscope.cli.data_options import (
    add_data_arguments,
    add_multi_label_argument,
    add_split_argument,
    choose_split,
    labels_for,
    read_options,
    read_splits,
)
from emoscope.cli.model_options import add_model_arguments, load_classifier
from emoscope.cli.output import add_report_arguments, show, write_report
from emoscope.terminal import counted, shortened

if TYPE_CHECKING:
    from emoscope.data import Examples
    from emoscope.evaluation import EvaluationReport, Keywords

WIDTH = 80
METRICS = {
    "accuracy": "accuracy",
    "f1_macro": "F1, macro",
    "f1_weighted": "F1, weighted",
    "loss": "log loss",
    "ece": "calibration error",
}
MULTI_LABEL_METRICS = {"accuracy": "", "f1_micro": "F1, micro"} | METRICS | {"accuracy": "all labels right"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    add_data_arguments(parser, default_labels="the model's")
    add_split_argument(parser)
    add_multi_label_argument(parser)
    add_model_arguments(parser)
    parser.add_argument("--slices", action="store_true", help="break the report down into parts of the rows")
    parser.add_argument(
        "--slice-column",
        action="append",
        default=[],
        metavar="COLUMN",
        help="break it down by this column too; repeat for several columns",
    )
    add_report_arguments(parser)
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw the report into this folder (extra: plot)")


def run(args: argparse.Namespace) -> int:
    """Evaluate the model, write the report and the plots, and print the report."""
    from emoscope.errors import require_extra
    from emoscope.evaluation import plot_report

    if args.plots:
        require_extra("plot")
    report = _evaluate(args)
    text = write_report(args, report)
    if args.plots:
        plot_report(report, args.plots)
    show(text if args.json else "\n".join(_tables(report)))
    return 0


def _evaluate(args: argparse.Namespace) -> EvaluationReport:
    from emoscope.evaluation import evaluate, fit_keywords
    from emoscope.evaluation.report import check_multi_label

    classifier = load_classifier(args)
    check_multi_label(classifier, args.multi_label)
    splits = read_splits(args, labels_for(args, classifier))
    examples = choose_split(splits, args)
    keywords = fit_keywords(splits["train"]) if "train" in splits and not args.multi_label else None
    return evaluate(
        classifier,
        examples,
        model_name=args.model,
        keywords=keywords,
        thresholds=classifier.thresholds,
        slices=_slices(args, examples, keywords) if args.slices or args.slice_column else None,
    )


def _slices(args: argparse.Namespace, examples: Examples, keywords: Keywords | None) -> dict[str, list[str]]:
    from emoscope.data import load_column
    from emoscope.evaluation import slice_texts, slice_values

    slices = slice_texts(examples.texts, keywords)
    skipped, options = {row.number for row in examples.skipped}, read_options(args)
    columns = {}
    for column in args.slice_column:
        cells = enumerate(load_column(args.data, examples.split, column, **options), start=1)
        columns[column] = slice_values([cell for number, cell in cells if number not in skipped])
    return slices | {f"column {name}" if name in slices else name: values for name, values in columns.items()}


def _tables(report: EvaluationReport) -> Iterator[str]:
    dataset = report["dataset"]
    split = f", {dataset['split']}" if dataset["split"] else ""
    yield f"{report['model']} on {dataset['name']}{split}: {counted(dataset['rows'], 'row')}"
    multi_label = report["thresholds"] is not None
    singular = () if multi_label else (_confusion, _keywords)
    for lines in (_headline, _labels, *singular, *([_slice_table] if report["slices"] else []), _cost):
        yield ""
        yield from lines(report)


def _headline(report: EvaluationReport) -> Iterator[str]:
    yield f"{'metric':<20}{'value':>8}    95 % interval"
    for metric, title in (MULTI_LABEL_METRICS if report["thresholds"] else METRICS).items():
        interval = report["intervals"].get(metric)
        between = f"    {interval['low']:.4f} to {interval['high']:.4f}" if interval else ""
        yield f"{title:<20}{report[metric]:>8.4f}{between}"


def _labels(report: EvaluationReport) -> Iterator[str]:
    thresholds = report["thresholds"] or {}
    averages = {
        kind: {name: report[f"{name}_{kind}"] for name in ("precision", "recall", "f1")}
        | {"support": report["dataset"]["rows"]}
        for kind in (("macro", "micro", "weighted") if thresholds else ("macro", "weighted"))
    }
    title = f"{'label':<20}{'precision':>10}{'recall':>10}{'F1':>10}{'rows':>10}"
    yield title + (f"{'threshold':>11}" if thresholds else "")
    for name, row in (report["per_label"] | averages).items():
        scores = "".join(f"{row[metric]:>10.4f}" for metric in ("precision", "recall", "f1"))
        threshold = f"{thresholds[name]:>11.4f}" if name in thresholds else ""
        yield f"{shortened(name, 19):<20}{scores}{row['support']:>10,}{threshold}"


def _confusion(report: EvaluationReport) -> Iterator[str]:
    labels, matrix = report["confusion"]["labels"], report["confusion"]["matrix"]
    if 20 + 10 * len(labels) > WIDTH:
        yield f"confusion matrix: too wide for {len(labels)} labels; see --report or --plots"
        return
    yield _row("true \\ predicted", [shortened(name, 9) for name in labels])
    for name, counts in zip(labels, matrix, strict=True):
        yield _row(name, [f"{count:,}" for count in counts])


def _keywords(report: EvaluationReport) -> Iterator[str]:
    ambiguity = report["ambiguity"]
    if ambiguity is None:
        yield "ambiguous keywords: not measured, the data has no train split"
        return
    yield f"{'ambiguous keywords':<20}{'rows':>8}    accuracy"
    for key, title in (("with_keyword", "rows with one"), ("without_keyword", "rows without one")):
        share = ambiguity[key]
        accuracy = "-" if share["accuracy"] is None else f"{share['accuracy']:.4f}"
        yield f"{title:<20}{share['rows']:>8,}    {accuracy}"
    words, ceiling = ambiguity["keywords"], ambiguity["ceiling"]
    yield f"{words} such words limit the accuracy of any classifier to about {ceiling:.3f}"


def _slice_table(report: EvaluationReport) -> Iterator[str]:
    yield f"{'slice':<22}{'rows':>7}{'accuracy':>10}   95 % interval     vs. the rest"
    by = ""
    for row in report["slices"]:
        if row["by"] != by:
            by = row["by"]
            yield shortened(by, WIDTH)
        between = f"{row['low']:.4f} to {row['high']:.4f}"
        against = "few rows" if row["p"] is None else f"{row['difference']:+.4f}  p {_p(row['p_holm'])}"
        yield f"  {shortened(row['slice'], 19):<20}{row['rows']:>7,}{row['accuracy']:>10.4f}   {between}  {against}"
    yield "interval: Wilson; p: Fisher's exact test, corrected for all slices (Holm)"


def _p(value: float) -> str:
    shown = f"{value:.4f}" if value >= 0.0001 else "<0.0001"
    return shown + (" *" if value < 0.05 else "")


def _cost(report: EvaluationReport) -> Iterator[str]:
    rate, seconds = report["samples_per_second"], report["runtime_seconds"]
    yield f"{'speed':<20}{rate:,.0f} texts/s: {counted(report['dataset']['rows'], 'text')} in {seconds:.3f} s"
    for device in ("cpu", "gpu"):
        kept, peak = (report["memory"][f"mem_{device}_{kind}_delta"] for kind in ("alloc", "peaked"))
        if device == "gpu" and not (kept or peak):
            continue  # the model is on the CPU
        yield f"{device.upper() + ' memory':<20}{_megabytes(kept)} kept, {_megabytes(peak)} more at the peak"


def _megabytes(count: int | None) -> str:
    return "not measured" if count is None else f"{count / 1e6:,.1f} MB"


def _row(name: str, cells: Sequence[Any]) -> str:
    return f"{shortened(name, 19):<20}" + "".join(f"{cell:>10}" for cell in cells)
