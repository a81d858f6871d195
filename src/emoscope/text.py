"""Normalizers: raw text to the form of text that a model was trained on.

A model folder records the name of its normalizer; `NORMALIZERS` maps names to functions. Knows no tokenizer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple
from unicodedata import category, combining, name
from unicodedata import normalize as unicode_normalize

import numpy as np
from numpy.typing import NDArray

from emoscope.text_damage import APOSTROPHES, ENDINGS, fix_encoding, join_contractions

_PLAIN = b"abcdefghijklmnopqrstuvwxyz0123456789 "
_PLAIN_OR_SPACE = _PLAIN + b"\t\n\v\f\r\x1c\x1d\x1e\x1f"  # what `str.split` takes for a space
_HTML = (
    "a|abbr|b|big|blockquote|br|center|code|div|em|font|h[1-6]|hr|i|img|li|ol|p|pre|s|small|span|strike|strong"
    "|sub|sup|table|tbody|td|th|tr|u|ul"
)

# Every pattern runs in linear time on any input. A pattern that looks behind does so after its first character, as `re`
# then skips to that character.
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_SIGN = re.compile(r"[!-/:-@A-Z\[-`{-~]")
_HASHTAG = re.compile(r"#(?<![\w/]#)\w+")
_CAMEL_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_TAG = re.compile(rf"</?(?:{_HTML})(?:\s[^<>=]*=[^<>]*|\s*/?)>")
_URL = re.compile(r"(?:https?://|www\.|pic\.twitter\.com/)\S+")
_MENTION = re.compile(r"@(?<!\w@)\w+")
_SPACE_BEFORE_MARK = re.compile(r" +(?=[.,!?;:](?:\s|$))")
_EMOTICON = re.compile(r"[:;=<](?<!\S[:;=<])(?:'?-?([)(\]dop/\\|])\1*|/?3+)(?![^\s.,!?])")

# The eyes "=" are read as ":", noses are removed, and the last character may be repeated.
_EMOTICONS = {
    ":)": "smiling face",
    ":]": "smiling face",
    ":d": "grinning face",
    ";)": "winking face",
    ":p": "face stuck out tongue",
    ":(": "frowning face",
    ":'(": "crying face",
    ":/": "confused face",
    ":\\": "confused face",
    ":|": "neutral face",
    ":o": "astonished face",
    "<3": "heart",
    "</3": "broken heart",
}

# Emoji whose Unicode name describes the drawing rather than its meaning; these are the names of CLDR.
_RENAMED = {
    "☺": "smiling face",
    "☻": "smiling face",
    "☹": "frowning face",
    "❤": "heart",
    "♥": "heart",
    "♡": "heart",
    "😡": "enraged face",
    "🤬": "swearing face",
    "♀": "",
    "♂": "",
}


MAX_MARKS = 30
"""Maximum number of combining marks in a row in a long text; no language has as many."""
_LONG = 1_000
"""Characters below which no run of marks takes long."""

_QUOTES = {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "–": "-", "—": "-"}


def normalize(text: str) -> str:
    """The normalizer `plain`: raw text in the form of the data set `dair-ai/emotion`.

    The result is lower-case words separated by single spaces, without punctuation: "I'm SO angry!!!" becomes "im so
    angry". Apostrophes, HTML tags, @mentions and URLs are removed. "#SoHappy" becomes "so happy". Emoji and some
    emoticons become words ("😀" and ":D" become "grinning face"). Letters, digits and combining marks of every script
    stay, composed as in NFKC; invisible characters are removed; everything else, including lone surrogates, becomes a
    space. Elongated words ("soooo") stay as they are, as in the data set.

    Damaged text gives the same result as undamaged text ("wasnâ€™t", "wasn&#39;t" and "was n't" become "wasnt"); see
    `emoscope.text_damage`. Text that consists of plain words already ("i wasn t") stays as it is, because the data set
    has such text. Version 0.1 did not fix damage, and gave the same result for undamaged text.

    `normalize` is idempotent. The names of recent emoji depend on Python's version of Unicode; an emoji without a name
    is removed.

    Args:
        text: any string; no string is an error.
    """
    if _is_plain(text):
        return text
    return " ".join(_undamaged(text)[1])


def _undamaged(text: str) -> tuple[str, list[str]]:
    """The text with damage fixed, and its words; words in plain form stay as they are."""
    fixed = fix_encoding(text)
    words = _words(fixed)
    if not ENDINGS.isdisjoint(words):
        fixed = join_contractions(fixed)
        words = _words(fixed)
    if fixed != text and not _SIGN.search(text) and _words(text) == text.split():
        return text, text.split()
    return fixed, words


def _words(text: str) -> list[str]:
    text = without_markup(text)
    if not text.isascii():
        text = _NOT_ASCII.sub(lambda found: found[0].translate(_CHARACTERS), text)
    if text.isascii():
        return text.encode().translate(_ASCII, _REMOVED).decode().split()
    return _composed(text.translate(_CHARACTERS)).split()


def without_markup(text: str) -> str:
    """The text in lower case without tags, URLs and mentions, with hashtags as words and emoticons as their names."""
    if "#" in text:
        text = _HASHTAG.sub(lambda hashtag: " " + _CAMEL_CASE.sub(" ", hashtag[0][1:]), text)
    text = text.lower()
    if "<" in text:
        text = _TAG.sub(" ", text)
    if "/" in text or "www." in text:
        text = _URL.sub(" ", text)
    if "@" in text:
        text = _MENTION.sub(" ", text)
    if ":" in text or ";" in text or "=" in text or "<" in text:
        text = _EMOTICON.sub(_emoticon_words, text)
    return text


def _is_plain(text: str) -> bool:
    if not text.isascii() or text.encode().translate(None, _PLAIN):
        return False
    return "  " not in text and text[:1] != " " and text[-1:] != " "


def _emoticon_words(match: re.Match[str]) -> str:
    found = match[0]
    short = found.rstrip(found[-1]) + found[-1]
    words = _EMOTICONS.get(short.replace("-", "").replace("=", ":"))
    return f" {words} " if words else found


def _composed(text: str) -> str:
    return _nfkc(_nfkc(text).lower().translate(_CHARACTERS))


def _nfkc(text: str) -> str:
    """NFKC in linear time. Long runs of combining marks, which it sorts in quadratic time, are divided before."""
    return _divided(unicode_normalize("NFKC", _divided(text)))


def _divided(text: str) -> str:
    """A long text in Unicode's stream-safe format (UAX #15, 13): U+034F after every MAX_MARKS marks in a row."""
    if len(text) < _LONG or not (marks := "".join(char for char in set(text) if combining(char))):
        return text
    mark = f"[{re.escape(marks)}]"
    return re.sub(f"{mark}{{{MAX_MARKS}}}(?={mark})", "\\g<0>\u034f", text)


def _is_emoji(char: str) -> bool:
    code = ord(char)
    blocks = 0x2600 <= code < 0x27C0 or 0x2B00 <= code < 0x2C00 or 0x1F300 <= code < 0x1FB00
    return blocks and category(char) == "So"


def _emoji_words(char: str) -> str:
    words = name(char, "").lower().replace("-", " ").split()
    return _RENAMED.get(char, " ".join(word for word in words if word != "with"))


def _is_invisible(char: str) -> bool:
    if category(char) in ("Cf", "Me"):
        return True
    return name(char, "").startswith(("VARIATION SELECTOR", "EMOJI MODIFIER", "MONGOLIAN FREE VARIATION"))


def _replacement(char: str) -> str | None:
    if char in APOSTROPHES or _is_invisible(char):
        return None
    if _is_emoji(char):
        return f" {_emoji_words(char)} "
    return char if category(char)[0] in "LMN" else " "


class _Characters(dict[int, str | None]):
    """Replacement of each character, computed when it first occurs (for `str.translate`)."""

    def __missing__(self, code: int) -> str | None:
        replacement = _replacement(chr(code))
        if code < 0x20000:  # emoji and all living scripts except for rare Han; bounds the memory
            self[code] = replacement
        return replacement


_CHARACTERS = _Characters()
_REMOVED = bytes(code for code in range(128) if _CHARACTERS[code] is None)
_ASCII = "".join(_CHARACTERS[code] or " " for code in range(128)).encode().ljust(256)


def mark(text: str) -> str:
    """The normalizer `marked`: the plain text, after "! " if the raw text was not plain.

    Capitals, punctuation and emoji distinguish written language from the bare words of `dair-ai/emotion`, whose labels
    follow rules of their own (there, "not happy" is joy). A model trained on both can distinguish them by the mark.

    Args:
        text: any string; no string is an error.
    """
    if _is_plain(text):
        return text
    if text.startswith("! ") and normalize(text[2:]) == text[2:]:
        return text
    text, words = _undamaged(text)
    plain = " ".join(words)
    return plain if words == text.split() else f"! {plain}"


def are_written(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each text is one of those that `mark` marks, bool (len(texts),)."""
    return np.fromiter(map(_is_written, texts), bool, len(texts))


def _is_written(text: str) -> bool:
    if text.isascii():
        return bool(text.encode().translate(None, _PLAIN_OR_SPACE))
    return mark(text).startswith("! ")


def keep_punctuation(text: str) -> str:
    """The normalizer `written`: lower case with punctuation, for encoders that were pretrained with it.

    Damage is fixed; hashtags, tags, URLs, mentions, emoticons and emoji are as in `plain`. Apostrophes and quotation
    marks are those of ASCII. A space before a punctuation mark ("really ?") is removed.

    Args:
        text: any string; no string is an error.
    """
    text = without_markup(join_contractions(fix_encoding(text)))
    if not text.isascii():
        text = _nfkc(text.translate(_WRITTEN))
    return " ".join(_SPACE_BEFORE_MARK.sub("", text).split())


class _WrittenCharacters(dict[int, str | None]):
    """Replacement of each character where punctuation is kept, computed when it first occurs."""

    def __missing__(self, code: int) -> str | None:
        char = chr(code)
        if char in APOSTROPHES:
            replacement: str | None = "'"
        elif _is_invisible(char) or _is_emoji(char):
            replacement = _CHARACTERS[code]
        else:
            replacement = _QUOTES.get(char, char)
        if code < 0x20000:
            self[code] = replacement
        return replacement


_WRITTEN = _WrittenCharacters()


class Size(NamedTuple):
    """How much a model has to read.

    Attributes:
        characters: number of characters.
        bytes: number of bytes in UTF-8.
    """

    characters: int
    bytes: int


class _Sizes(dict[str, Size]):
    """Size of each character once it is written out, computed when it first occurs."""

    def __missing__(self, char: str) -> Size:
        written = max(unicode_normalize("NFKC", char), _CHARACTERS[ord(char)] or "", key=len)
        size = Size(len(written), len(written.encode("utf-8", "surrogatepass")))
        if ord(char) < 0x20000:
            self[char] = size
        return size


_SIZES = _Sizes()


def expanded_size(text: str) -> Size:
    """Size of a text when every character is written out: a normalizer turns U+FDFA into 18 letters, emoji into words.

    Takes a few nanoseconds per character, far less than to normalize the text.
    """
    if text.isascii():
        return Size(len(text), len(text))
    counts = [(_SIZES[char], count) for char, count in Counter(text).items()]
    return Size(
        sum(size.characters * count for size, count in counts), sum(size.bytes * count for size, count in counts)
    )


NORMALIZERS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {"raw": str, "plain": normalize, "marked": mark, "written": keep_punctuation}
)
"""Name -> normalizer; `raw`, for other people's checkpoints, leaves a text as it is."""
