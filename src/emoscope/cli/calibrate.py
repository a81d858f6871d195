"""Make a model's certainty mean something: temperature, sets of labels, "no clear emotion".

On labelled rows that MODEL was not trained on it fits the temperature (probabilities that are right as often as they
say), and for every coverage from 50 to 99 % the sets of labels that hold the truth in so many cases, whatever the truth
is. It says how well: sets are fitted on one half of the rows and measured on the other, many times.

With --clear-from it also learns to tell texts that show no clear emotion: D has texts labelled neutral and emotional.
Of a folder of splits, train is fitted on and validation measured on.

Only emoscope.json and the card change, in the model folder or, with --output, in a copy of it. Calibrate what you ship:
the exported folder, not the checkpoint that it was made of.

examples:
  emoscope calibrate runs/model --data DIR
  emoscope calibrate bundled --data my_rows.csv --output runs/mine --plots plots
  emoscope calibrate owner/name --data DIR --split validation --output runs/mine
  emoscope calibrate runs/model --data DIR --clear-from runs/neutral_texts
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emoscope.cli.data_options import add_data_arguments, add_split_argument, choose_split, labels_for, read_splits
from emoscope.cli.output import add_report_arguments, write_report

if TYPE_CHECKING:
    from emoscope.evaluation.calibration import Calibration
    from emoscope.model_folder import ModelFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.add_argument("model", metavar="MODEL", help="a model folder, a checkpoint, 'bundled', or a Hub id")
    add_data_arguments(parser, default_labels="the model's")
    add_split_argument(parser)
    parser.add_argument(
        "--clear-from", metavar="D", help="texts labelled neutral and emotional: file, or folder of splits"
    )
    parser.add_argument("--keep-temperature", action="store_true", help="leave the probabilities as they are")
    parser.add_argument("--output", type=Path, metavar="OUT", help="write a copy; of 'bundled' and a Hub id it must be")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw the report there (extra: plot)")
    add_report_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Calibrate, write, print."""
    from emoscope.errors import require_extra
    from emoscope.evaluation import plot_calibration, write_calibrated
    from emoscope.evaluation.calibrated_folder import check_target
    from emoscope.model_folder import GRAPHS, WEIGHTS, open_folder, resolve

    if args.plots:
        require_extra("plot")
    folder = open_folder(resolve(args.model, one_of=(GRAPHS, *WEIGHTS)))
    check_target(folder, args.output, own=args.model != "bundled" and Path(args.model).is_dir())
    calibration = _calibrate(args, folder)
    written = write_calibrated(folder, calibration, args.output)
    text = write_report(args, calibration.report)
    if args.plots:
        plot_calibration(calibration.report, args.plots)
    print(text if args.json else "\n".join([*_tables(calibration.report), "", f"written: {written}"]))
    return 0


def _calibrate(args: argparse.Namespace, folder: ModelFolder) -> Calibration:
    from emoscope.classifier import EmotionClassifier
    from emoscope.data import load_splits
    from emoscope.evaluation import calibrate
    from emoscope.evaluation.calibration import KINDS, check_one_label

    classifier = EmotionClassifier.from_pretrained(folder.path)
    check_one_label(classifier)
    examples = choose_split(read_splits(args, labels_for(args, classifier)), args)
    return calibrate(
        classifier,
        examples,
        model_name=args.model,
        temperature=folder.manifest.temperature,
        keep_temperature=args.keep_temperature,
        neutral=folder.neutral,
        clear_from=load_splits(args.clear_from, labels=KINDS) if args.clear_from else None,
    )


def _tables(report: dict[str, Any]) -> Iterator[str]:
    dataset = report["dataset"]
    split = f", {dataset['split']}" if dataset["split"] else ""
    yield f"{report['model']} on {dataset['name']}{split}: {dataset['rows']:,} rows, accuracy {report['accuracy']:.4f}"
    for lines in (_probabilities, _prediction_sets, _coverages, _abstention, _clearness):
        yield from lines(report)


def _probabilities(report: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield f"{'probabilities':<20}{'before':>10}{'after':>10}"
    for key, title in (("temperature", "temperature"), ("loss", "log loss"), ("ece", "calibration error")):
        yield f"{title:<20}{report[key]['before']:>10.4f}{report[key]['after']:>10.4f}"
    if report["accuracy"] == 1:
        yield "the temperature stays: the model is right on every row, from which none can be fitted"


def _prediction_sets(report: dict[str, Any]) -> Iterator[str]:
    halves = next(iter(report["prediction_sets"].values()))["halves"]
    yield ""
    yield f"sets of labels, fitted on one half of the rows and measured on the other, {halves} times"
    yield f"{'coverage asked':<20}{'found':>16}{'labels a set':>14}{'none':>8}{'several':>9}{'one, right':>12}"
    for percent, quality in report["prediction_sets"].items():
        size, empty, several, right = (quality[key]["mean"] for key in ("size", "empty", "several", "one_right"))
        shares = f"{size:>14.2f}{empty:>8.1%}{several:>9.1%}{_share(right):>12}"
        yield f"{percent + ' %':<20}{_spread(quality['coverage']):>16}{shares}"


def _coverages(report: dict[str, Any]) -> Iterator[str]:
    """Coverage by label."""
    yield ""
    sets = report["prediction_sets"]
    yield f"{'label':<20}{'rows':>6}" + "".join(f"{percent + ' % asked':>16}" for percent in sets)
    for name, rows in report["rows"].items():
        found = "".join(f"{_spread(quality['labels'][name]):>16}" for quality in sets.values())
        yield f"{name[:19]:<20}{rows:>6,}{found}"
    yield from _written(report["rows"], [int(percent) for percent in sets])


def _written(rows: dict[str, int], percents: list[int]) -> Iterator[str]:
    """What is known of the sets that are written."""
    from emoscope.prediction_sets import coverage_spread, rows_needed

    yield "the sets written are fitted on all rows, not on half: where rows are few they hold, as a rule, fewer labels"
    enough = {label: count for label, count in rows.items() if count >= rows_needed(90)}
    if enough:
        label, fewest = min(enough.items(), key=lambda item: item[1])
        yield f"at 90 % those of {label} leave its coverage open by ± {coverage_spread(fewest, 90):.3f}"
    for label, count in rows.items():
        short = [f"{percent} % (needs {rows_needed(percent)})" for percent in percents if count < rows_needed(percent)]
        if short:
            yield f"{label[:19]} ({count}): too few rows to be left out of any set at {', '.join(short)}"


def _abstention(report: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield f"{'answers from':<20}{'rows answered':>16}{'right':>10}"
    for point in report["abstention"]:
        yield f"{point['at_least']:<20g}{point['answered']:>16.1%}{_share(point['accuracy']):>10}"
    yield f"area under the risk-coverage curve: {report['aurc']:.5f}"


def _clearness(report: dict[str, Any]) -> Iterator[str]:
    found = report["clearness"]
    yield ""
    if found is None:
        yield "no clear emotion: not fitted; give texts labelled neutral and emotional with --clear-from"
        return
    measured = found["measured_on"]
    same = " (the rows fitted on)" if measured == found["fitted_on"] else ""
    yield f"no clear emotion: {measured['neutral']:,} neutral and {measured['emotional']:,} emotional texts{same}"
    highest = found["auroc"]["highest_probability"]
    yield f"{'AUROC':<20}{found['auroc']['distance']:>10.4f}    highest probability: {highest:.4f}"
    for kind, title in (("neutral", "neutral texts"), ("emotional", "emotional texts"), ("rows", "rows of --data")):
        yield f"{title:<20}{found[f'{kind}_unclear']:>10.2%}    said to show none"


def _spread(spread: dict[str, float | None]) -> str:
    if spread["mean"] is None:
        return "-"
    return f"{spread['mean']:.3f} ± {spread['standard_deviation']:.3f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
