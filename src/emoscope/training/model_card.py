"""The model card of a checkpoint, written from what was measured; its wording is in `model_card.md`."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from emoscope.evaluation import EvaluationReport
from emoscope.evaluation.published import EMOTION, EMOTION_VALIDATION, PUBLISHED
from emoscope.labels import EMOTIONS
from emoscope.training.config import AnyConfig, CompactConfig, Distillation, EncoderConfig, named, portable, recipe_text
from emoscope.training.corpus import Corpus

TEMPLATE = Path(__file__).with_name("model_card.md")

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
    kind = "compact" if isinstance(config, CompactConfig) else "encoder"
    distilled, thresholds = isinstance(config, Distillation), report["thresholds"] or {}
    base = _base_model(config)
    base = base if _hub_id(base) else Path(base).resolve().name
    fill = partial(_fill, config=config, base=base, corpus=corpus, report=report, dataset=report["dataset"])
    labels, of_emotions = corpus.labels_without_neutral, _of_emotions(corpus)
    limitation = "neutral" if corpus.neutral_output else "multi-label" if thresholds else "single label"
    selection = [f"{kind} selection", *["teachers selection"] * distilled, *["thresholds selection"] * bool(thresholds)]
    listed = ", ".join(f"{name} {value:.2f}" for name, value in thresholds.items())
    body = fill(
        "page",
        example="i feel so happy today" if of_emotions else "a text to classify",
        labels={"count": len(labels), "names": ", ".join(labels.names)},
        description=fill(
            "encoder student description" if distilled and kind == "encoder" else f"{kind} description",
            parameters="an unknown number of" if parameters is None else f"{parameters:,}",
        ),
        results="\n".join(_metric_row(report, metric) for metric in METRICS),
        ambiguity=_ambiguity(report),
        per_label="\n".join(_label_row(name, row) for name, row in report["per_label"].items()),
        selection="\n".join(fill(part, thresholds=listed) for part in selection),
        comparison=_comparison(report, fill),
        training=_training(config, corpus),
        command="emoscope distill" if distilled else "emoscope train",
        recipe=recipe_text(portable(config)),
        limitation=_fill(f"{limitation} limitation"),
        use=_fill("emotion use" if of_emotions else "other use") + "\n",
        licence=_licence(config, corpus),
    )
    return f"---\n{_metadata(config, corpus, report).to_yaml()}\n---\n{body}\n"


def _of_emotions(corpus: Corpus) -> bool:
    """Whether the labels are the six emotions."""
    return set(corpus.labels_without_neutral.names) == set(EMOTIONS)


def _licence(config: AnyConfig, corpus: Corpus) -> str:
    """The section on the licence; a compact model with labels of its own has none yet."""
    if _of_emotions(corpus):
        kind = "compact" if isinstance(config, CompactConfig) else "encoder"
        return _fill(f"{kind} licence") + " " + _fill("emotion data licence")
    return _fill("own licence" if isinstance(config, CompactConfig) else "encoder licence")


def _fill(part: str, **values: Any) -> str:
    """A part of the template with its placeholders filled in."""
    parts = re.split(r"^<!-- part: (.+) -->\n", TEMPLATE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[part].rstrip("\n").format(**values)


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
    files = ", ".join(f"`{Path(file).name}`" for file in config.extra_data)
    items = [_fill(part, count=count, files=files) for part, count in counts.items() if count]
    if isinstance(config, Distillation):
        items += ["", _fill("teachers", teachers=", ".join(f"`{named(teacher)}`" for teacher in config.teachers))]
        items += [_fill("teachers and reader")] * bool(compact.recombined)
    return "\n".join(items)


def _metadata(config: AnyConfig, corpus: Corpus, report: EvaluationReport) -> ModelCardData:
    dataset, of_emotions = report["dataset"], _of_emotions(corpus)
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
        base_model=_hub_id(_base_model(config)),
        language="en",
        license="apache-2.0" if isinstance(config, CompactConfig) and of_emotions else None,
        library_name="emoscope" if isinstance(config, CompactConfig) else "transformers",
        pipeline_tag="text-classification",
        tags=["emotion", "emoscope"] if of_emotions else ["emoscope"],
        datasets=[name] if name else None,
        metrics=["accuracy", "f1"],
        eval_results=results,
    )


def _hub_dataset(dataset: dict[str, Any]) -> str | None:
    """The Hub id of the data; `dair-ai/emotion` for a file with the rows of its validation split."""
    if dataset["fingerprint"] == EMOTION_VALIDATION:
        return EMOTION
    return dataset["name"] if "/" in dataset["name"] else None


def _base_model(config: AnyConfig) -> str:
    """The Hub id or the folder of the encoder that training starts from."""
    return config.model if isinstance(config, EncoderConfig) else config.embeddings


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
    both = ambiguity["with_keyword"]["rows"] and ambiguity["without_keyword"]["rows"]
    return _fill("ambiguity", ambiguity=ambiguity) if both else _fill("no ambiguity")


def _comparison(report: EvaluationReport, fill: Callable[..., str]) -> str:
    """The published models on the same rows; empty for other data."""
    if report["dataset"]["fingerprint"] != EMOTION_VALIDATION:
        return ""
    rows = [
        f"| {other.model} | {other.accuracy:.4f} | {other.f1_weighted:.4f} | {other.test_accuracy or 'not published'} |"
        for other in PUBLISHED
    ]
    return fill("comparison", published="\n".join(rows)) + "\n\n"
