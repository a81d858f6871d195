"""The model card, written at save from what was measured."""

from __future__ import annotations

import dataclasses

from huggingface_hub import EvalResult, ModelCardData

from emoscope.compact import Checkpoint
from emoscope.data import Examples
from emoscope.evaluation import Report
from emoscope.training.config import CompactConfig

METRICS = {
    "accuracy": "Accuracy",
    "f1_macro": "Macro F1",
    "f1_weighted": "Weighted F1",
    "precision_macro": "Macro precision",
    "recall_macro": "Macro recall",
    "loss": "Loss (negative log-likelihood)",
    "ece": "Expected calibration error (15 bins)",
}
HUB_NAMES = {"accuracy": "accuracy", "f1_macro": "f1", "f1_weighted": "f1", "loss": "loss"}

BODY = """\
# {name}

Which of {label_count} emotions an English text expresses: {label_names}. A compact student of
[emoscope](https://github.com/emoscope/emoscope): word-piece vectors of {dimension} dimensions, one bidirectional GRU
of {hidden} units a direction, largest and attention-weighted states, one linear layer; {parameters} parameters.

```python
from emoscope import EmotionClassifier

classifier = EmotionClassifier.from_pretrained()  # the model in the package; or the path of a model folder
print(classifier.predict(["i feel so happy today"])[0])
```

## Results

On the {split} split of `{dataset}` ({rows:,} rows, not trained on; SHA-256 of the rows
`{fingerprint}`), the model as trained, in float32, with a 95 % bootstrap
interval over the rows; what an exported graph changes is in `emoscope.json` under `parity`:

| metric | value | interval |
|---|---|---|
{results}

{ambiguity}

| label | precision | recall | F1 | rows |
|---|---|---|---|---|
{per_label}

## Training

On the train split ({train_rows:,} rows, SHA-256 `{train_fingerprint}`), with this recipe:

```toml
{recipe}
```

Word-piece vectors start from the principal components of those of `{vectors}`. The temperature, {temperature:.4f},
was fitted on a random {calibration_share:.0%} of the training rows, scored by a student of the others; this run used no
validation row for anything but the tables above.

## Limits

- English, and trained on short first-person texts ("i feel ..."), lower-case and without punctuation, whose labels
  come from hashtags. Raw text is brought to that form first (`text_form` in `emoscope.json`); on text of other kinds
  (news, reviews, chat) it is right far less often.
- It always names one of its labels: there is no "none of these".
- The labels are noisy: equal texts stand in the data with different labels, and some keywords carry two labels about
  evenly.
- It reports what words express, not what a person feels. Do not use it to judge people.

## Licence

The model: Apache-2.0. The data set (Saravia et al., "CARER: Contextualized Affect Representations for Emotion
Recognition", EMNLP 2018) is for educational and research purposes; its texts are not part of this model.
"""


def compact_card(config: CompactConfig, checkpoint: Checkpoint, train: Examples, report: Report) -> str:
    """Model card of a compact student, YAML front matter included.

    Args:
        config: its recipe.
        checkpoint: the trained student.
        train: the rows it was trained on.
        report: its report on rows it was not trained on.
    """
    dataset = report["dataset"]
    body = BODY.format(
        name=report["model"],
        label_count=len(checkpoint.labels),
        label_names=", ".join(checkpoint.labels.names),
        dimension=config.dimension,
        hidden=config.hidden,
        parameters=f"{sum(weight.numel() for weight in checkpoint.model.parameters()):,}",
        split=dataset["split"],
        dataset=dataset["name"],
        rows=dataset["rows"],
        fingerprint=dataset["fingerprint"],
        results="\n".join(_result(report, metric, title) for metric, title in METRICS.items()),
        ambiguity=_ambiguity(report),
        per_label="\n".join(_label_row(name, row) for name, row in report["per_label"].items()),
        train_rows=len(train),
        train_fingerprint=train.fingerprint,
        recipe="\n".join(f"{name} = {value!r}" for name, value in dataclasses.asdict(config).items()),
        vectors=config.vectors,
        temperature=checkpoint.temperature,
        calibration_share=config.calibration_share,
    )
    return f"---\n{_metadata(report).to_yaml()}\n---\n{body}"


def _metadata(report: Report) -> ModelCardData:
    dataset = report["dataset"]
    results = [
        EvalResult(
            task_type="text-classification",
            task_name="Text Classification",
            dataset_type=dataset["name"],
            dataset_name=dataset["name"],
            dataset_split=dataset["split"],
            metric_type=HUB_NAMES[metric],
            metric_name=METRICS[metric],
            metric_value=report[metric],
        )
        for metric in HUB_NAMES
    ]
    return ModelCardData(
        model_name=report["model"],
        language="en",
        license="apache-2.0",
        library_name="emoscope",
        pipeline_tag="text-classification",
        tags=["emotion", "onnx"],
        datasets=["dair-ai/emotion"],
        metrics=["accuracy", "f1"],
        eval_results=results,
    )


def _result(report: Report, metric: str, title: str) -> str:
    interval = report["intervals"].get(metric)
    between = f"{interval['low']:.4f} to {interval['high']:.4f}" if interval else ""
    return f"| {title} | {report[metric]:.4f} | {between} |"


def _ambiguity(report: Report) -> str:
    ambiguity = report["ambiguity"]
    with_keyword, without = ambiguity["with_keyword"], ambiguity["without_keyword"]
    if not with_keyword["rows"] or not without["rows"]:
        return "No row has a keyword that carries two labels about evenly in the training data."
    return (
        f"{with_keyword['rows']:,} rows hold one of {ambiguity['keywords']} keywords that carry two labels about "
        f"evenly in the training data: accuracy {with_keyword['accuracy']:.4f} there, {without['accuracy']:.4f} on the "
        f"other {without['rows']:,}."
    )


def _label_row(name: str, row: dict[str, float]) -> str:
    return f"| {name} | {row['precision']:.4f} | {row['recall']:.4f} | {row['f1']:.4f} | {row['support']:,} |"
