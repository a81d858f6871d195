"""Findings in rows that were made with known faults."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import numpy as np
import pytest

for module in ("sklearn", "cleanlab", "datasketch"):
    pytest.importorskip(module)

from hypothesis import given, settings
from hypothesis import strategies as st

from emoscope.audit import audit, audit_page, audit_text
from emoscope.audit.entries import Entry, Row, all_rows, deal_folds
from emoscope.audit.near_duplicates import SIMILARITY, find_near_duplicates
from emoscope.data import Examples, load_splits, load_valid_splits
from emoscope.errors import DataError, LabelError
from emoscope.evaluation import fit_keywords
from emoscope.labels import Labels

LABELS = Labels(("calm", "cross"))
CALM = ("peaceful", "serene", "relaxed", "placid")
CROSS = ("furious", "livid", "irate", "seething")


def rows(*pairs: tuple[str, str], split: str | None = "train", labels: Labels = LABELS) -> Examples:
    ids = np.array([labels.index(label) for _, label in pairs], np.int64)
    return Examples([text for text, _ in pairs], ids, labels, "made", split)


def clean(start: int = 0, count: int = 40) -> list[tuple[str, str]]:
    """Different rows, each label known by its words."""
    random_words = random.Random(start)
    pairs = []
    for number in range(start, start + count):
        label, words = (("calm", CALM), ("cross", CROSS))[number % 2]
        filler = " ".join("".join(random_words.choices("abcdefgh", k=5)) for _ in range(6))
        pairs.append((f"{filler} {words[number // 2 % 4]}", label))
    return pairs


def kinds(*examples: Examples, certain: bool = True) -> dict[str, int]:
    found = audit({part.split or "all": part for part in examples})
    return {problem.kind: problem.count for problem in found.problems if problem.certain is certain}


def test_clean_rows_have_nothing_wrong() -> None:
    assert kinds(rows(*clean()), rows(*clean(40, 10), split="test")) == {}


def test_each_certain_fault_is_found_once() -> None:
    train = rows(
        *clean(), ("once more", "calm"), ("once more", "calm"), ("either way", "calm"), ("either way", "cross")
    )
    assert kinds(train) == {"duplicates": 2, "contradictions": 1}
    blank = rows(*clean(), ("  ", "calm"))
    assert kinds(blank) == {"blank": 1}


def test_rows_that_training_refuses_are_listed_and_count_in_nothing_else(tmp_path: Path) -> None:
    good = [(text, label) for text, label in clean()]
    lines = [*(f"{text};{label}" for text, label in good[:3]), ";calm", "lost;", "odd;clam", " ;cross"]
    lines += [f"{text};{label}" for text, label in good[3:]]
    (tmp_path / "rows.txt").write_text("\n".join(lines))
    splits, refused = load_valid_splits(tmp_path / "rows.txt", labels=LABELS)
    found = audit(splits, refused=refused)
    assert found.splits["all"].rows == 40
    assert [(row.number, row.kind) for row in found.refused] == [
        (4, "blank"),
        (5, "no label"),
        (6, "unknown label"),
        (7, "blank"),
    ]
    certain = {problem.kind: problem.count for problem in found.problems if problem.certain}
    assert certain == {"blank": 2, "no label": 1, "unknown label": 1}
    assert re.search(r"all 6 +unknown label +clam +odd\n", audit_text(found))
    assert found.to_json()["refused"][2]["reason"] == "unknown label 'clam'; allowed: calm, cross, or 0 to 1"
    assert [row.number for _, row in all_rows(splits, refused)] == [1, 2, 3, *range(8, 45)]


def test_a_misspelt_label_is_a_hint() -> None:
    labels = Labels(("calm", "clam", "cross"))
    pairs = [*clean(0, 300), ("something else", "clam")]
    assert kinds(rows(*pairs, labels=labels), certain=False)["rare label"] == 1
    assert "rare label" not in kinds(rows(*clean()), certain=False)


def test_overlaps_contradict_where_the_labels_differ() -> None:
    train = rows(*clean(), ("same", "calm"), ("other", "calm"), ("both", "calm"), ("both", "cross"))
    test = rows(("same", "calm"), ("other", "cross"), ("both", "calm"), split="test")
    found = audit({"train": train, "test": test})
    assert {entry.text for entry in found.overlap("train", "test")} == {"same", "other", "both"}
    assert {entry.text for entry in found.contradicting_overlap("train", "test")} == {"other", "both"}
    assert found.overlap("train", "test")[0].rows == (Row("train", 41, "calm"), Row("test", 1, "calm"))


def test_a_label_that_only_train_lacks() -> None:
    calm = [pair for pair in clean() if pair[1] == "calm"]
    assert kinds(rows(*calm), rows(*clean(40, 10), split="test")) == {"missing label": 1}
    assert kinds(rows(*calm)) == {}


def _naive_pairs(texts: list[str]) -> set[frozenset[str]]:
    def shingles(text: str) -> set[str]:
        return {text[i : i + 5] for i in range(max(1, len(text) - 4))}

    similar = (
        (a, b) for i, a in enumerate(texts) for b in texts[:i]
        if len(shingles(a) & shingles(b)) / len(shingles(a) | shingles(b)) >= SIMILARITY
    )  # fmt: skip
    return {frozenset(pair) for pair in similar}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("ab ", min_size=6, max_size=30).map(lambda t: " ".join(t.split())), max_size=12, unique=True))
def test_near_duplicates_are_near_and_every_text_with_a_near_one_is_found(texts: list[str]) -> None:
    texts = [text for text in texts if text]
    entries = [Entry(text, (Row("all", number, "calm"),)) for number, text in enumerate(texts, 1)]
    found = {frozenset((pair.first.text, pair.second.text)) for pair in find_near_duplicates(entries)}
    wanted = _naive_pairs(texts)
    assert found <= wanted
    followers = {pair.second.text for pair in find_near_duplicates(entries)}
    leaders = [text for text in texts if text not in followers]
    assert not _naive_pairs(leaders)


def test_texts_that_differ_in_form_alone_are_near_duplicates() -> None:
    pair = audit({"all": rows(("So it goes, again!", "calm"), ("so it goes again", "calm"))}).near_duplicates[0]
    assert (pair.first.text, pair.second.text, pair.similarity) == ("So it goes, again!", "so it goes again", 1.0)


def test_copies_of_a_template_are_as_many_findings_as_copies() -> None:
    template = "the quick brown fox jumped over the lazy dog and ran far away into the dark wood number {}"
    found = audit({"all": rows(*((template.format(number), "calm") for number in range(200)))})
    assert len(found.near_duplicates) == 199


def test_flipped_labels_are_suspects_and_come_first() -> None:
    pairs = clean(0, 200)
    flipped = [7, 50, 123]
    for i in flipped:
        pairs[i] = (pairs[i][0], "calm" if pairs[i][1] == "cross" else "cross")
    errors = audit({"train": rows(*pairs)}).label_errors
    assert errors is not None
    assert {suspect.row.number - 1 for suspect in errors.suspects[:3]} == set(flipped)
    assert all(suspect.suggested != suspect.row.label for suspect in errors.suspects[:3])
    assert errors.judge == "cross-validation" and errors.accuracy > 0.9


class Contrary:
    """Knows every text, and says the other label of the first rows."""

    labels = ("cross", "calm")

    def __init__(self, pairs: list[tuple[str, str]], wrong: int = 10) -> None:
        self.known = {text: (label == "cross") ^ (i < wrong) for i, (text, label) in enumerate(pairs)}

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        return np.array([(0.9, 0.1) if self.known[text] else (0.1, 0.9) for text in texts], np.float32)


def test_a_classifier_judges_in_the_place_of_cross_validation() -> None:
    pairs = clean(0, 100)
    errors = audit({"all": rows(*pairs)}, classifier=Contrary(pairs), classifier_name="contrary").label_errors
    assert errors is not None
    assert {suspect.row.number for suspect in errors.suspects} == set(range(1, 11))
    assert (errors.judge, errors.accuracy) == ("contrary", pytest.approx(0.9))


@pytest.mark.parametrize(
    ("calm", "wrong", "hinted"),
    [(50, 30, True), (50, 31, False), (90, 7, True), (90, 8, False)],
)
def test_a_hint_has_the_accuracy_of_its_judge_and_a_weak_judge_makes_none(calm: int, wrong: int, hinted: bool) -> None:
    pairs = [(f"row {number} of a hundred", "calm" if number < calm else "cross") for number in range(100)]
    judge = Contrary(pairs, wrong)
    found = audit({"all": rows(*pairs)}, classifier=judge)
    messages = [problem.message for problem in found.problems if problem.kind == "label errors"]
    assert [f"the judge is right on {100 - wrong}.0% of the rows" in message for message in messages] == [True] * hinted
    assert found.label_errors is not None and found.label_errors.suspects
    assert ("(too weak for a hint)" in audit_text(found)) is not hinted


def test_a_classifier_of_other_labels_is_refused() -> None:
    model = Contrary(clean())
    model.labels = ("cross", "glad")
    with pytest.raises(LabelError, match="cross, glad"):
        audit({"all": rows(*clean())}, classifier=model)


def test_too_few_rows_of_a_label_are_not_judged() -> None:
    few = [pair for pair in clean() if pair[1] == "calm"] + clean()[1:8:2]
    assert audit({"all": rows(*few)}).label_errors is None


def test_the_single_word_rule_is_measured_on_held_out_rows() -> None:
    train, test = rows(*clean()), rows(*clean(40, 20), ("furious", "calm"), split="test")
    shortcut = audit({"train": train, "test": test}).shortcut
    assert shortcut is not None
    keywords = fit_keywords(train)
    plain = keywords.name_labels(test.texts) == test.label_ids
    right = keywords.predict_proba(test.texts).argmax(1) == test.label_ids
    assert (shortcut.rows, shortcut.accuracy) == (21, pytest.approx(plain.mean()))
    assert shortcut.accuracy_with_rare == pytest.approx(right.mean())
    alone = audit({"all": rows(*clean(0, 400))}).shortcut
    assert alone is not None and (alone.rows, alone.accuracy, alone.accuracy_with_rare) == (400, 1.0, 1.0)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["a", "A", "b", "c!", "c", "d", "e", "f", "g"]), st.integers(0, 2)), min_size=1)
)
def test_twins_share_a_fold(pairs: list[tuple[str, int]]) -> None:
    texts, ids = [text for text, _ in pairs], np.array([label_id for _, label_id in pairs])
    folds = deal_folds(texts, ids, 3)
    plain = [text.lower().strip("!") for text in texts]
    assert len(set(zip(plain, folds.tolist(), strict=True))) == len(set(plain))
    assert set(folds.tolist()) <= {0, 1, 2}


def test_each_label_stands_in_every_fold() -> None:
    ids = np.array([0] * 100 + [1] * 5)
    folds = deal_folds([f"text {number}" for number in range(105)], ids, 5)
    assert set(folds[ids == 1].tolist()) == set(range(5))


def test_form_is_counted() -> None:
    texts = [
        "see http://a.example",
        "a <b>bold</b> word",
        "fish &amp; chips",
        "Ã© broken",
        "naïve",
        "two  spaces",
        "!!!",
    ]
    form = audit({"all": rows(*((text, "calm") for text in texts))}).splits["all"].form
    assert {name: count for name, count in form.items() if count} == {
        "no letter or digit": 1,
        "URL or its remains": 1,
        "HTML or its remains": 2,
        "broken encoding": 1,
        "surplus white space": 1,
        "not ASCII": 2,
        "capital letter": 1,
        "punctuation": 5,
    }


def test_multi_label_rows_are_compared_by_all_their_labels() -> None:
    ids = np.array([[True, True], [True, False], [False, False]])
    found = audit({"all": Examples(["both", "both", "none"], ids, LABELS, "made", None)})
    assert [row.label for row in found.contradictions("all")[0].rows] == ["calm,cross", "calm"]
    assert (found.shortcut, found.label_errors) == (None, None)
    assert found.splits["all"].labels == {"calm": 2, "cross": 1}


def test_no_rows_are_an_error() -> None:
    with pytest.raises(DataError, match="no rows"):
        audit({"all": rows()})
    with pytest.raises(DataError, match="no split"):
        audit({})


def test_the_renderings_escape_and_say_what_is_wrong() -> None:
    text = '<script>alert("x")</script>'
    found = audit({"train": rows(*clean(), (text, "calm"), (text, "cross"))})
    page = audit_page(found)
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "http" not in page.split("</style>")[0] and "prefers-color-scheme: dark" in page
    shown = audit_text(found)
    assert "WRONG  texts with more than one label in train: 1" in shown
    assert max(map(len, shown.splitlines())) <= 110
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["problems"][0]["kind"] == "duplicates"


def test_data_give_a_terminal_no_orders() -> None:
    labels = Labels(("calm", "cr\x1b[31moss"))
    text = "\x1b[2J\x1b]0;title\x07gone\r\nnext\ttab\u202e"
    pairs = [*((text, label) for label in labels.names), *((f"row {number}", "calm") for number in range(100))]
    shown = audit_text(audit({"\x9btrain": rows(*pairs, labels=labels)}))
    assert "labels with hardly a row: cr\ufffd[31moss 1" in shown
    assert "\ufffd[2J\ufffd]0;title\ufffdgone  next tab\ufffd" in shown
    assert [line for line in shown.split("\n") if not line.isprintable()] == []


def test_the_emotion_data(emotion_data: Path) -> None:
    """What the data set's own README says of it."""
    splits = load_splits(emotion_data, labels=None)
    found = audit(splits, classifier=Uniform())
    assert len(found.duplicates("train")) == 31
    assert len(found.contradictions("train")) == 30
    assert len(found.contradicting_overlap("train", "validation")) == 5
    assert found.shortcut is not None
    assert len(found.shortcut.ambiguous) >= 20
    assert found.shortcut.accuracy == pytest.approx(0.877, abs=0.01)
    assert found.shortcut.ceiling == pytest.approx(0.95, abs=0.01)


class Uniform:
    """Spares the cross-validation."""

    labels = ("sadness", "joy", "love", "anger", "fear", "surprise")

    def predict_proba(self, texts: list[str]) -> np.ndarray:
        return np.full((len(texts), 6), 1 / 6, np.float32)
