"""The programs of recipes/: extra training texts, and neutral texts."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pytest

from emoscope import EMOTIONS
from emoscope.data import load_examples, load_splits
from emoscope.labels import NEUTRAL, Labels
from real_text import ITEMS

RECIPES = Path(__file__).parents[1] / "recipes"


@pytest.fixture(scope="module")
def comments(tmp_path_factory):
    """A folder in the format of GoEmotions, with comments of our own."""
    folder = tmp_path_factory.mktemp("goemotions")
    (folder / "labels.txt").write_text("\n".join([*EMOTIONS, "annoyance", "gratitude", "neutral"]))
    rows = [
        ("I am honestly happier than ever before, thanks everybody around here, seriously", "1"),
        ("Nothing makes people around here angrier than waiting hours without hearing anything", "3,6"),
        ("Thanks a lot, mate", "7"),
        ("Both sad and happy", "0,1"),
        ("The bus leaves at nine", "8"),
        ("Annoyed, yet thankful", "6,7"),
    ]
    (folder / "train.tsv").write_text("".join(f"{text}\t{ids}\tid{n}\n" for n, (text, ids) in enumerate(rows)))
    return folder


def run(comments, output, *flags):
    command = [sys.executable, RECIPES / "real_text.py", comments, output, "--finer", "1", "--misspelt", "2", *flags]
    return subprocess.run(command, check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def written(comments, tmp_path_factory):
    file = tmp_path_factory.mktemp("out") / "real_text.csv"
    assert "307 texts" in run(comments, file, "--made-up", "300").stdout
    return load_examples(file)


def test_comments_with_one_of_the_six_come_first_and_twice(written):
    labels = [EMOTIONS[label_id] for label_id in written.label_ids]
    own = [
        ("I am honestly happier than ever before, thanks everybody around here, seriously", "joy"),
        ("Nothing makes people around here angrier than waiting hours without hearing anything", "anger"),
    ]
    first = list(zip(written.texts[:5], labels[:5], strict=True))
    assert first == [*own, *own, ("Thanks a lot, mate", "joy")]


def test_made_up_texts_have_every_emotion_and_no_unfilled_pattern(written):
    made_up = written.texts[5:305]
    assert min(Counter(written.label_ids[5:305].tolist())[label_id] for label_id in range(6)) > 10
    assert not [text for text in made_up if "{" in text or "  " in text]
    assert any("The bus leaves at nine" in text for text in made_up)


def test_no_text_of_the_list_of_sixty_is_used(written):
    assert not {item.text.lower() for item in ITEMS} & {text.lower() for text in written.texts}


def test_misspelt_copies_are_similar_and_keep_their_label(comments, tmp_path):
    file = tmp_path / "real_text.csv"
    run(comments, file, "--made-up", "1", "--misspelt", "2", "--seed", "3")
    rows = load_examples(file)
    originals = dict(zip(rows.texts[:2], rows.label_ids[:2].tolist(), strict=True))
    copies = dict(zip(rows.texts[-2:], rows.label_ids[-2:].tolist(), strict=True))
    assert set(copies) != set(originals)
    for copy, label_id in copies.items():
        original = get_close_matches(copy, originals, n=1, cutoff=0.8)[0]
        assert label_id == originals[original]


def test_comments_can_be_left_out(comments, tmp_path):
    file = tmp_path / "real_text.csv"
    assert "5 texts" in run(comments, file, "--made-up", "3", "--comments", "0", "--finer", "0").stdout


def test_situations_are_filled_and_have_every_label(tmp_path):
    files = [tmp_path / name for name in ("a.csv", "b.csv")]
    for file in files:
        command = [sys.executable, RECIPES / "situations.py", file, "--texts", "2000"]
        assert "2,000 texts" in subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert files[0].read_bytes() == files[1].read_bytes()
    rows = load_examples(files[0], labels=Labels((*EMOTIONS, NEUTRAL)))
    assert np.bincount(rows.label_ids, minlength=7).min() > 50
    assert not [text for text in rows.texts if "{" in text]
    assert not {item.text.lower() for item in ITEMS} & {text.lower() for text in rows.texts}


def test_same_seed_writes_the_same_file(comments, tmp_path):
    files = [tmp_path / name for name in ("a.csv", "b.csv", "c.csv")]
    for file, seed in zip(files, ("1", "1", "2"), strict=True):
        run(comments, file, "--made-up", "50", "--seed", seed)
    assert files[0].read_bytes() == files[1].read_bytes() != files[2].read_bytes()


def test_neutral_texts_have_the_label_neutral_alone(comments, tmp_path):
    (comments / "dev.tsv").write_text("See you at nine\t8\tid\nSeen, and sad\t0,8\tid\nSad, thankful\t0,7\tid\n")
    command = [sys.executable, RECIPES / "neutral_texts.py", comments, tmp_path / "out"]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "train.csv: 6 texts, 1 neutral" in result.stdout
    splits = load_splits(tmp_path / "out", labels=Labels(("neutral", "emotional")))
    assert splits["validation"].texts == ["See you at nine", "Sad, thankful"]
    assert splits["validation"].label_ids.tolist() == [0, 1]
    assert [text for text, kind in zip(splits["train"].texts, splits["train"].label_ids, strict=True) if not kind] == [
        "The bus leaves at nine"
    ]
