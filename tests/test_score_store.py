from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emoscope.files import UNFINISHED
from emoscope.score_store import ScoreStore, texts_digest


class Scores:
    """Three probabilities a text; counts how often it is called."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.calls += 1
        return np.array([[len(text), 1, 0] for text in texts], np.float32)


def test_texts_are_scored_once(tmp_path: Path) -> None:
    score = Scores()
    for _ in range(2):
        scores = ScoreStore(tmp_path).scores(["a", "bc"], score)
        assert scores.tolist() == [[1, 1, 0], [2, 1, 0]] and scores.dtype == np.float32
    assert (score.calls, len(ScoreStore(tmp_path))) == (1, 1)
    ScoreStore(tmp_path).scores(["bc", "a"], score)
    assert (score.calls, len(ScoreStore(tmp_path))) == (2, 2)


def test_scores_are_those_of_the_texts_in_their_order(tmp_path: Path) -> None:
    score, store = Scores(), ScoreStore(tmp_path)
    for texts in (["a", "bcd"], ["bcd", "a"], ["abcd", ""], ["", "abcd"], ["a", "bcd"]):
        np.testing.assert_array_equal(store.scores(texts, score), score(texts))


def test_models_in_one_folder_do_not_share_scores(tmp_path: Path) -> None:
    score = Scores()
    for model in ("one", "other", "one"):
        ScoreStore(tmp_path, model).scores(["a"], score)
    assert score.calls == 2


@pytest.mark.parametrize("kept_bytes", [0, 40, 130])
def test_damaged_file_is_scored_again(tmp_path: Path, kept_bytes: int) -> None:
    score, store = Scores(), ScoreStore(tmp_path)
    whole = store.scores(["a", "b"], score)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:kept_bytes])
    assert store.scores(["a", "b"], score).tolist() == whole.tolist()
    assert score.calls == 2


@pytest.mark.parametrize("shape", [(2, 3), (1, 3), (2,)])
def test_file_of_0_1_is_read_if_it_can_be_probabilities(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """It has no checksum."""
    store = ScoreStore(tmp_path)
    store.scores(["a", "b"], lambda texts: np.full((2, 3), 0.25, np.float32))
    (file,) = tmp_path.iterdir()
    for value, is_kept in ((0.5, shape == (2, 3)), (0.0, False), (2.0, False), (np.nan, False)):
        np.save(file, np.full(shape, value, np.float32))
        scores = store.scores(["a", "b"], lambda texts: np.full((2, 3), 0.75, np.float32))
        assert (scores == (0.5 if is_kept else 0.75)).all()
    assert store.damaged == (3 if shape == (2, 3) else 4)


def test_zeroed_block_is_noticed(tmp_path: Path) -> None:
    score, store = Scores(), ScoreStore(tmp_path)
    whole = store.scores(["a", "b"], score)
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:140] + bytes(4) + content[144:])
    assert store.scores(["a", "b"], score).tolist() == whole.tolist()
    assert (score.calls, store.damaged) == (2, 1)


def test_unfinished_files_are_not_counted(tmp_path: Path) -> None:
    (tmp_path / f"x.npy.1.2{UNFINISHED}").write_bytes(b"torn")
    assert len(ScoreStore(tmp_path)) == 0


def test_digest_depends_on_where_texts_end() -> None:
    assert texts_digest(["ab", "c"]) != texts_digest(["a", "bc"])
    assert texts_digest(["\ud800"]) != texts_digest(["?"])
    many = [f"text {i}" for i in range(10_000)]
    lengths = np.array([len(text) for text in many], np.int64)
    assert texts_digest(many) == hashlib.sha256(lengths.tobytes() + "".join(many).encode()).hexdigest()
