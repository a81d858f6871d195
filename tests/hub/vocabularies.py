"""Tokenizers of the four architectures, trained on a few sentences and composed like the published ones.

Each function returns the tokenizer and the files of its vocabulary (name: content), which are published as well.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from hub.sentences import corpus

Vocabulary = tuple[Tokenizer, dict[str, bytes]]


def _trained(model: Any, normalizer: Any, pre_tokenizer: Any, trainer: Any) -> dict[str, Any]:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizer
    tokenizer.train_from_iterator(corpus(), trainer)
    return dict(json.loads(tokenizer.to_str())["model"])


def _special(tokens: Iterable[str], mask: str) -> list[AddedToken]:
    return [AddedToken(token, special=True, normalized=False, lstrip=token == mask) for token in tokens]


def wordpiece_tokenizer(pieces: Sequence[str]) -> Tokenizer:
    """BERT's tokenizer over these word pieces, which have the five special ones among them."""
    ids = {piece: index for index, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])],
    )
    return tokenizer


@lru_cache
def wordpiece() -> Vocabulary:
    """BERT and DistilBERT: lower-cased word pieces; [PAD] 0, [UNK] 100, [CLS] 101, [SEP] 102, [MASK] 103.

    The pieces come from the BPE trainer, because those of the WordPiece trainer differ from run to run.
    """
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    reserved = ["[PAD]", *(f"[unused{i}]" for i in range(99)), *special[1:]]
    forms = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    pieces = _trained(models.BPE(), *forms, trainers.BpeTrainer(vocab_size=300, show_progress=False))["vocab"]
    names = [*reserved, *pieces, *(f"##{piece}" for piece in pieces)]
    tokenizer = wordpiece_tokenizer(names)
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer, {"vocab.txt": "".join(f"{name}\n" for name in names).encode()}


@lru_cache
def byte_level() -> Vocabulary:
    """RoBERTa: byte-level BPE; <s> 0, <pad> 1, </s> 2, <unk> 3, <mask> last."""
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=sorted(alphabet), show_progress=False
    )
    model = _trained(models.BPE(), None, pre_tokenizer, trainer)
    vocab: dict[str, int] = model["vocab"] | {"<mask>": len(model["vocab"])}
    merges = [tuple(merge) for merge in model["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab, merges, continuing_subword_prefix="", end_of_word_suffix=""))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizer, decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False
    )
    tokenizer.add_special_tokens(_special([*special, "<mask>"], mask="<mask>"))
    lines = "#version: 0.2\n" + "".join(f"{left} {right}\n" for left, right in merges)
    return tokenizer, {"vocab.json": json.dumps(vocab).encode(), "merges.txt": lines.encode()}


@lru_cache
def unigram() -> Vocabulary:
    """ALBERT: SentencePiece Unigram; <pad> 0, <unk> 1, [CLS] 2, [SEP] 3, [MASK] 4.

    The published normalizer ends with SentencePiece's own table (nmt_nfkc). It is left out here, since it does not
    change ASCII text any further.
    """
    special = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    quotes = [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
    forms = [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]
    normalizer = normalizers.Sequence([*quotes, *forms])
    metaspace = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace])
    trainer = trainers.UnigramTrainer(vocab_size=400, special_tokens=special, unk_token="<unk>", show_progress=False)
    pieces = _trained(models.Unigram(), normalizer, pre_tokenizer, trainer)["vocab"]
    scored = [(piece, round(score, 4)) for piece, score in pieces if piece not in special]
    vocab = [*((token, 0.0) for token in special), *sorted(scored, key=lambda item: (-item[1], item[0]))]
    tokenizer = Tokenizer(models.Unigram(vocab, unk_id=1, byte_fallback=False))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizer
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.add_special_tokens(_special(special, mask="[MASK]"))
    return tokenizer, {"spiece.model": _sentencepiece(vocab)}


def _sentencepiece(vocab: list[tuple[str, float]]) -> bytes:
    """The pieces as SentencePiece's ModelProto: field 1 a piece {1: text, 2: float score, 3: type}."""
    kinds = {
        "<pad>": 3,
        "<unk>": 2,
        "[CLS]": 3,
        "[SEP]": 3,
        "[MASK]": 4,
    }  # 1 normal, 2 unknown, 3 control, 4 user-defined

    def piece(text: str, score: float) -> bytes:
        name = text.encode()
        fields = b"\x0a" + bytes([len(name)]) + name + b"\x15" + struct.pack("<f", score)
        fields += b"\x18" + bytes([kinds.get(text, 1)])
        return b"\x0a" + bytes([len(fields)]) + fields

    unigram_trainer = b"\x12\x02\x18\x01"  # trainer_spec {3: model_type UNIGRAM}
    return b"".join(piece(text, score) for text, score in vocab) + unigram_trainer
