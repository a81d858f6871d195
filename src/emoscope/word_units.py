"""Splits texts into units that can be tokenized alone: their ids in sequence are the ids of the text.

A tokenizer of the library takes out added tokens, normalizes the rest, splits it into pre-tokens, and looks these up
one at a time. A text can be split where none of these steps looks across the split. Which steps do is known from the
tokenizer's settings; a text or setting that is not known here to be safe is not split. Knows no cache and no batch.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import tokenizers
from tokenizers.normalizers import Normalizer, Precompiled

Settings = dict[str, Any]

_ANYTHING = "[^\ud800-\udfff]*"
_NO_WHITE_SPACE = "[^\\s\ud800-\udfff]+"
_PRINTABLE = "[!-~]+"  # ASCII except for the space
_LOCAL = {"NFC", "NFD", "NFKC", "NFKD", "Nmt", "Lowercase", "StripAccents"}
"""Normalizers that replace printable ASCII and spaces character by character."""


@dataclass(frozen=True)
class WordUnits:
    """Splits texts at spaces into units.

    Attributes:
        with_space: whether a unit is " word" (the first one "word") instead of "word", as the tokenizer keeps spaces.
        plain: matches units that are independent of their neighbours unless they contain an added token.
        added: matches added tokens that are searched for in the raw text; None if there are none.
        added_normalized: matches added tokens that are searched for in the normalized text; None if there are none.
        normalizer: the tokenizer's normalizer; None if it has none.
    """

    with_space: bool
    plain: re.Pattern[str]
    added: re.Pattern[str] | None
    added_normalized: re.Pattern[str] | None
    normalizer: Normalizer | None

    def split(self, text: str) -> list[str]:
        """The units of a text, which may be tokenized alone if each of them is independent."""
        if not self.with_space:
            return text.split(" ")
        return [text] if "\n" in text else text.replace(" ", "\n ").split("\n")

    def is_independent(self, unit: str) -> bool:
        """Whether a unit has the same ids alone as among other independent units."""
        if not self.plain.fullmatch(unit) or (self.added and self.added.search(unit)):
            return False
        if not self.added_normalized:
            return True
        normalized = self.normalizer.normalize_str(unit) if self.normalizer else unit
        return not self.added_normalized.search(normalized)


def word_units(tokenizer: tokenizers.Tokenizer) -> WordUnits | None:
    """How the texts of a tokenizer can be split; None if they cannot.

    Added tokens contain no space, so each matches inside one unit; units with an added token are not independent.
    """
    added = tokenizer.get_added_tokens_decoder().values()
    rule = _rule(_settings(tokenizer.normalizer), _settings(tokenizer.pre_tokenizer))
    if rule is None or not all(re.fullmatch(_PRINTABLE, token.content) for token in added):
        return None
    with_space, plain = rule
    if _is_random(tokenizer.model) or not _keeps_order(tokenizer, with_space):
        return None
    normalize = tokenizer.normalizer.normalize_str if tokenizer.normalizer else str
    return WordUnits(
        with_space,
        re.compile(plain),
        _any_of(token.content for token in added if not token.normalized),
        _any_of(normalize(token.content) for token in added if token.normalized),
        tokenizer.normalizer,
    )


def _rule(normalizer: Settings, pre_tokenizer: Settings) -> tuple[bool, str] | None:
    """`WordUnits.with_space` and the pattern of plain units; None if texts cannot be split.

    BERT drops spaces, and none of its steps looks across one. The regular expression of ByteLevel joins a single space
    to the word after it, and Metaspace makes it the first character of that word; other white space is not split.
    """
    kind = pre_tokenizer.get("type")
    if kind == "BertPreTokenizer":
        return (False, _ANYTHING) if normalizer.get("type") == "BertNormalizer" else None
    if kind == "ByteLevel" and pre_tokenizer["use_regex"] and not normalizer:
        return True, f" ?{_NO_WHITE_SPACE}"
    byte_level = kind == "ByteLevel" and pre_tokenizer["use_regex"]
    if (byte_level or _splits_before_words(pre_tokenizer)) and _keeps_words(normalizer):
        return True, f" ?{_PRINTABLE}"
    return None


def _splits_before_words(pre_tokenizer: Settings) -> bool:
    """Whether the pre-tokenizer is a splitting Metaspace, or WhitespaceSplit followed by Metaspace."""
    steps = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    metaspace = steps[-1]
    if metaspace.get("type") != "Metaspace" or metaspace["replacement"].isascii():
        return False
    before = [step["type"] for step in steps[:-1]]
    return before == ["WhitespaceSplit"] or (before == [] and metaspace["split"])


def _keeps_words(normalizer: Settings) -> bool:
    """Whether each printable ASCII word becomes a printable word that depends on it alone, with one space before it."""
    kind = normalizer.get("type")
    if kind == "Sequence":
        return all(map(_keeps_words, normalizer["normalizers"]))
    if kind == "Replace":
        if normalizer["pattern"] == {"Regex": " {2,}"}:
            return True
        texts = (normalizer["pattern"].get("String", ""), normalizer["content"])
        return all(re.fullmatch(_PRINTABLE, text) for text in texts)
    if kind == "Precompiled":
        table = Precompiled(base64.b64decode(normalizer["precompiled_charsmap"]))
        kept = (re.fullmatch(_PRINTABLE, table.normalize_str(chr(code))) for code in range(ord("!"), ord("~") + 1))
        return all(kept) and table.normalize_str(" ") == " "
    if kind == "Strip":
        return not normalizer["strip_left"]
    return kind is None or kind in _LOCAL


def _settings(step: Any) -> Settings:
    """Settings of a normalizer or pre-tokenizer as in `tokenizer.json`; empty for None."""
    settings: Settings = json.loads(step.__getstate__()) if step else {}
    return settings


def _any_of(contents: Iterable[str]) -> re.Pattern[str] | None:
    alternatives = "|".join(map(re.escape, sorted(contents)))
    return re.compile(alternatives) if alternatives else None


def _is_random(model: Any) -> bool:
    """Whether the ids of a text change from call to call, by the dropout of BPE or the sampling of Unigram."""
    return any(getattr(model, name, None) for name in ("dropout", "alpha"))


def _keeps_order(tokenizer: tokenizers.Tokenizer, with_space: bool) -> bool:
    """Whether the ids contain the text once and in order; a template of the post-processor may repeat it."""
    texts = ("a", " b" if with_space else "b", "a b")
    a, b, a_b = (tokenizer.encode(text, add_special_tokens=False).ids for text in texts)
    return bool(a_b) and a_b == a + b
