"""Share of texts that count as unlike the training texts: unknown English corpora, other languages, program code.

Run: python benchmarks/familiarity.py --corpora runs/corpora --data DIR [--texts FILE.txt ...]

The known words are those of all tables of runs/corpora (made by `make corpora`) and of `emotion`; for a corpus itself,
those of the others. Texts in other languages are the translated messages of the programs that are installed here
(/usr/share/locale), 4 to 30 words long, at most 300 of each language. They contain English technical words, which makes
them harder than what people write. Program code is that of Python's standard library, paragraphs of 5 to 59 words.
--texts takes files with an English text per line.
"""

from __future__ import annotations

import argparse
import gettext
import random
import re
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import fmean

import record
from emoscope.data import load_splits
from emoscope.familiarity import KnownWords
from leave_one_out import CORPORA, load_table

LOCALES = Path("/usr/share/locale")
PER_LANGUAGE = 300
MIN_MESSAGES = 100
"""Messages of a language; there are fewer of some."""
_NOT_WORDS = re.compile(r"%\S*|--?\w+|[A-Z]{3,}")
"""Placeholders, options and names of constants in messages."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", type=Path, required=True, help="folder of the tables")
    parser.add_argument("--data", required=True, help="the data set emotion")
    parser.add_argument("--texts", type=Path, nargs="*", default=[], help="files with an English text per line")
    args = parser.parse_args()
    corpora = {name: load_table(args.corpora / f"{name}.csv").texts for name in CORPORA}
    corpora["emotion"] = load_splits(args.data)["train"].texts
    english = {
        name: unfamiliar(texts, *(others for other, others in corpora.items() if other != name))
        for name, texts in corpora.items()
    }
    english |= {file.stem: unfamiliar(file.read_text("utf-8").splitlines(), *corpora.values()) for file in args.texts}
    languages = {name: unfamiliar(texts, *corpora.values()) for name, texts in messages().items()}
    code = unfamiliar(list(paragraphs_of_code()), *corpora.values())
    result = {"english": english, "other_languages": fmean(languages.values()), "code": code, "languages": languages}
    print(record.write("familiarity", result, packages=("emoscope", "numpy")))


def unfamiliar(texts: Sequence[str], *known: Sequence[str]) -> float:
    """Share of texts that are unlike the known ones."""
    words = KnownWords.of(text for each in known for text in each)
    assert words is not None
    return float(1 - words.familiar(texts).mean())


def messages() -> dict[str, list[str]]:
    """Texts by language code."""
    found: dict[str, set[str]] = {}
    for file in LOCALES.glob("*/LC_MESSAGES/*.mo"):
        language = re.split("[_@]", file.parts[-3])[0]
        if language != "en":
            found.setdefault(language, set()).update(translations(file))
    texts = {name: sorted(text for text in each if 4 <= len(text.split()) <= 30) for name, each in found.items()}
    chosen = random.Random(0)
    return {
        name: chosen.sample(each, min(len(each), PER_LANGUAGE))
        for name, each in sorted(texts.items())
        if len(each) >= MIN_MESSAGES
    }


def translations(file: Path) -> Iterator[str]:
    """Translated messages of a catalogue; none if it is damaged."""
    with file.open("rb") as opened, suppress(UnicodeDecodeError, IndexError):
        for source, text in vars(gettext.GNUTranslations(opened))["_catalog"].items():
            if isinstance(source, str) and isinstance(text, str) and text != source:
                yield _NOT_WORDS.sub(" ", text)


def paragraphs_of_code() -> Iterator[str]:
    """Paragraphs of Python's standard library."""
    for file in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[:60]:
        for paragraph in file.read_text(encoding="utf-8", errors="ignore").split("\n\n"):
            if 4 < len(paragraph.split()) < 60 and not paragraph.strip().startswith(('"', "#")):
                yield paragraph


if __name__ == "__main__":
    main()
