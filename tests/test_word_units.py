from __future__ import annotations

import struct
import unicodedata
from itertools import chain
from typing import Any

import pytest
import tokenizers
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, models, normalizers, pre_tokenizers, processors, trainers

from emoscope.tokenization import Tokenizer
from emoscope.word_units import word_units
from hub import vocabularies
from hub.sentences import corpus

NMT = {"\u00a0": " ", "\u3000": " ", "\uff21": "A", "\ufb01": "fi", "\u200b": "", "\u00bd": "1/2", "\u2026": "..."}
FRAGMENTS = [
    *("i", "feel", "don't", "'s", "'", "`", "``", "''", "happy", "Angry!!", "3rd", "42", "_", "\u2581", "\u2581feel"),
    *("</s>", "<mask>", "<MASK>", "<s", ">", "<pad>", "[MASK]", "[CLS]", "<Wide>", "<wide>", "<Form>", "<FORM>", "zo"),
    *(" ", " ", " ", "  ", "   ", "\t", "\n", "\r\n", "\x0b", "\x1c", "\x85", "\u00a0", "\u2009", "\u3000", "\u2028"),
    *("\x00", "\u200b", "\u200d", "\ufeff", "\u180e", "\u0600", "\u0301", "caf\u00e9", "cafe\u0301", "\u2026"),
    *("\uff21\uff22", "\ufb01", "\u00bd", "\u4e2d\u6587", "\U0001f600", "\u2764\ufe0f", "\u1100\u1161", "\ufffd"),
]
byte_level, metaspace = pre_tokenizers.ByteLevel, pre_tokenizers.Metaspace
texts_strategy = st.lists(
    st.lists(st.sampled_from(FRAGMENTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=3)).map("".join),
    max_size=6,
)


def charsmap(table: dict[str, str]) -> bytes:
    """SentencePiece's precompiled normalization: a double-array trie of UTF-8 keys, then the values."""
    nodes: dict[bytes, int] = {b"": 0}
    for key in table:
        encoded = key.encode()
        for end in range(1, len(encoded) + 1):
            nodes.setdefault(encoded[:end], len(nodes))
    array = [0] * (256 * (len(nodes) + 1))
    values, blob = {}, b""
    for key, value in table.items():
        values[key.encode()] = len(blob)
        blob += value.encode() + b"\0"

    for prefix, node in nodes.items():  # the children of node k are at 256 * (k + 1) + byte, its value at byte 0
        base = 256 * (node + 1)
        place = 256 * (nodes[prefix[:-1]] + 1) + prefix[-1] if prefix else 0
        leaf = prefix in values
        array[place] = (prefix[-1] if prefix else 0) | leaf << 8 | (base ^ place) << 10
        if leaf:
            array[base] = values[prefix] | 1 << 31
    return struct.pack(f"<I{len(array)}I", 4 * len(array), *array) + blob


def copy(tokenizer: tokenizers.Tokenizer, **parts: Any) -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer.from_str(tokenizer.to_str())
    for name, part in parts.items():
        setattr(tokenizer, name, part)
    return tokenizer


def knows_white_space(tokenizer: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    """Has pieces of several white-space characters, so that the ids depend on where they are split."""
    runs = [f"a{left}{right}b" for left in ("  ", " \t", "\t ", "\n ", "\n\n", "\u00a0 ") for right in (left, " ", "")]
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = byte_level.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([*corpus(), *runs * 50], trainer)
    return tokenizer


def with_tokens(tokenizer: tokenizers.Tokenizer, *tokens: AddedToken) -> tokenizers.Tokenizer:
    tokenizer.add_tokens(list(tokens))
    return tokenizer


def sequence(*steps: Any) -> Any:
    kind = normalizers if isinstance(steps[0], normalizers.Normalizer) else pre_tokenizers
    return kind.Sequence(list(steps))


ALBERT, BERT = vocabularies.unigram()[0], vocabularies.wordpiece()[0]
ROBERTA = knows_white_space(copy(vocabularies.byte_level()[0]))
ALBERT_FORMS = list(ALBERT.normalizer)
words, runs = pre_tokenizers.WhitespaceSplit(), normalizers.Replace(Regex(" {2,}"), "\u2581")
precompiled = normalizers.Precompiled(charsmap(NMT))
ends, both_ends = normalizers.Strip(left=False, right=True), normalizers.Strip()
TOKENS = (
    AddedToken("<Wide>", lstrip=True, rstrip=True, normalized=False),
    AddedToken("<Form>", lstrip=True, rstrip=True, normalized=True),
    AddedToken("zo", single_word=True, normalized=False),
)

SPLIT = {
    "bert": BERT,
    "bert_tokens": with_tokens(copy(BERT), *TOKENS),
    "roberta": ROBERTA,
    "roberta_prefix_space": copy(ROBERTA, pre_tokenizer=byte_level(add_prefix_space=True)),
    "roberta_nfkc": copy(ROBERTA, normalizer=normalizers.NFKC()),
    "roberta_tokens": with_tokens(copy(ROBERTA), *TOKENS),
    "roberta_lower": with_tokens(copy(ROBERTA, normalizer=normalizers.Lowercase()), *TOKENS),
    "albert": ALBERT,
    "albert_slow": copy(ALBERT, normalizer=sequence(*ALBERT_FORMS, precompiled, runs)),
    "xlm_roberta": copy(ALBERT, normalizer=precompiled),
    "xlm_roberta_slow": copy(ALBERT, normalizer=sequence(ends, precompiled, runs), pre_tokenizer=metaspace()),
    "metaspace_first": copy(ALBERT, normalizer=None, pre_tokenizer=metaspace(prepend_scheme="first")),
    "metaspace_never": copy(ALBERT, pre_tokenizer=metaspace(prepend_scheme="never")),
    "words_first": copy(ALBERT, pre_tokenizer=sequence(words, metaspace(prepend_scheme="first"))),
    "words_unsplit": copy(ALBERT, pre_tokenizer=sequence(words, metaspace(split=False))),
}
FEW_PIECES = models.Unigram([("<unk>", 0.0), ("x", -1.0), ("\u2581x", -1.0)], unk_id=0)
DROPOUT = copy(ROBERTA)
DROPOUT.model.dropout = 1e-6
SAMPLING = copy(ALBERT)
if CAN_SAMPLE := hasattr(SAMPLING.model, "alpha"):  # not in the lowest versions of the library
    SAMPLING.model.alpha, SAMPLING.model.nbest_size = 1e6, 2
TWICE = processors.TemplateProcessing(single="<s> $A $A", special_tokens=[("<s>", 0)])
UNSPLIT = {
    "no_regex": copy(ROBERTA, pre_tokenizer=byte_level(use_regex=False)),
    "prefix_space_and_strip": copy(ROBERTA, normalizer=both_ends),
    "no_pre_tokenizer": copy(ROBERTA, pre_tokenizer=None),
    "digits_first": copy(ROBERTA, pre_tokenizer=sequence(pre_tokenizers.Digits(), byte_level())),
    "unsplit": copy(ALBERT, pre_tokenizer=metaspace(split=False)),
    "ascii_replacement": copy(ALBERT, pre_tokenizer=metaspace(replacement="_")),
    "never_and_strip": copy(
        ALBERT, model=FEW_PIECES, normalizer=both_ends, pre_tokenizer=metaspace(prepend_scheme="never")
    ),
    "prepend": copy(ALBERT, normalizer=normalizers.Prepend("x")),
    "space_replaced": copy(ALBERT, normalizer=normalizers.Replace(" ", "x")),
    "word_removed": copy(ALBERT, normalizer=normalizers.Replace("i", "")),
    "lines": copy(ROBERTA, normalizer=normalizers.Replace(Regex("y z"), "x")),
    "expression": copy(ALBERT, normalizer=normalizers.Replace(Regex("l f"), "x")),
    "table_removes": copy(ALBERT, normalizer=normalizers.Precompiled(charsmap({"i": ""}))),
    "table_makes_spaces": copy(ALBERT, normalizer=normalizers.Precompiled(charsmap({"i": "a b"}))),
    "table_takes_spaces": copy(ALBERT, normalizer=normalizers.Precompiled(charsmap({" ": "\u2581"}))),
    "bert_without_normalizer": copy(BERT, normalizer=None),
    "added_token_with_space": with_tokens(copy(ROBERTA), AddedToken("i feel")),
    "text_twice": copy(ROBERTA, post_processor=TWICE),
    "dropout": DROPOUT,
    **({"sampling": SAMPLING} if CAN_SAMPLE else {}),
}


def ids(tokenizer: tokenizers.Tokenizer, text: str) -> list[int]:
    found: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return found


@pytest.mark.parametrize("kind", SPLIT)
@given(texts=texts_strategy)
@example(texts=["i feel happy", "i feel <mask> happy", " i feel", "i  feel", "i   feel ", "i feel\n", "i \n feel", ""])
@example(texts=["a <Wide> b", "a <wide> b", "a <Form> b", "a <FORM> b", "zo", "i zo i", "izo zo-zo", "'' ``"])
@example(texts=["a\t \tb", "a\n  \n b", "a \u00a0b", "a\u00a0 b", "\u2581 a", "a \u2581b"])
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_independent_units_have_the_ids_of_the_text(kind: str, texts: list[str]) -> None:
    library = SPLIT[kind]
    units = word_units(library)
    assert units is not None
    for text in texts:
        row = units.split(text)
        if all(map(units.is_independent, row)):
            assert list(chain.from_iterable(ids(library, unit) for unit in row)) == ids(library, text)


@pytest.mark.parametrize("kind", sorted((SPLIT | UNSPLIT).keys() - {"dropout", "sampling"}))
@given(texts=texts_strategy)
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_ids_equal_the_library(kind: str, texts: list[str]) -> None:
    library = (SPLIT | UNSPLIT)[kind]
    tokenizer = Tokenizer(library, max_length=100_000)
    expected = [encoding.ids for encoding in library.encode_batch(texts)]
    for _ in range(2):  # an empty cache, then a warm one
        batch = tokenizer.encode(texts)
        rows = [batch.ids[start:stop].tolist() for start, stop in zip(batch.offsets, batch.offsets[1:], strict=False)]
        assert rows == expected


@pytest.mark.parametrize("kind", SPLIT)
def test_unusual_characters_at_every_position(kind: str) -> None:
    """White space, control and format characters of Unicode, and characters that a normalizer turns into them."""
    library = SPLIT[kind]
    units = word_units(library)
    assert units is not None
    odd = [c for c in map(chr, range(0x11000)) if unicodedata.category(c) in ("Cc", "Cf", "Zs", "Zl", "Zp")]
    for c in [*odd, *NMT, "\u00a8", "\u2017", "\ufc5e"]:
        for text in (f"a{c}b", f"{c} a", f"a {c}", f"a {c}{c} b", f"a{c} {c}b", f"a {c}b{c} c"):
            row = units.split(text)
            if all(map(units.is_independent, row)):
                assert list(chain.from_iterable(ids(library, unit) for unit in row)) == ids(library, text)


@pytest.mark.parametrize("kind", SPLIT)
def test_plain_sentences_are_split(kind: str) -> None:
    units = word_units(SPLIT[kind])
    assert units is not None
    sentences = corpus()[:100]
    assert all(units.is_independent(unit) for text in sentences for unit in units.split(text))
    assert [len(units.split(text)) for text in sentences] == [text.count(" ") + 1 for text in sentences]


def test_the_precompiled_character_map_is_sentencepiece_s() -> None:
    assert precompiled.normalize_str("\uff21\u00a0\ufb01n\u200b \u00bd\u2026") == "A fin 1/2..."


@pytest.mark.parametrize("kind", ["bert", "roberta", "roberta_prefix_space"])
def test_words_of_any_script_are_split(kind: str) -> None:
    units = word_units(SPLIT[kind])
    assert units is not None
    assert all(map(units.is_independent, units.split("\u00fcber caf\u00e9s \u4e2d\u6587 \U0001f600 don\u2019t")))


@pytest.mark.parametrize("kind", UNSPLIT)
def test_tokenizers_that_may_look_across_a_space_are_never_split(kind: str) -> None:
    assert word_units(UNSPLIT[kind]) is None


@pytest.mark.parametrize("kind", ["roberta", "albert", "xlm_roberta_slow"])
def test_a_lone_surrogate_is_not_independent(kind: str) -> None:
    units = word_units(SPLIT[kind])
    assert units is not None
    assert not units.is_independent(" a\ud800")
