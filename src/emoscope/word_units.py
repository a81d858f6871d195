"""Where a text may be cut so that its ids are those of its pieces, each encoded alone. Knows no cache and no batch.

A tokenizer of the library takes out the added tokens, normalizes what is left, splits it into pre-tokens, and looks
these up one at a time. So the ids of a piece are its own where none of these steps looks across the cut. Which steps do
not is read off the tokenizer's settings; a text that holds anything else than what is known here is not cut.
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
_PRINTABLE = "[!-~]+"  # ASCII but for the space
_LOCAL = {"NFC", "NFD", "NFKC", "NFKD", "Nmt", "Lowercase", "StripAccents"}
"""Normalizers that take printable ASCII and spaces character by character."""


@dataclass(frozen=True)
class WordUnits:
    """Cuts texts at their spaces into units.

    Attributes:
        with_space: a unit is " word" (the first one "word"), not "word": the tokenizer keeps spaces.
        plain: matches the units that stand alone unless an added token is in them.
        added: matches the added tokens in a text as it is; None if there are none.
        added_normalized: matches those that are looked for in the normalized text, likewise.
        normalizer: the tokenizer's own.
    """

    with_space: bool
    plain: re.Pattern[str]
    added: re.Pattern[str] | None
    added_normalized: re.Pattern[str] | None
    normalizer: Normalizer | None

    def cut(self, text: str) -> list[str]:
        """The units of a text. It may be cut there if each of them stands alone."""
        if not self.with_space:
            return text.split(" ")
        return [text] if "\n" in text else text.replace(" ", "\n ").split("\n")

    def stands_alone(self, unit: str) -> bool:
        """Whether the unit has the same ids alone and beside others that stand alone."""
        if not self.plain.fullmatch(unit) or (self.added and self.added.search(unit)):
            return False
        if not self.added_normalized:
            return True
        normalized = self.normalizer.normalize_str(unit) if self.normalizer else unit
        return not self.added_normalized.search(normalized)


def word_units(tokenizer: tokenizers.Tokenizer) -> WordUnits | None:
    """How the tokenizer's texts may be cut; None if they may not.

    An added token can only match inside one unit, since it has no space; units that hold one do not stand alone.
    """
    added = tokenizer.get_added_tokens_decoder().values()
    way = _way(_settings(tokenizer.normalizer), _settings(tokenizer.pre_tokenizer))
    if way is None or not all(re.fullmatch(_PRINTABLE, token.content) for token in added):
        return None
    with_space, plain = way
    if _random(tokenizer.model) or not _in_order(tokenizer, with_space):
        return None
    normalize = tokenizer.normalizer.normalize_str if tokenizer.normalizer else str
    return WordUnits(
        with_space,
        re.compile(plain),
        _any_of(token.content for token in added if not token.normalized),
        _any_of(normalize(token.content) for token in added if token.normalized),
        tokenizer.normalizer,
    )


def _way(normalizer: Settings, pre_tokenizer: Settings) -> tuple[bool, str] | None:
    """`WordUnits.with_space` and the pattern of plain units.

    BERT drops spaces, and nothing that it does reaches over one. The expression of ByteLevel takes one space along with
    the word that follows, Metaspace makes it the word's first character; several spaces, or others, are another matter.
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
    """Metaspace that splits, or WhitespaceSplit and then Metaspace."""
    steps = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    metaspace = steps[-1]
    if metaspace.get("type") != "Metaspace" or metaspace["replacement"].isascii():
        return False
    before = [step["type"] for step in steps[:-1]]
    return before == ["WhitespaceSplit"] or (before == [] and metaspace["split"])


def _keeps_words(normalizer: Settings) -> bool:
    """Whether printable ASCII words stay such words, each made from itself alone, with one space before each."""
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
    """What the library writes of a normalizer or pre-tokenizer into `tokenizer.json`; empty for None."""
    settings: Settings = json.loads(step.__getstate__()) if step else {}
    return settings


def _any_of(contents: Iterable[str]) -> re.Pattern[str] | None:
    alternatives = "|".join(map(re.escape, sorted(contents)))
    return re.compile(alternatives) if alternatives else None


def _random(model: Any) -> bool:
    """Whether the ids of one text differ from call to call: the dropout of BPE, the sampling of Unigram."""
    return any(getattr(model, name, None) for name in ("dropout", "alpha"))


def _in_order(tokenizer: tokenizers.Tokenizer, with_space: bool) -> bool:
    """Whether a text stands once, in order: a template of the post-processor may repeat it."""
    texts = ("a", " b" if with_space else "b", "a b")
    a, b, a_b = (tokenizer.encode(text, add_special_tokens=False).ids for text in texts)
    return bool(a_b) and a_b == a + b
