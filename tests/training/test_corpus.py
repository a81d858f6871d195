from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

from emoscope.data import Examples
from emoscope.errors import DataError
from emoscope.labels import Labels
from emoscope.training.corpus import Corpus
from emoscope.training.objective import NO_LABEL
from emoscope.training.unlabelled import read_unlabelled

TRAIN = Examples(["a", "b", "c", "d", "a"], np.array([0, 1, 1, 0, 1]), Labels(("no", "yes")), "tiny", "train")
FURTHER = [("u", "u"), ("b", "b"), ("a x", "a"), ("b x", "b"), ("c", "c"), ("u x", "u")]


def test_a_corpus_has_the_labelled_rows_first():
    corpus = Corpus.of(TRAIN).with_copies(FURTHER)
    assert corpus.texts == ["a", "b", "c", "d", "a", "u", "b", "a x", "b x", "c", "u x"]
    assert corpus.label_ids.tolist() == [0, 1, 1, 0, 1] + [NO_LABEL] * 6
    assert (len(corpus), corpus.train_rows, corpus.copies) == (11, 5, 3)


def test_what_is_learnt_without_held_out_rows_has_neither_them_nor_what_was_made_of_them():
    corpus = Corpus.of(TRAIN).with_copies(FURTHER)
    held_out, rest = corpus.hold_out(0.4, np.array([1, 3, 2, 4, 0]))
    assert held_out.texts == ["b", "d"]
    assert held_out.label_ids.tolist() == [1, 0]
    assert rest.texts == ["c", "a", "a", "u", "a x", "c", "u x"]
    assert rest.label_ids.tolist() == [1, 1, 0] + [NO_LABEL] * 4


def test_equality_is_that_of_the_form():
    corpus = Corpus.of(TRAIN).with_copies([("B!", "B!"), ("x", "B!")]).normalized(lambda text: text.lower().strip("!"))
    _, rest = corpus.hold_out(0.2, np.array([1, 0, 2, 3, 4]))
    assert rest.texts == ["a", "c", "d", "a"]


def test_soft_targets_stay_with_their_texts():
    targets = np.arange(22, dtype=np.float32).reshape(11, 2)
    corpus = Corpus.of(TRAIN).with_copies(FURTHER)
    corpus = replace(corpus, soft_targets=targets)
    _, rest = corpus.hold_out(0.4, np.array([1, 3, 2, 4, 0]))
    assert rest.soft_targets.tolist() == targets[[2, 4, 0, 5, 7, 9, 10]].tolist()


def test_unlabelled_texts_of_every_format(tmp_path):
    files = {
        "a.txt": "\ufeffone; two\r\nthree\n\n".encode(),
        "b.csv": b'id,words\n1,"four, five"\n2,six\n',
        "c.jsonl": b'{"words": "seven"}\n{"words": "eight", "label": 3}\n',
        "d.tsv": b"words\tx\nnine\t1\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    texts = read_unlabelled([str(tmp_path / name) for name in files], "words")
    assert texts == ["one; two", "three", "four, five", "six", "seven", "eight", "nine"]
    (tmp_path / "e.tsv").write_bytes(b"1\tten\n2\televen\n")
    assert read_unlabelled([str(tmp_path / "e.tsv")], "1") == ["ten", "eleven"]
    assert read_unlabelled([], "words") == []


def test_unlabelled_texts_of_parquet(tmp_path):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"x": [1, 2], "words": ["one", "two"]}), tmp_path / "a.parquet")
    assert read_unlabelled([str(tmp_path / "a.parquet")], "words") == ["one", "two"]
    pq.write_table(pa.table({"words": pa.array([], pa.string())}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match=r"b\.parquet: no rows"):
        read_unlabelled([str(tmp_path / "b.parquet")], "words")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"one\n \ntwo", r"a\.txt, line 2: no text, found ' '"),
        ("a.txt", b"one\n\ntwo", r"a\.txt, line 2: no text, found ''"),
        ("a.txt", b"", r"a\.txt, line 1: no text"),
        ("a.txt", b"caf\xe9", r"a\.txt: cannot be read .*; allowed: UTF-8, one text a line"),
        ("a.csv", b"text,x\n,1\n", r"a\.csv, line 2: no text, found ''"),
        ("a.csv", b"words,x\none,1\n", r"a\.csv, line 1: no column 'text'; the columns are \['words', 'x'\]"),
        ("a.jsonl", b'{"text": 3}', r"a\.jsonl, line 1: no text, found 3"),
        ("a.jsonl", b'{"text": "\\ud800"}', r"a\.jsonl, line 1: .* lone surrogate"),
        ("a.pdf", b"one", r"no unlabelled texts at '.*a\.pdf'; allowed: a file, one of \.txt"),
    ],
)
def test_what_cannot_be_read_names_its_place(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_unlabelled([str(tmp_path / name)], "text")


def test_no_file_there_is_an_error(tmp_path):
    for missing in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(DataError, match="no unlabelled texts at"):
            read_unlabelled([str(missing)], "text")
