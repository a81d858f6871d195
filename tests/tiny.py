"""Tiny models and data for the tests, made here: nothing is downloaded, nothing is committed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from emoscope.data import Examples
from emoscope.labels import EMOTIONS, Labels

KEYWORDS = {
    "sadness": ("sad", "lonely", "hopeless", "miserable"),
    "joy": ("happy", "glad", "cheerful", "proud"),
    "love": ("loving", "tender", "caring", "romantic"),
    "anger": ("angry", "furious", "mad", "annoyed"),
    "fear": ("scared", "afraid", "nervous", "anxious"),
    "surprise": ("surprised", "amazed", "stunned", "shocked"),
}
PATTERNS = (
    "i feel {} today",
    "i am {}",
    "i was so {} when they came",
    "they made me feel {}",
    "feeling {} again and again",
)
WIDTH = 16


def examples(split: str, repeat: int = 1) -> Examples:
    """Each keyword in each pattern: 120 rows a repeat."""
    rows = [
        (pattern.format(word), EMOTIONS.index(emotion))
        for _ in range(repeat)
        for emotion, words in KEYWORDS.items()
        for word in words
        for pattern in PATTERNS
    ]
    texts, label_ids = zip(*rows, strict=True)
    return Examples(list(texts), np.array(label_ids, np.int64), Labels(), "tiny", split)


def encoder(folder: Path, width: int = WIDTH) -> Path:
    """A folder with the two files that a student starts from: tokenizer.json and random word-piece vectors."""
    from safetensors.numpy import save_file

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_words()]
    folder.mkdir(parents=True)
    _tokenizer(vocabulary).save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    vectors = np.random.default_rng(0).normal(size=(len(vocabulary), width)).astype(np.float32)
    save_file({"embeddings.word_embeddings.weight": vectors}, folder / "model.safetensors")
    return folder


def _words() -> list[str]:
    words = {word for text in examples("train").texts for word in text.split()}
    return sorted(words) + [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]


def _tokenizer(vocabulary: list[str]):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    ids = {word: i for i, word in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])]
    )
    return tokenizer
