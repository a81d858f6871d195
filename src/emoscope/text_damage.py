r"""Fixes the damage that exports and wrong encodings do to English text. Knows no normalizer.

`fix_encoding` decodes what was written in the wrong encoding or escaped: mojibake ("wasnâ€™t"), C1 controls
("wasn\x92t"), HTML entities ("wasn&amp;#39;t") and backslash escapes (a literal "\u2019"). `join_contractions` joins
contractions that were taken apart ("was n't", "wasn ’ t", "wasn�t", "I wasn t").

Text without damage is returned as it is. Every function runs in time linear in the text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

APOSTROPHES = "'`´‘’‛ʼ′＇\x18\x19"
"""Apostrophes, and what is left of two of them (U+2018, U+2019) in eight bits."""

ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

MAX_DECODINGS = 10
"""Maximum number of times that a text is decoded: `&amp;amp;` was escaped twice."""

# UTF-8 read as Windows-1252 or Latin-1. Only pairs that English text, accents, punctuation and emoji give are decoded,
# because others occur in sound text (an accented capital before a closing quotation mark).
_BYTES = {chr(byte): byte for byte in range(0x80, 0x100)}
_BYTES |= {char: byte for byte in range(0x80, 0xA0) if (char := bytes([byte]).decode("cp1252", "ignore"))}
_CONTROLS = {chr(byte): char for char, byte in _BYTES.items() if byte < 0xA0}
_NEXT = "[" + "".join(char for char, byte in _BYTES.items() if byte < 0xC0) + "]"


def _read_as(encoding: str, chars: str) -> dict[str, str]:
    """Each of the characters by what its UTF-8 looks like when it is read in another encoding."""
    return {char.encode().decode(encoding, "replace"): char for char in chars}


_PUNCTUATION, _ACCENTED = "‘’“”–—•…", "".join(map(chr, range(0xA0, 0x100)))
_MOJIBAKE = _read_as("mac_roman", _PUNCTUATION + _ACCENTED) | _read_as("cp437", _PUNCTUATION + _ACCENTED)
_MOJIBAKE |= _read_as("cp850", _PUNCTUATION + _ACCENTED) | _read_as("cp1251", _PUNCTUATION)
_MOJIBAKE |= {"â€�": "”", "â€": "”", "Â": " ", "â¤": "❤", "ï¸": "\ufe0f", "â": "'"}  # bytes were lost

_WRONG_ENCODING = re.compile(
    rf"[ÃÂ]{_NEXT}|Å[¡“¸½¾]|Ë[†œ]|Æ’|â{_NEXT}{{2}}|ï[¸»¼½¾¿]{_NEXT}|ð[Ÿ\x9f]{_NEXT}{{2}}"
    r"|Â(?!\w)|â€�?|â¤|ï¸|â(?:(?=t\b)(?<=nâ)|(?=(?:s|m|re|ve|ll|d)\b)(?<=[A-Za-z]â))"
    r"|(?:‚Ä|ΓÇ|ÔÇ|вЂ).|[√¬├┬].|[\x80-\x9f]|[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]",
    re.DOTALL,
)
_SUSPECT = re.compile("[ÃÂÅËÆâïð‚ΓÔв√¬├┬\x80-\x9f\ud800-\udfff]")
"""The first characters of `_WRONG_ENCODING`; most texts have none, and are not searched further."""
_ESCAPE = re.compile(
    r"\\(?<!\\\\)\\*(?:u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([nrt])|(['\"/]))"
)
_DRIVE = re.compile(r"\b[A-Za-z]:\\")
_ANGLE_ESCAPE = re.compile(r"<U\+([0-9A-Fa-f]{4,8})>")
_NUMBER = re.compile(r"&#[0-9]{2,4}(?![0-9])(?: ?;)?|#[0-9]{2,4};")
_PERCENT = re.compile(r"[%=](?<=[A-Za-z].)(?:27|92|[Ee]2[%=]80[%=]9[89])(?=[A-Za-z])")


def fix_encoding(text: str) -> str:
    """The text with HTML entities, escapes, mojibake and C1 controls decoded."""
    return decode_mojibake(decode_escapes(decode_entities(text)))


def decode_entities(text: str) -> str:
    """The text with HTML entities decoded, however often they were escaped; numbers also without "&" or ";"."""
    if (";" in text and ("&" in text or "#" in text)) or "&#" in text:
        text = _repeated(ENTITY, lambda entity: html.unescape(entity[0]), text)
        return _NUMBER.sub(lambda number: html.unescape(f"&{number[0].lstrip('&').rstrip(' ;')};"), text)
    return text


def decode_escapes(text: str) -> str:
    r"""The text with backslash escapes, `<U+2019>` of R and `wasn%27t` or `wasn=92t` decoded.

    The escapes `\n`, `\r` and `\t` become spaces, but not in a text with a path of Windows (`C:\new`).
    """
    if "\\" in text:
        text = _decode_backslashes(text)
    if "<U+" in text:
        text = _ANGLE_ESCAPE.sub(lambda escape: _char(escape[1]), text)
    return _PERCENT.sub("'", text) if "%" in text or "=" in text else text


def decode_mojibake(text: str) -> str:
    """The text with mojibake, C1 controls and pairs of surrogates decoded; a lone surrogate becomes U+FFFD."""
    if text.isascii() or not _SUSPECT.search(text):
        return text
    return _repeated(_WRONG_ENCODING, _decoded, text)


def _repeated(pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str], text: str) -> str:
    """The text with all matches replaced, again and again until nothing changes."""
    for _ in range(MAX_DECODINGS):
        before, text = text, pattern.sub(replace, text)
        if text == before:
            break
    return text


def _decode_backslashes(text: str) -> str:
    has_path = _DRIVE.search(text)

    def decoded(escape: re.Match[str]) -> str:
        code = next(filter(None, escape.groups()[:4]), None)
        if code:
            return _char(code)
        return escape[6] or (escape[0] if has_path else " ")

    return _ESCAPE.sub(decoded, text)


def _char(code: str) -> str:
    return chr(min(int(code, 16), 0x10FFFF))


def _decoded(match: re.Match[str]) -> str:
    found = match[0]
    if found in _CONTROLS or found in _MOJIBAKE:
        return _CONTROLS.get(found) or _MOJIBAKE[found]
    if "\ud800" <= found[0] <= "\udfff":
        return found.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")
    try:
        return bytes(_BYTES[char] for char in found).decode()
    except (KeyError, UnicodeDecodeError):
        return found


# Contractions whose apostrophe is missing, became another character, or has a space beside it.
_MARK = f"[{APOSTROPHES}]"
_GAP = rf" ?{_MARK} ?|[?*^;\"~_�]{{1,3}}|[ .,-]"
_CONTRACTION = re.compile(rf"\b(\w+)({_GAP})([Nn](?:{_GAP})?[Tt]|[TtSsMmDd]|[RrVv][Ee]|[Ll][Ll])(?![\w{APOSTROPHES}-])")
_LETTER_BEFORE = re.compile(r"(?<!\w)\w \Z")
_VERBS = "ai are ca could dare did do does had has have is may might must need ought sha should was were wo would"
_BEFORE_NOT = frozenset(_VERBS.split())
_ENDINGS_OF = {
    "i": ("m", "ve", "ll", "d"),
    **dict.fromkeys(("you", "we", "they"), ("re", "ve", "ll", "d")),
    **dict.fromkeys(
        ("he", "she", "it", "that", "what", "who", "where", "there", "here", "how", "let"), ("s", "ll", "d")
    ),
    **dict.fromkeys(("could", "might", "must", "should", "would"), ("ve",)),
}
_POSSESSIVE = {*APOSTROPHES, "�", "��", "���"}
ENDINGS = frozenset(("t", "s", "m", "d", "re", "ve", "ll", "nt"))
"""Words of a normalized text that may be parts of a contraction; without one, there is nothing to join."""


def join_contractions(text: str) -> str:
    """The text with an apostrophe in "was n't", "wasn ’ t", "wasn�t", "wasn?t" and "I wasn t".

    Without an apostrophe only the negations of verbs and the endings of pronouns are joined ("they re", not "dad s").
    """
    return _CONTRACTION.sub(_joined, text)


def _joined(match: re.Match[str]) -> str:
    word, gap, ending = match.groups()
    if ending[0] in "Nn":
        return f"{word}n't" if word.lower() in _BEFORE_NOT else match[0]
    if ending in "Tt":
        joins = word[-1] in "Nn" and word[:-1].lower() in _BEFORE_NOT
    elif gap.strip() in _POSSESSIVE:
        joins = "�" not in gap or ending in "Ss"
    else:
        joins = gap not in ".,-" and ending.lower() in _ENDINGS_OF.get(word.lower(), ()) and not _is_letter(match)
    return f"{word}'{ending}" if joins else match[0]


def _is_letter(match: re.Match[str]) -> bool:
    """Whether the ending is a letter of its own: "that D", "F R I D A Y"."""
    word, _, ending = match.groups()
    before = match.string[max(0, match.start() - 3) : match.start()]
    return (ending.isupper() and not word.isupper()) or bool(_LETTER_BEFORE.search(before))
