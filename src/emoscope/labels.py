"""The emotions in index order, and the mapping between label names and ids.

No other module knows the order, which is that of the data set `dair-ai/emotion`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from os.path import isfile
from pathlib import Path
from typing import Any
from unicodedata import category

from emoscope.errors import LabelError

EMOTIONS = ("sadness", "joy", "love", "anger", "fear", "surprise")
NEUTRAL = "neutral"
"""Name of the output of a model for texts that express no emotion; it is not one of the labels."""
_NOT_IN_NAMES = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of Unicode: control and format characters, lone surrogates, the separators of lines and paragraphs."""
_JOINERS = "\u200c\u200d"
"""Format characters that some scripts need."""


@dataclass(frozen=True)
class Labels:
    """Label names in index order; `Labels()` are the six emotions."""

    names: tuple[str, ...] = EMOTIONS

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise LabelError(f"label names must differ, got {list(self.names)}")
        characters = set("".join(self.names)).difference(_JOINERS)
        if any(category(character) in _NOT_IN_NAMES for character in characters):
            raise LabelError(f"label names must have no control characters, got {list(self.names)}")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Labels:
        """Labels from `id2label` of a Hugging Face `config.json`.

        Raises:
            LabelError: `id2label` is missing, or its ids are not consecutive numbers from 0.
        """
        id2label = config.get("id2label")
        if not isinstance(id2label, Mapping) or not id2label:
            raise LabelError("the model's config.json has no id2label; add it, for example {'0': 'sadness', ...}")
        try:
            by_id = {int(key): str(name) for key, name in id2label.items()}
        except ValueError:
            raise LabelError(f"id2label must map ids to names, got the ids {str(sorted(id2label))[:80]}") from None
        if sorted(by_id) != list(range(len(by_id))):
            raise LabelError(f"the ids of id2label must be 0 to {len(by_id) - 1}, got {sorted(by_id)}")
        return cls(tuple(by_id[i] for i in range(len(by_id))))

    @classmethod
    def read(cls, source: str | Path) -> Labels:
        """Labels from a file with one name a line in index order, or from names separated by commas.

        Args:
            source: path of a UTF-8 file, such as GoEmotions' labels.txt, or names, such as "bad,good".

        Raises:
            LabelError: the source is neither of the two, or a name is blank or occurs twice.
        """
        if isfile(source):  # noqa: PTH113 - Path.is_file fails on a list of names too long for a path
            names = _lines(Path(source))
        elif "," in str(source):
            names = str(source).split(",")
        else:
            raise LabelError(
                f"no labels in {str(source)!r}; allowed: a file with one name a line, or names as in a,b,c"
            )
        stripped = tuple(name.strip() for name in names)
        if "" in stripped:
            raise LabelError(f"label {stripped.index('')} of {str(source)!r} is blank; give each label a name")
        return cls(stripped)

    @property
    def id2label(self) -> dict[int, str]:
        """Mapping of indices to names, as in Hugging Face configurations."""
        return dict(enumerate(self.names))

    @property
    def label2id(self) -> dict[str, int]:
        """Mapping of names to indices, as in Hugging Face configurations."""
        return {name: i for i, name in enumerate(self.names)}

    def index(self, label: str | int) -> int:
        """Index of a label, given as its name ("joy"), its id (1) or its id in digits ("1").

        Raises:
            LabelError: no such label; the message lists the allowed ones.
        """
        if isinstance(label, str) and label in self.names:
            return self.names.index(label)
        index = int(label) if isinstance(label, int) or re.fullmatch("[0-9]{1,9}", label) else -1
        if not 0 <= index < len(self.names):
            allowed = f"{', '.join(self.names)}, or 0 to {len(self) - 1}"
            raise LabelError(f"unknown label {label!r}; allowed: {allowed}")
        return index

    def __len__(self) -> int:
        return len(self.names)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8-sig").rstrip().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise LabelError(
            f"{file} cannot be read as label names ({error}); allowed: UTF-8 with one name a line"
        ) from None
