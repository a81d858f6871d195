"""Fits what differs for written texts, from models that have not seen the corpora that they score.

Run: python recipes/written_text.py FOLDER --left-out runs/leave_one_out/all --recipe compact --corpora runs/corpora
         --data DIR

`emotion` consists of bare lower-case words, on which a model is right far more often than on texts from elsewhere. The
temperature and the prediction sets of written texts are therefore fitted on corpora that a model was trained without:
the folders without_CORPORA_SEED/RECIPE of `benchmarks/leave_one_out.py`. Their temperature on `emotion` is fitted on
its validation split first, and the factor for written texts on all rows of all corpora together. These models have seen
less than the one they stand for, which is therefore right more often: of the factors whose loss is within TOLERANCE of
the lowest, the smallest is taken. For the prediction sets every corpus has the same number of rows at most, so that
their coverage holds in small corpora too.

Printed, and recorded in emoscope.json: for each corpus the calibration error, the share of neutral texts for which an
emotion has more than 0.8, and coverage and size of the sets for 90 %; before: with what is fitted on `emotion`; after:
with what is fitted on the other corpora alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope import EmotionClassifier
from emoscope.calibrated import WrittenText
from emoscope.calibration import CalibrationResult, fit_prediction_sets, fit_temperature, write_calibrated
from emoscope.data import Examples, load_splits
from emoscope.evaluation.metrics import expected_calibration_error, log_loss
from emoscope.labels import EMOTIONS
from emoscope.model_folder import open_folder
from emoscope.prediction_sets import PredictionSets
from emoscope.probabilities import log_probabilities, temperature_scaled

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
from left_out_models import left_out_models, load_table

SET_ROWS = 4_000
"""Rows of a corpus that prediction sets are fitted on, at most."""
COVERAGE, SURE = 0.9, 0.8
TOLERANCE = 0.005
"""Share by which the loss may exceed the lowest one."""


@dataclass(frozen=True)
class Corpus:
    """One corpus, scored by a model that was trained without it, at the temperature fitted on `emotion`.

    Attributes:
        rows: probabilities of the emotional texts, float32 (rows, labels).
        truth: int64 (rows,).
        neutral: probabilities of the neutral texts, float32 (neutral texts, labels).
        plain_sets: prediction sets fitted on `emotion`.
    """

    rows: NDArray[np.float32]
    truth: NDArray[np.int64]
    neutral: NDArray[np.float32]
    plain_sets: PredictionSets

    def competing(self) -> NDArray[np.float32]:
        """The rows with a probability for those labels alone that the corpus has."""
        present = np.isin(np.arange(self.rows.shape[1]), self.truth)
        rows = np.where(present, self.rows, 0)
        shares: NDArray[np.float32] = rows / rows.sum(axis=1, keepdims=True)
        return shares

    def sample(self) -> Corpus:
        """The corpus with SET_ROWS random emotional texts, or all."""
        rows = np.random.default_rng(0).permutation(len(self.truth))[:SET_ROWS]
        return replace(self, rows=self.rows[rows], truth=self.truth[rows])


def main() -> None:
    """Fit, print, and write into the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="model folder to write into")
    parser.add_argument("--left-out", type=Path, required=True, help="folder of the models trained without a corpus")
    parser.add_argument("--recipe", required=True, help="name of their recipe")
    parser.add_argument("--corpora", type=Path, required=True, help="folder of the tables")
    parser.add_argument("--data", required=True, help="the data set emotion")
    args = parser.parse_args()
    validation = load_splits(args.data)["validation"]
    corpora = dict(_scored(args.left_out, args.recipe, args.corpora, validation))
    written = fit(list(corpora.values()))
    report = {name: _quality(name, corpora) for name in corpora}
    print(f"temperature factor {written.temperature_factor:.3f}")
    for name, row in report.items():
        print(name, {key: round(value, 3) for key, value in row.items()})
    folder = open_folder(args.folder)
    result = CalibrationResult(
        replace(folder.calibration, written=written),
        {**folder.manifest.calibration_report, "written": {"left_out": report, "coverage": COVERAGE}},
    )
    write_calibrated(folder, result)


def fit(corpora: Sequence[Corpus]) -> WrittenText:
    """Temperature factor and prediction sets of written texts."""
    rows = np.concatenate([corpus.competing() for corpus in corpora])
    truth = np.concatenate([corpus.truth for corpus in corpora])
    best = fit_temperature(log_probabilities(rows), truth)
    highest_loss = (1 + TOLERANCE) * log_loss(temperature_scaled(rows, best), truth)
    candidates = [*np.arange(1, best, 0.01).round(2).tolist(), best]
    factor = next(each for each in candidates if log_loss(temperature_scaled(rows, each), truth) <= highest_loss)
    return WrittenText(factor, _sets([corpus.sample() for corpus in corpora], factor))


def _sets(corpora: Sequence[Corpus], factor: float) -> PredictionSets:
    rows = np.concatenate([temperature_scaled(corpus.rows, factor) for corpus in corpora])
    return fit_prediction_sets(rows, np.concatenate([corpus.truth for corpus in corpora]), EMOTIONS)


def _quality(name: str, corpora: Mapping[str, Corpus]) -> dict[str, Any]:
    """Of one corpus, with what is fitted on the others."""
    corpus, fitted = corpora[name], fit([other for key, other in corpora.items() if key != name])
    competing, truth, factor = corpus.competing(), corpus.truth, fitted.temperature_factor
    written_sets = fitted.prediction_sets
    assert written_sets is not None
    ways = {"before": (1.0, corpus.plain_sets), "after": (factor, written_sets)}
    report: dict[str, Any] = {"rows": len(truth), "temperature_factor": factor}
    for when, (ratio, fitted_sets) in ways.items():
        sets = fitted_sets.sets(temperature_scaled(corpus.rows, ratio), COVERAGE)
        report |= {
            f"ece_{when}": expected_calibration_error(temperature_scaled(competing, ratio), truth),
            f"neutral_sure_{when}": float((temperature_scaled(corpus.neutral, ratio).max(axis=1) > SURE).mean()),
            f"set_coverage_{when}": float(sets[np.arange(len(truth)), truth].mean()),
            f"set_size_{when}": float(sets.sum(axis=1).mean()),
        }
    return report


def _scored(left_out: Path, recipe: str, tables: Path, validation: Examples) -> Iterator[tuple[str, Corpus]]:
    """Each corpus that was left out, with its rows scored by the model that was trained without it."""
    for name, model in left_out_models(left_out, recipe):
        classifier = EmotionClassifier.from_pretrained(model)
        held_out = _probabilities(classifier, validation)
        plain = fit_temperature(log_probabilities(held_out), validation.label_ids)
        plain_sets = fit_prediction_sets(temperature_scaled(held_out, plain), validation.label_ids, EMOTIONS)
        table = load_table(tables / f"{name}.csv")
        emotional = table.label_ids < len(EMOTIONS)
        rows = temperature_scaled(_probabilities(classifier, table), plain)
        yield name, Corpus(rows[emotional], table.label_ids[emotional], rows[~emotional], plain_sets)


def _probabilities(classifier: EmotionClassifier, examples: Examples) -> NDArray[np.float32]:
    return classifier.predict_proba(examples.texts)[:, [classifier.labels.index(name) for name in EMOTIONS]]


if __name__ == "__main__":
    main()
