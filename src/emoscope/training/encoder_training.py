"""Fine-tunes a pretrained encoder on a corpus with the Hugging Face Trainer, and writes its checkpoint folder.

Every epoch ends in a checkpoint, from which an interrupted run continues to the same result. To train on several
devices, start the same command with torchrun: `torchrun -m emoscope train ...`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset
from transformers import (
    DataCollatorWithPadding,
    EarlyStoppingCallback,
    EvalPrediction,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.integrations.integration_utils import TensorBoardCallback
from transformers.trainer_utils import PredictionOutput

from emoscope.calibration import tune_thresholds
from emoscope.data import Examples
from emoscope.errors import ModelError, require_extra
from emoscope.evaluation.metrics import averages, confusion_matrix, indicator_counts
from emoscope.model_folder import TOKENIZERS, WEIGHTS, holds, resolve
from emoscope.neutral import Neutral
from emoscope.probabilities import probabilities
from emoscope.quiet import quiet_transformers
from emoscope.text import NORMALIZERS
from emoscope.torch_runtime.pretrained import load_fast_tokenizer, load_sequence_classifier
from emoscope.training.config import EncoderConfig
from emoscope.training.corpus import Corpus
from emoscope.training.loss_plot import HISTORY_FILE
from emoscope.training.objective import Objective
from emoscope.training.progress import OnProgress, Progress, no_progress
from emoscope.training.run_folder import CHECKPOINTS, is_main_process

TARGETS = ("labels", "soft_targets", "shifts")
"""Columns of a `TokenDataset` that the loss needs and the model does not, in the order of `Objective.loss`."""


@dataclass(frozen=True)
class EncoderRun:
    """The settings of a run that do not depend on what the encoder learns from.

    Attributes:
        config: the recipe.
        folder: the folder to write; checkpoints go into `folder/checkpoints`.
        resume: whether to continue from the newest complete checkpoint.
        report_to: "tensorboard" logs every step into `folder/tensorboard`; "none" logs nothing.
        progress: called after each step and after the evaluation of each epoch.
        stage: name of the stage in progress reports.
    """

    config: EncoderConfig
    folder: Path
    resume: bool = False
    report_to: str = "none"
    progress: OnProgress = no_progress
    stage: str = "encoder"


def fine_tune(run: EncoderRun, corpus: Corpus, validation: Examples) -> None:
    """Fine-tune the recipe's encoder on labelled texts; see `fit_encoder`.

    Raises:
        ModelError: the encoder cannot be found or read.
    """
    tokenizer, model = _with_new_head(run.config, corpus)
    fit_encoder(run, model, tokenizer, corpus, validation)


def fit_encoder(
    run: EncoderRun,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    corpus: Corpus,
    validation: Examples,
    trainer_class: Callable[..., Trainer] | None = None,
) -> None:
    """Train an encoder and leave the best epoch, by weighted F1 on validation, in the run's folder.

    Args:
        run: the settings.
        model: the model to train.
        tokenizer: its tokenizer.
        corpus: the texts to train on.
        validation: the rows that each epoch is evaluated on.
        trainer_class: a Trainer with another loss; None for that of the labels.
    """
    if trainer_class is None:
        trainer_class = (
            Trainer if validation.multi_label else partial(ObjectiveTrainer, objective=Objective.of(run.config))
        )
    validation_corpus = Corpus.of(validation)
    if corpus.neutral_output:
        validation_corpus = validation_corpus.with_neutral_output()
    validation_rows = TokenDataset(validation_corpus, tokenizer, run.config)
    trainer = trainer_class(
        model=model,
        args=_arguments(run.config, run.folder / CHECKPOINTS),
        data_collator=DataCollatorWithPadding(tokenizer),
        train_dataset=TokenDataset(corpus.with_repeats(run.config.repeats), tokenizer, run.config),
        eval_dataset=validation_rows,
        processing_class=tokenizer,
        compute_metrics=partial(_metrics, labels=len(validation.labels), multi_label=validation.multi_label),
        callbacks=_callbacks(run),
    )
    trainer.remove_callback(PrinterCallback)
    with quiet_transformers():
        trainer.train(resume_from_checkpoint=_newest_complete(run.folder / CHECKPOINTS) if run.resume else None)
        settings: dict[str, Any] = {"normalizer": run.config.normalizer, "max_length": run.config.max_length}
        if corpus.neutral_output:
            settings["neutral"] = asdict(Neutral())
        if validation.multi_label:
            settings["thresholds"] = _thresholds(trainer.predict(validation_rows))
        if trainer.is_world_process_zero():
            _save(trainer, tokenizer, run.folder, settings)


def find_checkpoint(name_or_path: str) -> Path:
    """Folder of a pretrained or fine-tuned encoder, given as a path or a Hub id.

    Raises:
        ModelError: the encoder cannot be found, or has no configuration or no tokenizer.
    """
    source = resolve(name_or_path, one_of=WEIGHTS)
    for kind, files in (("config.json", ("config.json",)), ("tokenizer", TOKENIZERS)):
        if not holds(source, files):
            raise ModelError(f"{source} is not an encoder that can be fine-tuned: it has no {kind}")
    return source


def _with_new_head(config: EncoderConfig, corpus: Corpus) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """The encoder's tokenizer, and the encoder with a new classification head drawn from the seed."""
    source = find_checkpoint(config.model)
    torch.manual_seed(config.seed)
    model = load_sequence_classifier(
        source,
        new_head=True,
        num_labels=len(corpus.labels),
        id2label=corpus.labels.id2label,
        label2id=corpus.labels.label2id,
        problem_type="multi_label_classification" if corpus.train.multi_label else "single_label_classification",
    )
    return load_fast_tokenizer(source), model


def _arguments(config: EncoderConfig, folder: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=config.epochs,
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        warmup_steps=config.warmup,
        weight_decay=config.weight_decay,
        train_sampling_strategy="group_by_length",
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        restore_callback_states_from_checkpoint=True,
        metric_for_best_model="f1_weighted",
        greater_is_better=True,
        use_cpu=not torch.accelerator.is_available(),
        ddp_find_unused_parameters=False,
        bf16=_in_bfloat16(config.precision),
        logging_steps=1,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
        seed=config.seed,
    )


def _in_bfloat16(precision: str) -> bool:
    """Whether products are in bfloat16; with "auto" on a GPU that supports it."""
    if precision == "auto":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return precision == "bfloat16"


def _metrics(prediction: EvalPrediction, *, labels: int, multi_label: bool) -> dict[str, float]:
    """Averages over the labels of the validation rows, which the neutral output is not one of."""
    truth, logits = np.asarray(prediction.label_ids), np.asarray(prediction.predictions)[:, :labels]
    if multi_label:
        return averages(indicator_counts(truth > 0, logits >= 0))
    return averages(confusion_matrix(truth, logits.argmax(axis=1), logits.shape[1]))


def _callbacks(run: EncoderRun) -> list[TrainerCallback]:
    callbacks: list[TrainerCallback] = [_Reporter(run)]
    if run.config.patience:
        callbacks.append(EarlyStoppingCallback(run.config.patience))
    if run.report_to == "tensorboard" and is_main_process():
        require_extra("tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        writer = SummaryWriter(str(run.folder / "tensorboard"))
        callbacks.append(TensorBoardCallback(writer))  # type: ignore[no-untyped-call]
    return callbacks


class ObjectiveTrainer(Trainer):
    """A Trainer whose loss is that of an `Objective`."""

    def __init__(self, *args: Any, objective: Objective, **rest: Any) -> None:
        """Prepare a run.

        Args:
            args: see `Trainer`.
            objective: the terms of the loss.
            rest: see `Trainer`.
        """
        super().__init__(*args, **rest)
        self.args.remove_unused_columns = False
        self._objective = objective

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Loss of a batch, and with `return_outputs` the model's outputs."""
        tokens = {name: values for name, values in inputs.items() if name not in TARGETS}
        outputs = model(**tokens)
        loss = self._objective.loss(outputs.logits.float(), inputs["labels"], *map(inputs.get, TARGETS[1:]))
        return (loss, outputs) if return_outputs else loss


class TokenDataset(Dataset[dict[str, Any]]):
    """Token ids of each text of a corpus, with its label (multi-label: indicators as float) and its soft targets."""

    def __init__(self, corpus: Corpus, tokenizer: PreTrainedTokenizerBase, config: EncoderConfig) -> None:
        """Normalize and tokenize the texts as the recipe says."""
        texts = [*map(NORMALIZERS[config.normalizer], corpus.texts)]
        labels = corpus.label_ids.astype(np.float32) if corpus.train.multi_label else corpus.label_ids
        self._columns = {**tokenizer(texts, truncation=True, max_length=config.max_length), "labels": labels.tolist()}
        if not corpus.train.multi_label:
            self._columns["shifts"] = corpus.shifts.tolist()
        if corpus.soft_targets is not None:
            self._columns["soft_targets"] = corpus.soft_targets.tolist()
        self._rows = len(texts)

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, row: int) -> dict[str, Any]:
        return {name: values[row] for name, values in self._columns.items()}


class _Reporter(TrainerCallback):
    """Passes steps and evaluations of the Trainer on to `run.progress`."""

    def __init__(self, run: EncoderRun) -> None:
        self._run = run
        self._metrics: dict[str, float] = {}
        self._loss = float("nan")

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **rest: Any) -> None:
        logs = rest.get("logs") or {}
        self._loss = logs.get("loss", self._loss)
        if "eval_f1_weighted" in logs:
            self._metrics = {"accuracy": logs["eval_accuracy"], "f1_weighted": logs["eval_f1_weighted"]}
        if state.is_world_process_zero:
            step = Progress(self._run.stage, state.global_step, state.max_steps, self._loss, self._metrics)
            self._run.progress(step)


def _newest_complete(folder: Path) -> str | None:
    """The newest checkpoint whose last file is complete; a run killed while it saved leaves an incomplete one."""
    numbered = sorted(folder.glob("checkpoint-*"), key=lambda path: -int(path.name.rpartition("-")[2]))
    for checkpoint in numbered:
        try:
            json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        return str(checkpoint)
    return None


def _save(trainer: Trainer, tokenizer: PreTrainedTokenizerBase, folder: Path, settings: dict[str, Any]) -> None:
    """Write model, tokenizer, the configuration with emoscope's settings, and the log of the run."""
    trainer.save_model(str(folder))
    tokenizer.save_pretrained(folder)
    (folder / "training_args.bin").unlink(missing_ok=True)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8")) | settings
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (folder / HISTORY_FILE).write_text(json.dumps(trainer.state.log_history, indent=1) + "\n", encoding="utf-8")


def _thresholds(scored: PredictionOutput) -> list[float]:
    """For each label the probability threshold with the best F1 on validation."""
    scores = probabilities(np.asarray(scored.predictions), multi_label=True)
    return tune_thresholds(scores, np.asarray(scored.label_ids) > 0)
