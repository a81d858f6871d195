"""The model card of a checkpoint, written from what was measured; its wording is in `model_card.md`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from emoscope.evaluation import EvaluationReport
from emoscope.evaluation.published import PUBLISHED
from emoscope.training.config import AnyConfig, CompactConfig, Distillation, EncoderConfig, recipe_text
from emoscope.training.corpus import Corpus

TEMPLATE = Path(__file__).with_name("model_card.md")

EMOTION = "dair-ai/emotion"
EMOTION_VALIDATION = "535c0f48f905a13cccc2531258b9caba01393bc01fb666be1b1e1f24e36adfe1"
"""Fingerprint of the 2,000 validation rows of that data set, configuration `split`."""

METRICS = {
    "accuracy": ("Accuracy", "accuracy"),
    "f1_macro": ("Macro F1", "f1"),
    "f1_weighted": ("Weighted F1", "f1"),
    "precision_macro": ("Macro precision", "precision"),
    "precision_weighted": ("Weighted precision", "precision"),
    "recall_macro": ("Macro recall", "recall"),
    "recall_weighted": ("Weighted recall", "recall"),
    "loss": ("Loss (negative log-likelihood)", "loss"),
    "ece": ("Expected calibration error, 15 bins", "expected_calibration_error"),
}
"""Title and Hub type of each metric of a report that the card shows."""


def model_card(config: AnyConfig, corpus: Corpus, report: EvaluationReport, parameters: int | None) -> str:
    """Model card with YAML front matter.

    Args:
        config: the recipe.
        corpus: what the model learnt from.
        report: its report on rows that it was not trained on.
        parameters: its number of parameters, None if unknown.
    """
    dataset, names = report["dataset"], corpus.labels.names
    compact = "compact" if isinstance(config, CompactConfig) else "encoder"
    body = _fill(
        "page",
        name=report["model"],
        description=_description(config, parameters),
        label_count=len(names),
        label_names=", ".join(names),
        split=dataset["split"],
        dataset=dataset["name"],
        rows=dataset["rows"],
        fingerprint=dataset["fingerprint"],
        results="\n".join(_metric_row(report, metric) for metric in METRICS),
        ambiguity=_ambiguity(report),
        per_label="\n".join(_label_row(name, row) for name, row in report["per_label"].items()),
        selection=_selection(config, report),
        comparison=_comparison(report),
        training=_training(config, corpus),
        command="emoscope distill" if isinstance(config, Distillation) else "emoscope train",
        recipe=recipe_text(config),
        train_fingerprint=corpus.train.fingerprint,
        no_other_label=_fill("multi-label limitation" if report["thresholds"] else "single label limitation"),
        licence=_fill(f"{compact} licence"),
    )
    return f"---\n{_metadata(config, report).to_yaml()}\n---\n{body}\n"


def _fill(part: str, **values: Any) -> str:
    """A part of the template with its placeholders filled in."""
    parts = re.split(r"^<!-- part: (.+) -->\n", TEMPLATE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[part].rstrip("\n").format(**values)


def _description(config: AnyConfig, parameters: int | None) -> str:
    kind = "compact" if isinstance(config, CompactConfig) else "encoder"
    if kind == "encoder" and isinstance(config, Distillation):
        kind = "encoder student"
    shown = "an unknown number of" if parameters is None else f"{parameters:,}"
    return _fill(f"{kind} description", parameters=shown, **vars(config))


def _selection(config: AnyConfig, report: EvaluationReport) -> str:
    """What the rows of the results, or others, were used to choose."""
    compact, thresholds = isinstance(config, CompactConfig), report["thresholds"] or {}
    parts = ["compact selection" if compact else "encoder selection"]
    parts += ["teachers selection"] if isinstance(config, Distillation) else []
    parts += ["thresholds selection"] if thresholds and not compact else []
    shown = ", ".join(f"{name} {value:.2f}" for name, value in thresholds.items())
    return "\n".join(_fill(part, split=report["dataset"]["split"], thresholds=shown, **vars(config)) for part in parts)


def _training(config: AnyConfig, corpus: Corpus) -> str:
    """What the model learnt from: a list of texts, and its teachers."""
    compact = config if isinstance(config, CompactConfig) else CompactConfig()
    counts = {
        "train split": corpus.train_rows,
        "extra data": corpus.labelled - corpus.train_rows,
        "recombined": round(compact.recombined * corpus.train_rows),
        "unlabelled": len(corpus) - corpus.labelled - corpus.copies,
        "copies": corpus.copies,
    }
    files = ", ".join(f"`{Path(file).name}`" for file in compact.extra_data)
    items = [_fill(part, count=count, files=files) for part, count in counts.items() if count]
    if isinstance(config, Distillation):
        items += ["", _fill("teachers", teachers=", ".join(f"`{name}`" for name in config.teachers))]
        items += [_fill("teachers and reader")] if compact.recombined else []
    return "\n".join(items)


def _metadata(config: AnyConfig, report: EvaluationReport) -> ModelCardData:
    dataset = report["dataset"]
    name = _hub_dataset(dataset)
    results = [
        EvalResult(
            task_type="text-classification",
            task_name="Text Classification",
            dataset_type=name or dataset["name"],
            dataset_name=dataset["name"],
            dataset_config="split" if name == EMOTION else None,
            dataset_split=dataset["split"],
            dataset_args={"sha256_of_rows": dataset["fingerprint"]},
            metric_type=hub_type,
            metric_name=title,
            metric_value=report[metric],
        )
        for metric, (title, hub_type) in METRICS.items()
    ]
    return ModelCardData(
        model_name=report["model"],
        base_model=_hub_id(config.model if isinstance(config, EncoderConfig) else config.embeddings),
        language="en",
        license="apache-2.0" if isinstance(config, CompactConfig) else None,
        library_name="emoscope" if isinstance(config, CompactConfig) else "transformers",
        pipeline_tag="text-classification",
        tags=["emotion", "emoscope"],
        datasets=[name] if name else None,
        metrics=["accuracy", "f1"],
        eval_results=results,
    )


def _hub_dataset(dataset: dict[str, Any]) -> str | None:
    """The Hub id of the data; `dair-ai/emotion` for a file with the rows of its validation split."""
    if dataset["fingerprint"] == EMOTION_VALIDATION:
        return EMOTION
    return dataset["name"] if "/" in dataset["name"] else None


def _hub_id(model: str) -> str | None:
    """The model's name, unless it is a folder."""
    return None if Path(model).exists() else model


def _metric_row(report: EvaluationReport, metric: str) -> str:
    interval = report["intervals"].get(metric)
    between = f"{interval['low']:.4f} to {interval['high']:.4f}" if interval else ""
    return f"| {METRICS[metric][0]} | {report[metric]:.4f} | {between} |"


def _label_row(name: str, row: dict[str, float]) -> str:
    return f"| {name} | {row['precision']:.4f} | {row['recall']:.4f} | {row['f1']:.4f} | {row['support']:,} |"


def _ambiguity(report: EvaluationReport) -> str:
    """The accuracy on rows with and without an ambiguous keyword."""
    ambiguity = report["ambiguity"]
    if ambiguity is None:
        return _fill("ambiguity not examined")
    having, others = ambiguity["with_keyword"], ambiguity["without_keyword"]
    if not having["rows"] or not others["rows"]:
        return _fill("no ambiguity")
    return _fill(
        "ambiguity",
        with_keyword=having["rows"],
        keywords=ambiguity["keywords"],
        accuracy_with=having["accuracy"],
        accuracy_without=others["accuracy"],
        without_keyword=others["rows"],
        ceiling=ambiguity["ceiling"],
    )


def _comparison(report: EvaluationReport) -> str:
    """The published models on the same rows; empty for other data."""
    if report["dataset"]["fingerprint"] != EMOTION_VALIDATION:
        return ""
    rows = [
        f"| {other.model} | {other.accuracy:.4f} | {other.f1_weighted:.4f} | {other.test_accuracy or 'not published'} |"
        for other in PUBLISHED
    ]
    return (
        _fill(
            "comparison",
            split=report["dataset"]["split"],
            accuracy=report["accuracy"],
            f1_weighted=report["f1_weighted"],
            published="\n".join(rows),
        )
        + "\n\n"
    )
