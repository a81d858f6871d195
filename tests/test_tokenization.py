from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, processors, trainers

import emoscope
from emoscope import tokenization
from emoscope.errors import ModelError
from emoscope.text import normalize
from emoscope.tokenization import TokenBatch, Tokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SENTENCES = [
    "i feel calm and happy today",
    "she was so angry that nobody dared to speak",
    "They didn't know: was it fear, or surprise?",
    "naïve café owners love rainy mornings",
]
words = st.sampled_from(
    [*SPECIAL, "a", "happy", "Angry!", "un", "cafe\u0301", "\u0301", "中文", "\x00", "\t", "x" * 101]
)
unicode_text = st.text(st.characters(exclude_categories=["Cs"]))
texts_strategy = st.lists(unicode_text | st.lists(words | st.text(max_size=4) | st.just(" ")).map("".join), max_size=8)
texts_strategy = texts_strategy.map(lambda texts: [text.encode("utf-8", "replace").decode() for text in texts])


def bert(**mask_flags: bool) -> tokenizers.Tokenizer:
    pieces = [
        *"abcdefghijklmnopqrstuvwxyz0123456789!?.,'-[]中",
        *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz"),
    ]
    vocabulary = [*SPECIAL, *pieces, "happy", "angry", "cafe", "##ry", "day", "to", "feel"]
    tokenizer = tokenizers.Tokenizer(models.WordPiece({w: i for i, w in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL[:4]])
    tokenizer.add_special_tokens([AddedToken("[MASK]", special=True, **mask_flags)])
    return tokenizer


def byte_level_bpe() -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


def unigram() -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=80, special_tokens=["<pad>", "<unk>", "</s>"], unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    return tokenizer


def without_specials() -> tokenizers.Tokenizer:
    tokenizer = bert()
    tokenizer.post_processor = None
    return tokenizer


def spaced_added_token() -> tokenizers.Tokenizer:
    tokenizer = bert()
    tokenizer.add_tokens([AddedToken("so happy")])
    return tokenizer


def single_word_added_token() -> tokenizers.Tokenizer:
    tokenizer = bert()
    tokenizer.add_tokens([AddedToken("un", single_word=True)])
    return tokenizer


def repeating_template() -> tokenizers.Tokenizer:
    tokenizer = bert()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A $A", special_tokens=[])
    return tokenizer


def wide_mask() -> tokenizers.Tokenizer:
    return bert(lstrip=True, rstrip=True)


def cased_without_cjk_spaces() -> tokenizers.Tokenizer:
    tokenizer = bert()
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False
    )
    return tokenizer


def old_bert_processing() -> tokenizers.Tokenizer:
    tokenizer = bert()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


BY_WORD = [
    *(bert, without_specials, wide_mask, cased_without_cjk_spaces, old_bert_processing, single_word_added_token),
    *(byte_level_bpe, unigram),
]
WHOLE = [spaced_added_token, repeating_template]
KINDS = {build.__name__: build() for build in [*BY_WORD, *WHOLE]}


def rows(batch: TokenBatch) -> list[list[int]]:
    return [row.tolist() for row in np.split(batch.ids, batch.offsets[1:-1])] if len(batch.text_index) else []


def reference(tokenizer: tokenizers.Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Ids of the library; [PAD] is 0 in those of these tokenizers that add no special tokens."""
    return [encoding.ids or [0] for encoding in tokenizer.encode_batch(list(texts))]


@pytest.mark.parametrize("kind", KINDS)
@given(texts=texts_strategy)
@example(texts=[])
@example(texts=["", " ", "  ", "\t", "[SEP]", "a[MASK]b", " [MASK] \t [MASK] un", "so happy", "un un", "中 文中"])
@example(texts=["x" * 100, "x" * 101, "x" * 5000, "a\u0301 \u0301\u0323 e", "\x00 a\x00b", "\u200b \ufeff \ufffd"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_ids_equal_the_library(kind: str, texts: list[str]) -> None:
    tokenizer = Tokenizer(KINDS[kind], max_length=100_000)
    expected = reference(KINDS[kind], texts)
    for _ in range(2):  # an empty cache, then a warm one
        batch = tokenizer.encode(texts)
        assert rows(batch) == expected
        assert batch.text_index.tolist() == list(range(len(texts)))
        assert batch.texts == len(texts)


def test_types_and_shapes() -> None:
    batch = Tokenizer(bert(), max_length=512).encode(SENTENCES)
    assert (batch.ids.dtype, batch.offsets.dtype, batch.text_index.dtype) == (np.int32, np.int64, np.int64)
    assert batch.offsets[0] == 0
    assert batch.offsets[-1] == batch.ids.size
    assert batch.lengths.tolist() == [len(row) for row in rows(batch)]


@pytest.mark.parametrize("kind", KINDS)
def test_lone_surrogates_are_replaced(kind: str) -> None:
    tokenizer = Tokenizer(KINDS[kind], max_length=512)
    broken, whole = ["a\ud83db \udc00", "\udfff"], ["a\ufffdb \ufffd", "\ufffd"]
    assert rows(tokenizer.encode(broken)) == rows(tokenizer.encode(whole))


@pytest.mark.parametrize("build", BY_WORD)
def test_words_are_cached(build: Callable[[], tokenizers.Tokenizer]) -> None:
    tokenizer = Tokenizer(build(), max_length=512)
    tokenizer.encode(["happy day", "happy " + "x" * 65])
    assert {word.lstrip() for word in tokenizer._cache} == {"happy", "day"}


@pytest.mark.parametrize("build", WHOLE)
def test_words_that_may_depend_on_their_neighbours_are_not_cached(
    build: Callable[[], tokenizers.Tokenizer],
) -> None:
    tokenizer = Tokenizer(build(), max_length=512)
    tokenizer.encode(SENTENCES)
    assert tokenizer._cache == {}


@pytest.mark.parametrize("build", BY_WORD)
def test_words_with_an_added_token_are_not_cached(build: Callable[[], tokenizers.Tokenizer]) -> None:
    library = build()
    library.add_special_tokens(["<<x>>"])
    tokenizer = Tokenizer(library, max_length=512)
    texts = ["happy a<<x>> day", "<<x>>", "a <<x>> b", "happy day"]
    for _ in range(2):
        assert rows(tokenizer.encode(texts)) == reference(library, texts)
    assert {word.lstrip() for word in tokenizer._cache} == {"happy", "day", "a", "b"}


def test_a_copy_in_another_process_returns_the_same_ids() -> None:
    tokenizer = Tokenizer(byte_level_bpe(), max_length=512)
    tokenizer.encode(SENTENCES[:2])
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert rows(copy.encode(SENTENCES)) == rows(tokenizer.encode(SENTENCES))


def test_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenization, "CACHED_WORDS", 50)
    tokenizer = Tokenizer(bert(), max_length=512)
    stream = [[f"happy day number{i} x{j}" for j in range(size)] for i, size in enumerate([3, 20, 25, 200, 5] * 3)]
    for texts in stream:
        assert rows(tokenizer.encode(texts)) == reference(tokenizer._tokenizer, texts)
        assert 0 < len(tokenizer._cache) <= 50


def test_a_full_cache_keeps_the_words_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenization, "CACHED_WORDS", 4)
    tokenizer = Tokenizer(bert(), max_length=512)
    tokenizer.encode(["happy a b c"])
    tokenizer.encode(["happy d"])
    assert set(tokenizer._cache) == {"happy", "d"}


def test_threads_return_the_same_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenization, "CACHED_WORDS", 100)
    tokenizer = Tokenizer(bert(), max_length=512)
    calls = [[f"happy {chr(97 + i % 26)}{j} to day" for j in range(i, i + 40)] for i in range(200)]
    expected = [reference(tokenizer._tokenizer, texts) for texts in calls]
    with ThreadPoolExecutor(4) as pool:
        assert [rows(batch) for batch in pool.map(tokenizer.encode, calls)] == expected


@pytest.mark.parametrize("kind", KINDS)
@given(
    texts=st.lists(st.lists(st.sampled_from(["a", "happy", "fearful", "day"]), max_size=60).map(" ".join), max_size=5),
    max_length=st.integers(3, 40),
)
def test_windows_contain_all_tokens(kind: str, texts: list[str], max_length: int) -> None:
    tokenizer = Tokenizer(KINDS[kind], max_length=max_length)
    batch = tokenizer.encode(texts)
    empty = KINDS[kind].encode("").ids
    room = max_length - len(empty)
    before = KINDS[kind].encode("a").ids.index(KINDS[kind].encode("a", add_special_tokens=False).ids[0])
    after = len(empty) - before
    assert set(batch.text_index.tolist()) == set(range(len(texts)))
    assert batch.lengths.max(initial=1) <= max_length
    for i, text in enumerate(texts):
        windows = [row for row, owner in zip(rows(batch), batch.text_index, strict=True) if owner == i]
        contents = [row[before : len(row) - after] for row in windows]
        content = KINDS[kind].encode(text, add_special_tokens=False).ids or ([] if empty else [0])
        assert list(chain.from_iterable(contents)) == content
        assert all(row == empty[:before] + c + empty[before:] for row, c in zip(windows, contents, strict=True))
        sizes = [len(c) for c in contents]
        assert len(sizes) == max(1, -(-len(content) // room))
        assert max(sizes) - min(sizes) <= 1


def test_windows_are_balanced() -> None:
    batch = Tokenizer(bert(), max_length=512).encode(["a", "a " * 700, ""])
    assert batch.lengths.tolist() == [3, 352, 352, 2]
    assert batch.text_index.tolist() == [0, 1, 1, 2]
    assert batch.texts == 3


def batch_of(lengths: Sequence[int]) -> TokenBatch:
    """Rows of these lengths; all tokens differ, and none is 0."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    ids = np.arange(1, offsets[-1] + 1, dtype=np.int32)
    return TokenBatch(ids, offsets, np.arange(len(lengths), dtype=np.int64), len(lengths))


@given(
    lengths=st.lists(st.integers(1, 30), max_size=60),
    max_tokens=st.integers(1, 200),
    call_rows=st.sampled_from([0.0, 0.5, 5.0, 100.0]),
)
def test_groups_contain_every_row_once(lengths: list[int], max_tokens: int, call_rows: float) -> None:
    batch = batch_of(lengths)
    seen: list[int] = []
    previous = 31
    for members, dense in batch.groups(max_tokens, call_rows=call_rows):
        n, length = dense.shape
        assert dense.dtype == members.dtype == np.int64
        assert n == 1 or n * length <= max_tokens
        assert length == batch.lengths[members].max() <= previous
        assert call_rows or length == batch.lengths[members].min()
        previous = length
        for row, values in zip(members, dense, strict=True):
            ids = batch.ids[batch.offsets[row] : batch.offsets[row + 1]].tolist()
            assert values.tolist() == ids + [0] * (length - len(ids))
        seen += members.tolist()
    assert sorted(seen) == list(range(len(lengths)))


@given(lengths=st.lists(st.integers(1, 30), max_size=60), max_tokens=st.integers(1, 200))
def test_parts_are_the_rows_in_order(lengths: list[int], max_tokens: int) -> None:
    batch = batch_of(lengths)
    parts = list(batch.parts(max_tokens))
    assert [row for part in parts for row in rows(part)] == rows(batch)
    for part in parts:
        assert part.ids.size <= max_tokens or part.texts == 1
        assert part.text_index.tolist() == list(range(part.texts))
    for part, following in pairwise(parts):
        assert part.ids.size + following.lengths[0] > max_tokens


def shapes(lengths: Sequence[int], max_tokens: int, call_rows: float = 0.0) -> list[tuple[int, ...]]:
    return [dense.shape for _, dense in batch_of(lengths).groups(max_tokens, call_rows=call_rows)]


def test_groups_are_as_few_and_as_equal_as_the_budget_allows() -> None:
    assert shapes([4] * 10 + [3] * 3, 12) == [(3, 4), (3, 4), (2, 4), (2, 4), (3, 3)]
    assert shapes([4] * 10, 40) == [(10, 4)]
    assert shapes([50, 50, 2], 12) == [(1, 50), (1, 50), (1, 2)]


def test_rows_share_a_group_if_padding_costs_less_than_a_call() -> None:
    lengths = [12, 10, *[9] * 11]
    assert shapes(lengths, 1000) == [(1, 12), (1, 10), (11, 9)]
    assert shapes(lengths, 1000, call_rows=1.0) == [(2, 12), (11, 9)]
    assert shapes(lengths, 1000, call_rows=5.0) == [(13, 12)]
    assert shapes(lengths, 60, call_rows=5.0) == [(5, 12), (4, 9), (4, 9)]


def test_from_file_switches_truncation_and_padding_off(tmp_path: Path) -> None:
    stored = bert()
    stored.enable_truncation(4)
    stored.enable_padding(length=16)
    path = tmp_path / "tokenizer.json"
    stored.save(str(path))
    batch = Tokenizer.from_file(path, max_length=512).encode(SENTENCES)
    assert rows(batch) == reference(bert(), SENTENCES)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"not json", b'{"version": "1.0"}'])
def test_a_file_that_is_not_a_tokenizer_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"tokenizer\.json is not a tokenizer.*give the tokenizer\.json"):
        Tokenizer.from_file(path, max_length=512)


def test_max_length_must_exceed_the_special_tokens() -> None:
    with pytest.raises(ModelError, match=r"max_length is 2.*give at least 3"):
        Tokenizer(bert(), max_length=2)


def test_special_tokens_inside_the_text_are_an_error() -> None:
    tokenizer = bert()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A [SEP] $A", special_tokens=[("[SEP]", 3)])
    with pytest.raises(ModelError, match="puts special tokens inside a text"):
        Tokenizer(tokenizer, max_length=512)


def test_special_tokens_are_found_without_a_token_a() -> None:
    tokenizer = tokenizers.Tokenizer(models.BPE({"<s>": 0, "</s>": 1, "z": 2}, []))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    tokenizer.add_special_tokens(["<s>", "</s>"])
    assert rows(Tokenizer(tokenizer, max_length=8).encode(["a", "z"])) == [[0, 1], [0, 2, 1]]


def read_texts(folder: Path, pattern: str, separator: str) -> list[str]:
    lines = chain.from_iterable(path.read_text("utf-8").split("\n") for path in sorted(folder.glob(pattern)))
    return [line.split(separator)[0] for line in lines]


@pytest.fixture(scope="module")
def full_size(emotion_data: Path) -> tokenizers.Tokenizer:
    """The bundled model's tokenizer, or one that is trained here."""
    bundled = Path(emoscope.__file__).parent / "bundled" / "tokenizer.json"
    if bundled.is_file():
        return tokenizers.Tokenizer.from_file(str(bundled))
    tokenizer = bert()
    trainer = trainers.WordPieceTrainer(vocab_size=8000, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(read_texts(emotion_data, "*.txt", ";"), trainer)
    return tokenizer


def assert_ids_equal_on(texts: list[str], library: tokenizers.Tokenizer) -> None:
    tokenizer = Tokenizer(library, max_length=100_000)
    batch = tokenizer.encode(texts)
    assert len(tokenizer._cache) > 1000
    empty = library.encode("").ids or [library.token_to_id("[PAD]")]
    expected = [encoding.ids or empty for encoding in library.encode_batch_fast(texts)]
    assert batch.ids.tolist() == list(chain.from_iterable(expected))
    assert batch.lengths.tolist() == list(map(len, expected))


def test_ids_equal_on_emotion(emotion_data: Path, full_size: tokenizers.Tokenizer) -> None:
    assert_ids_equal_on(read_texts(emotion_data, "*.txt", ";"), full_size)


def test_ids_equal_on_goemotions(goemotions_data: Path, full_size: tokenizers.Tokenizer) -> None:
    assert_ids_equal_on(read_texts(goemotions_data, "*.tsv", "\t"), full_size)


def test_ids_equal_on_normalized_goemotions(goemotions_data: Path, full_size: tokenizers.Tokenizer) -> None:
    texts = read_texts(goemotions_data, "dev.tsv", "\t")
    assert_ids_equal_on([normalize(text) for text in texts], full_size)
