"""emoscope calibrate, on copies of the bundled model and rows of our own."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import tiny
from emoscope import EmotionClassifier
from emoscope.cli import main
from emoscope.errors import ModelError
from emoscope.manifest import MANIFEST, read_manifest, write_manifest
from emoscope.model_folder import BUNDLED, open_folder
from emoscope.verification import verify
from tiny import examples

EDITION_0_1 = Path(__file__).parents[1] / "data" / "edition_0_1" / "model"
PLAIN = ["they came today", "when they came", "today again", "they came when they came"]


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(BUNDLED, tmp_path / "model")


@pytest.fixture
def folder_of_0_1(tmp_path):
    return shutil.copytree(EDITION_0_1, tmp_path / "model")


@pytest.fixture
def data(tmp_path):
    """120 rows, a tenth of them with another label."""
    rows, draw = examples("validation"), random.Random(0)
    names = rows.labels.names
    labels = [draw.choice(names) if draw.random() < 0.1 else names[i] for i in rows.label_ids]
    file = tmp_path / "rows.txt"
    file.write_text("".join(f"{text};{label}\n" for text, label in zip(rows.texts, labels, strict=True)))
    return file


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    """The folder of a small model with an output for neutral texts."""
    for module in ("torch", "transformers", "accelerate", "onnx", "onnxscript"):
        pytest.importorskip(module)
    return tiny.student_with_neutral(tmp_path_factory.mktemp("student"))


@pytest.fixture
def neutral_data(tmp_path):
    file = tmp_path / "neutral.csv"
    emotional = [f"{text},emotional\n" for text in examples("train").texts[::10]]
    neutral = [f'"{text}, {number}",neutral\n' for text in PLAIN for number in range(3)]
    file.write_text("text,label\n" + "".join(emotional + neutral))
    return file


def manifest(folder):
    return json.loads((folder / MANIFEST).read_text())


def run(capsys, *argv):
    status = main(["calibrate", *map(str, argv)])
    return status, *capsys.readouterr()


def refused(capsys, *argv):
    """The one line of a job that failed."""
    status, out, error = run(capsys, *argv)
    assert (status, out) == (1, "") and error.count("\n") == 1
    return error


def test_a_folder_is_calibrated_in_place_and_stays_valid(folder, data, capsys):
    before = manifest(folder)
    status, out, _ = run(capsys, folder, "--data", data)
    assert status == 0 and f"written: {folder}" in out
    after = manifest(folder)
    changed = {key for key in after if after[key] != before[key]}
    assert changed == {"temperature", "prediction_sets", "written", "calibration_report", "verification"}
    factor = before["written"]["temperature_factor"]
    assert after["written"] == {"temperature_factor": factor, "prediction_sets": None} and factor > 1
    assert after["temperature"] > before["temperature"]
    assert after["calibration_report"]["dataset"]["rows"] == 120
    assert open_folder(folder).graph.read_bytes() == (BUNDLED / "onnx" / "model.onnx").read_bytes()
    assert verify(folder).passed
    assert {file.name for file in folder.iterdir()} == {file.name for file in BUNDLED.iterdir()}


def test_the_new_temperature_and_prediction_sets_are_used(folder, data, capsys):
    run(capsys, folder, "--data", data)
    text = "i feel passionate about it"
    (before,), (after,) = (EmotionClassifier.from_pretrained(model).predict([text]) for model in ("bundled", folder))
    assert after.score < before.score
    assert after.prediction_set(0.9) == tuple(
        name
        for (name, score), least in zip(after.scores.items(), manifest(folder)["prediction_sets"]["90"], strict=True)
        if score >= least
    )
    assert before.is_neutral is after.is_neutral is False


@pytest.mark.parametrize("flag", ["--neutral-data", "--clear-from"])
def test_the_distance_of_0_1_is_kept_at_every_temperature(folder_of_0_1, data, neutral_data, capsys, flag):
    folder, before = folder_of_0_1, read_manifest(folder_of_0_1)
    status, out, _ = run(capsys, folder, "--data", data, flag, neutral_data)
    after = manifest(folder)
    assert status == 0 and "neutral: not fitted; --neutral-data fits it, for a model with an output" in out
    ratio = after["temperature"] / before.calibration.temperature
    assert after["neutral"]["threshold"] * ratio == pytest.approx(before.calibration.neutral.threshold)
    texts = ["they came today", "i feel happy today"]
    models = (EmotionClassifier.from_pretrained(path) for path in (EDITION_0_1, folder))
    old, new = (model.neutral_proba(texts) >= 0.5 for model in models)
    assert old.tolist() == new.tolist()


def test_the_output_for_neutral_texts_keeps_its_fit_unless_fitted_again(student, data, neutral_data, tmp_path, capsys):
    folder = shutil.copytree(student, tmp_path / "model")
    status, out, _ = run(capsys, folder, "--data", data, "--neutral-data", neutral_data)
    fitted = manifest(folder)
    assert status == 0 and "12 neutral and 12 emotional texts (the texts fitted on)" in out
    assert fitted["calibration_report"]["neutral"]["fitted_on"]["neutral"] == 12
    assert fitted["neutral"] != manifest(student)["neutral"] == {"scale": 1.0, "bias": 0.0}
    run(capsys, folder, "--data", data)
    again = manifest(folder)
    assert again["neutral"] == fitted["neutral"]
    assert again["calibration_report"]["neutral"] == fitted["calibration_report"]["neutral"]
    classifier = EmotionClassifier.from_pretrained(folder)
    assert (classifier.neutral_proba(["they came again", "i feel happy today"]) >= 0.5).tolist() == [True, False]


def test_a_model_that_cannot_tell_neutral_texts_needs_an_output(folder_of_0_1, data, neutral_data, capsys):
    folder, read = folder_of_0_1, read_manifest(folder_of_0_1)
    write_manifest(folder, replace(read, calibration=replace(read.calibration, neutral=None)))
    assert "no output for neutral texts" in refused(capsys, folder, "--data", data, "--neutral-data", neutral_data)


def test_the_card_has_one_section_after_two_runs(folder, data, capsys):
    title_in_0_1 = (folder / "README.md").read_text().replace("## Calibration", "## How sure")
    (folder / "README.md").write_text(title_in_0_1)
    run(capsys, folder, "--data", data)
    once = (folder / "README.md").read_text()
    run(capsys, folder, "--data", data, "--keep-temperature")
    twice = (folder / "README.md").read_text()
    assert once.count("## Calibration") == twice.count("## Calibration") == 1
    assert "## How sure" in title_in_0_1 and "## How sure" not in once
    assert "120 rows of `rows`" in once and "The temperature was fitted on them too" in once
    assert "The temperature was kept" in twice
    original = (BUNDLED / "README.md").read_text()
    for title in ("## Results", "## Training", "## Licence"):
        start = original.index(title)
        assert original[start : start + 400] in twice


def test_a_folder_without_card_or_manifest_gets_a_manifest(folder, data, capsys):
    (folder / "README.md").unlink()
    (folder / MANIFEST).unlink()
    assert EmotionClassifier.from_pretrained(folder).predict(["i feel happy"])[0].prediction_sets is None
    status, _, error = run(capsys, folder, "--data", data)
    assert (status, error) == (0, "")
    names = {"config.json", "known_words.txt", "tokenizer.json", "onnx/model.onnx"}
    assert set(manifest(folder)["files"]) == names
    assert EmotionClassifier.from_pretrained(folder).predict(["i feel happy"])[0].prediction_set(0.9) == ("joy",)
    assert not (folder / "README.md").exists()


def test_a_foreign_card_gets_the_section_at_its_end(folder, data, capsys):
    (folder / "README.md").write_text("# Mine\n\nWords.")
    run(capsys, folder, "--data", data)
    assert (folder / "README.md").read_text().startswith("# Mine\n\nWords.\n\n## Calibration\n")


def test_the_installed_model_is_never_written(data, tmp_path, capsys):
    before = (BUNDLED / MANIFEST).read_bytes()
    for name in ("bundled", BUNDLED):
        assert "--output" in refused(capsys, name, "--data", data)
    status, out, _ = run(capsys, "bundled", "--data", data, "--output", tmp_path / "new" / "mine")
    assert status == 0 and f"written: {tmp_path / 'new' / 'mine'}" in out
    assert (BUNDLED / MANIFEST).read_bytes() == before
    assert manifest(tmp_path / "new" / "mine")["calibration_report"]["dataset"]["rows"] == 120
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mine"]


def test_an_output_in_use_is_an_error(data, tmp_path, capsys):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    assert "exists and is not empty" in refused(capsys, "bundled", "--data", data, "--output", tmp_path / "used")
    assert "exists and is not empty" in refused(capsys, "bundled", "--data", data, "--output", data)


@pytest.fixture
def multi_label_folder(tmp_path):
    """The bundled model as a multi-label one, with reference texts."""
    pytest.importorskip("onnx")
    folder = tiny.bundled_as_multi_label(tmp_path / "multi_label")
    texts = ["i feel happy today", "i am so angry", "they came"]
    rows = EmotionClassifier.from_pretrained(folder).predict_proba(texts).astype(float).round(7)
    record = {"texts": texts, "probabilities": rows.tolist(), "tolerance": 1e-4}
    write_manifest(folder, replace(read_manifest(folder), verification=record))
    assert verify(folder).passed
    return folder


@pytest.fixture
def several(tmp_path):
    """120 multi-label rows."""
    tiny.write_multi_label_rows(tmp_path / "several.csv")
    return tmp_path / "several.csv"


def test_a_multi_label_model_gets_temperature_and_thresholds(multi_label_folder, several, capsys):
    before = manifest(multi_label_folder)
    config_before = json.loads((multi_label_folder / "config.json").read_text())
    status, out, _ = run(capsys, multi_label_folder, "--data", several, "--multi-label")
    assert status == 0 and "F1, macro" in out and max(map(len, out.splitlines())) <= 120
    after, config = manifest(multi_label_folder), json.loads((multi_label_folder / "config.json").read_text())
    assert {key for key in config if config[key] != config_before.get(key)} == {"thresholds"}
    classifier = EmotionClassifier.from_pretrained(multi_label_folder)
    assert classifier.thresholds == tuple(config["thresholds"])
    assert classifier.calibration.temperature == after["temperature"] != before["temperature"]
    report = after["calibration_report"]
    assert {name: pair["after"] for name, pair in report["thresholds"].items()} == pytest.approx(
        dict(zip(classifier.labels, classifier.thresholds, strict=True)), abs=1e-6
    )
    assert verify(multi_label_folder).passed
    card = (multi_label_folder / "README.md").read_text()
    assert card.count("## Calibration") == 1 and "| label | rows | threshold before |" in card


def test_evaluate_measures_what_calibrate_reports(multi_label_folder, several, tmp_path, capsys):
    flags = ("--data", str(several), "--multi-label", "--json")
    run(capsys, multi_label_folder, *flags, "--report", tmp_path / "report.json")
    assert main(["evaluate", "--model", str(multi_label_folder), *flags]) == 0
    measured, report = json.loads(capsys.readouterr().out), json.loads((tmp_path / "report.json").read_text())
    assert measured["loss"] == pytest.approx(report["loss"]["after"], rel=1e-5)
    assert measured["thresholds"] == pytest.approx({key: pair["after"] for key, pair in report["thresholds"].items()})
    assert measured["f1_macro"] > report["half_splits"]["f1_macro"]["before"]["mean"]


def test_a_kept_temperature_leaves_the_recorded_probabilities(multi_label_folder, several, capsys):
    before = manifest(multi_label_folder)
    run(capsys, multi_label_folder, "--data", several, "--multi-label", "--keep-temperature")
    after = manifest(multi_label_folder)
    assert after["temperature"] == before["temperature"] == 1.0
    kept = dict(zip(before["verification"]["texts"], before["verification"]["probabilities"], strict=True))
    record = after["verification"]
    assert record["texts"] and [kept[text] for text in record["texts"]] == record["probabilities"]
    assert verify(multi_label_folder).passed


def test_multi_label_json_output_and_plots(multi_label_folder, several, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    before = (multi_label_folder / "config.json").read_bytes()
    flags = ("--multi-label", "--json", "--output", tmp_path / "o", "--plots", tmp_path / "plots")
    status, out, _ = run(capsys, multi_label_folder, "--data", several, *flags)
    report = json.loads(out)
    assert status == 0 and report["half_splits"]["repeats"] == 100
    assert (multi_label_folder / "config.json").read_bytes() == before
    assert EmotionClassifier.from_pretrained(tmp_path / "o").thresholds == tuple(
        pair["after"] for pair in report["thresholds"].values()
    )
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {"reliability.png", "label_f1.png"}


def test_model_and_data_of_two_kinds_are_an_error(multi_label_folder, several, data, neutral_data, tmp_path, capsys):
    assert "read it as multi-label (--multi-label)" in refused(capsys, multi_label_folder, "--data", data)
    flags = ("--data", several, "--multi-label", "--output", tmp_path / "o")
    assert "name a multi-label model, or leave multi-label out" in refused(capsys, "bundled", *flags)
    assert "leave --neutral-data out" in refused(capsys, multi_label_folder, *flags, "--neutral-data", neutral_data)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("i feel happy;joy\n", "no row has the label sadness, love, anger, fear, surprise"),
        ("i feel happy;cheer\n", "unknown label 'cheer'"),
        ("", "the file is empty"),
    ],
)
def test_unsuitable_rows_leave_the_folder_unchanged(folder, tmp_path, capsys, content, words):
    before = manifest(folder)
    (tmp_path / "rows.txt").write_text(content)
    assert words in refused(capsys, folder, "--data", tmp_path / "rows.txt")
    assert manifest(folder) == before


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("text,label\nthe bus,neutral\n", "has only neutral texts"),
        ("text,label\nthe bus,joy\n", "unknown label 'joy'; allowed: neutral, emotional"),
    ],
)
def test_unsuitable_neutral_data_leaves_the_folder_unchanged(student, data, tmp_path, capsys, content, words):
    folder = shutil.copytree(student, tmp_path / "model")
    before = manifest(folder)
    (tmp_path / "neutral.csv").write_text(content)
    assert words in refused(capsys, folder, "--data", data, "--neutral-data", tmp_path / "neutral.csv")
    assert manifest(folder) == before


def test_json_report_and_plots(student, data, neutral_data, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    plots, file = tmp_path / "plots", tmp_path / "report.json"
    flags = ("--neutral-data", neutral_data, "--output", tmp_path / "o", "--json", "--plots", plots, "--report", file)
    status, out, _ = run(capsys, student, "--data", data, *flags)
    report = json.loads(out)
    assert status == 0 and json.loads(file.read_text()) == report
    assert {"temperature", "prediction_sets", "selective_prediction", "aurc", "neutral", "curves"} <= set(report)
    assert {"label_sets", "abstention", "clearness"} <= set(report), "keys of 0.1"
    assert {path.name for path in plots.iterdir()} == {
        *("reliability.png", "risk_coverage.png", "prediction_sets.png", "neutral.png")
    }


def test_tables_fit_a_terminal_and_name_every_part(data, tmp_path, capsys):
    _, out, _ = run(capsys, "bundled", "--data", data, "--output", tmp_path / "o")
    lines = out.splitlines()
    assert lines[0].startswith("bundled on rows: 120 rows, accuracy 0.")
    for words in (
        "calibration error",
        "measured coverage",
        "labels per set",
        "90 %",
        "answers at or above",
        "--neutral-data",
    ):
        assert any(words in line for line in lines)
    assert max(map(len, lines)) <= 120


def test_labels_with_too_few_rows_are_named(tmp_path, capsys):
    rows = examples("validation")
    by_label = {
        name: [text for text, i in zip(rows.texts, rows.label_ids, strict=True) if rows.labels.names[i] == name] * 2
        for name in rows.labels.names
    }
    by_label["surprise"] = by_label["surprise"][:8]
    (tmp_path / "rows.txt").write_text(
        "".join(f"{text};{name}\n" for name, texts in by_label.items() for text in texts)
    )
    _, out, _ = run(capsys, "bundled", "--data", tmp_path / "rows.txt", "--output", tmp_path / "o")
    lines = out.splitlines()
    few = "surprise (8): too few rows to be left out of any set at 90 % (needs 9), 95 % (needs 19), 97 % (needs 33)"
    assert few in lines and "± 0.000" not in next(line for line in lines if "uncertain by" in line)
    assert [line for line in lines if "too few" in line] == [few]


@pytest.mark.parametrize(
    ("key", "rubbish"),
    [
        ("prediction_sets", {"90": [0.5]}),
        ("prediction_sets", {"ninety": [0.5] * 6}),
        ("prediction_sets", {"90": ["x"] * 6}),
        ("prediction_sets", {}),
        ("prediction_sets", [1]),
        ("neutral", {"centre": [0.0] * 5, "threshold": 1.0}),
        ("neutral", {"centre": [0.0] * 6}),
        ("neutral", {"centre": [0.0] * 6, "threshold": True}),
        ("neutral", "far"),
    ],
)
def test_wrong_values_in_the_manifest_are_an_error(folder, key, rubbish):
    (folder / MANIFEST).write_text(json.dumps(manifest(folder) | {key: rubbish}))
    with pytest.raises(ModelError, match=f"wrong value in config.json or emoscope.json: {key}.* must"):
        EmotionClassifier.from_pretrained(folder)


def test_an_unreadable_verification_record_is_an_error(folder, data, capsys):
    (folder / MANIFEST).write_text(json.dumps(manifest(folder) | {"verification": {"texts": ["a"]}}))
    assert "verification cannot be read" in refused(capsys, folder, "--data", data)


def test_missing_model_is_an_error(data, capsys):
    assert "no model at" in refused(capsys, "no/such/model", "--data", data)
