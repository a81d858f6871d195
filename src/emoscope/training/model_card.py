"""The model card, written at save from what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from emoscope.data import Examples
from emoscope.evaluation import EvaluationReport
from emoscope.evaluation.published import PUBLISHED
from emoscope.training.config import AnyConfig, CompactConfig, Distillation, EncoderConfig, recipe_text
from emoscope.training.corpus import Corpus

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

BODY = """\
# {name}

Which of {label_count} labels an English text carries: {label_names}. {description}

```python
from emoscope import EmotionClassifier

classifier = EmotionClassifier.from_pretrained("{name}")  # the path of this folder
print(classifier.predict(["i feel so happy today"])[0])
```

## Results

On the {split} split of `{dataset}`: {rows:,} rows, not trained on. Intervals are 95 %, by bootstrap over the rows.

| metric | value | interval |
|---|---|---|
{results}

{ambiguity}

| label | precision | recall | F1 | rows |
|---|---|---|---|---|
{per_label}

{selection}

{comparison}## Training

{training}:

```toml
{recipe}```

SHA-256 of the rows: train `{train_fingerprint}`, {split} `{fingerprint}`.

## Limits

- English. The figures above are those of texts like its training rows; on texts of other kinds (news, reviews, chat)
  expect it to be right less often.
- It knows its labels only: a text that shows none of them is given one all the same.
- Labels of such data are noisy: equal texts stand there with different labels, and some keywords carry two labels about
  evenly.
- It reports what words express, not what a person feels. Do not use it to judge people.

## Licence

{licence} If it was trained on `dair-ai/emotion` (Saravia et al., "CARER: Contextualized Affect
Representations for Emotion Recognition", EMNLP 2018): those texts are for educational and research purposes and are not
part of the model.
"""

COMPACT = """\
A compact student of [emoscope](https://github.com/emoscope/emoscope): word-piece vectors of {dimension} dimensions,
first the principal components of those of `{vectors}`; one bidirectional GRU of {hidden} units a direction; largest
and attention-weighted states; one linear layer. {parameters} parameters. Text is brought to lower-case words first,
after a "!" where it had capitals, punctuation or emoji (`normalizer` in `config.json`). The figures below are of the
model as trained, in float32; what an exported graph changes is in its `emoscope.json` under `parity`."""

ENCODER_STUDENT = """\
Made by [emoscope](https://github.com/emoscope/emoscope) of layers of `{model}`, a fine-tuned sequence classifier, and
trained as its student. {parameters} parameters."""

ENCODER = """\
`{model}`, fine-tuned by [emoscope](https://github.com/emoscope/emoscope) as a sequence classifier. {parameters}
parameters."""

LICENCE = "The model: Apache-2.0."
ENCODER_LICENCE = "The model: that of the encoder that it was fine-tuned from."

COMPACT_SELECTION = """\
No {split} row was used in this run, for anything but these tables. The temperature was fitted on a random
{calibration_share:.0%} of the training rows, scored by a student of the others."""

ENCODER_SELECTION = """\
The epoch with the best weighted F1 on these same rows was kept, so the figures are a little higher than on new
rows."""

TEACHERS_SELECTION = """
What its teachers were trained and chosen on, their own cards say."""

TRAINING = "On the train split: {labelled:,} rows{more}. With this recipe of `emoscope train`"

FURTHER = ", on {further:,} further labelled texts ({files})"

SPLICED = """;
and in each epoch on {spliced:,} texts made of parts of those rows, under the probabilities of {judges}"""

DISTILLATION = """\
On the labels of the train split, {labelled:,} rows{more}. And on the mean probabilities of its teachers
({teachers}) for all those texts with a label, for {unlabelled:,} texts without a label and for
{copies:,} augmented copies of both. With this recipe of `emoscope distill`"""

COMPARISON = """\
## Beside the published models

The others' figures are published ones, not measured here; their validation figures are of the best epoch chosen on
the same rows. Two accuracies on 2,000 rows that differ by less than about 0.011 say nothing by themselves. To compare
for yourself: `emoscope compare`.

| model | {split} accuracy | weighted F1 | test accuracy |
|---|---|---|---|
| this one | {accuracy:.4f} | {f1_weighted:.4f} | not scored |
{published}

"""


MULTI_LABEL_SELECTION = """
The threshold of each label was tuned on these rows too. Accuracy counts the texts whose labels are all right.
Thresholds: {thresholds}."""


def model_card(
    config: AnyConfig, train: Examples, report: EvaluationReport, *, parameters: int | None, corpus: Corpus
) -> str:
    """Model card with YAML front matter.

    Args:
        config: the recipe.
        train: the rows trained on.
        report: the model's report on rows it was not trained on.
        parameters: how many the model has, None if that is not known.
        corpus: what it learnt from.
    """
    dataset, names = report["dataset"], train.labels.names
    description, selection = _words(config, report, parameters)
    body = BODY.format(
        name=report["model"],
        label_count=len(names),
        label_names=", ".join(names),
        description=description,
        split=dataset["split"],
        dataset=dataset["name"],
        rows=dataset["rows"],
        fingerprint=dataset["fingerprint"],
        results="\n".join(_result(report, metric) for metric in METRICS),
        ambiguity=_ambiguity(report),
        per_label="\n".join(_label_row(name, row) for name, row in report["per_label"].items()),
        selection=selection,
        comparison=_comparison(report),
        licence=LICENCE if isinstance(config, CompactConfig) else ENCODER_LICENCE,
        training=_training(config, train, corpus),
        train_fingerprint=train.fingerprint,
        recipe=recipe_text(config),
    )
    return f"---\n{_metadata(config, report).to_yaml()}\n---\n{body}"


def _words(config: AnyConfig, report: EvaluationReport, parameters: int | None) -> tuple[str, str]:
    """What the model is, and what its figures were chosen on."""
    values = vars(config) | {
        "parameters": "An unknown number of" if parameters is None else f"{parameters:,}",
        "split": report["dataset"]["split"],
        "thresholds": ", ".join(f"{name} {value:.2f}" for name, value in (report["thresholds"] or {}).items()),
    }
    student = TEACHERS_SELECTION if isinstance(config, Distillation) else ""
    if isinstance(config, CompactConfig):
        return COMPACT.format(**values), COMPACT_SELECTION.format(**values) + student
    selection = ENCODER_SELECTION + student + (MULTI_LABEL_SELECTION if report["thresholds"] else "")
    return (ENCODER_STUDENT if student else ENCODER).format(**values), selection.format(**values)


def _training(config: AnyConfig, train: Examples, corpus: Corpus) -> str:
    """What the model learnt from."""
    further = spliced = ""
    if isinstance(config, CompactConfig):
        files = ", ".join(f"`{Path(file).name}`" for file in config.further)
        further = FURTHER.format(further=corpus.labelled - len(train), files=files) if files else ""
        judges = "a reader of keywords" + (" and the teachers" if isinstance(config, Distillation) else "")
        made = SPLICED.format(spliced=round(config.spliced * len(train)), judges=judges)
        spliced = made if config.spliced else ""
    if not isinstance(config, Distillation):
        return TRAINING.format(labelled=len(train), more=further + spliced)
    return DISTILLATION.format(
        labelled=len(train),
        more=further + spliced,
        teachers=", ".join(f"`{name}`" for name in config.teachers),
        unlabelled=len(corpus) - corpus.labelled - corpus.copies,
        copies=corpus.copies,
    )


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
        base_model=_hub_id(config.model if isinstance(config, EncoderConfig) else config.vectors),
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
    """The Hub id that the data was read from; `dair-ai/emotion` for a file with the rows of its validation split."""
    if dataset["fingerprint"] == EMOTION_VALIDATION:
        return EMOTION
    return dataset["name"] if "/" in dataset["name"] else None


def _hub_id(model: str) -> str | None:
    """The model, unless it was a folder."""
    return None if Path(model).exists() else model


def _result(report: EvaluationReport, metric: str) -> str:
    interval = report["intervals"].get(metric)
    between = f"{interval['low']:.4f} to {interval['high']:.4f}" if interval else ""
    return f"| {METRICS[metric][0]} | {report[metric]:.4f} | {between} |"


def _ambiguity(report: EvaluationReport) -> str:
    ambiguity = report["ambiguity"]
    if ambiguity is None:
        return "Keywords that carry two labels about evenly were not sought."
    if not ambiguity["with_keyword"]["rows"] or not ambiguity["without_keyword"]["rows"]:
        return "No row holds a keyword that carries two labels about evenly in the training data."
    share, rest = ambiguity["with_keyword"], ambiguity["without_keyword"]
    return (
        f"{share['rows']:,} rows hold one of {ambiguity['keywords']} keywords that carry two labels about evenly in\n"
        f"the training data: accuracy {share['accuracy']:.4f} there, {rest['accuracy']:.4f} on the other "
        f"{rest['rows']:,}. Such keywords leave about {ambiguity['ceiling']:.3f} to any model."
    )


def _comparison(report: EvaluationReport) -> str:
    """The published models on the same rows; nothing for other data."""
    dataset = report["dataset"]
    if dataset["fingerprint"] != EMOTION_VALIDATION:
        return ""
    rows = [
        f"| {other.model} | {other.accuracy:.4f} | {other.f1_weighted:.4f} | {other.test_accuracy or 'not published'} |"
        for other in PUBLISHED
    ]
    return COMPARISON.format(
        split=dataset["split"],
        accuracy=report["accuracy"],
        f1_weighted=report["f1_weighted"],
        published="\n".join(rows),
    )


def _label_row(name: str, row: dict[str, float]) -> str:
    return f"| {name} | {row['precision']:.4f} | {row['recall']:.4f} | {row['f1']:.4f} | {row['support']:,} |"
