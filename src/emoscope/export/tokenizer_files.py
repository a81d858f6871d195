"""The tokenizer files of a model folder: copied from the checkpoint, completed, and checked against one another."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emoscope.errors import ModelError
from emoscope.model_folder import ModelFolder
from emoscope.preprocessing import Preprocessor
from emoscope.tokenization import Tokenizer
from emoscope.torch_runtime.pretrained import load_fast_tokenizer

REQUIRED = ("tokenizer.json", "tokenizer_config.json")
TOKENIZER_FILES = (*REQUIRED, "special_tokens_map.json")
SPELLINGS = ("We are GLAD", " so naïve, at a café", "我很高兴")
"""Texts that tokenizers with one vocabulary may split differently: capitals, a leading space, accents, Chinese."""
SETTINGS = ("do_lower_case", "strip_accents", "tokenize_chinese_chars", "add_prefix_space")
"""Settings in `tokenizer_config.json` that make `transformers` split texts differently."""


def complete_tokenizer(checkpoint: Path, draft: Path) -> None:
    """Add the required tokenizer files that the checkpoint lacks to the draft, as `transformers` writes them."""
    missing = [name for name in REQUIRED if not (draft / name).is_file()]
    if missing:
        load_fast_tokenizer(checkpoint).save_pretrained(draft.parent / "tokenizer")
        for name in missing:
            shutil.copyfile(draft.parent / "tokenizer" / name, draft / name)


def check_tokenizer(folder: ModelFolder, preprocessor: Preprocessor, texts: Sequence[str]) -> None:
    """Check that `transformers`, which follows tokenizer_config.json too, makes the same token ids as tokenizer.json.

    Args:
        folder: the opened checkpoint.
        preprocessor: normalizes texts, and splits them as tokenizer.json says.
        texts: raw texts; SPELLINGS are compared too.

    Raises:
        ModelError: the ids of a text differ.
    """
    library = load_fast_tokenizer(folder.path)
    tokenizer = Tokenizer(library.backend_tokenizer, max_length=folder.manifest.max_length)
    for text in map(preprocessor.normalizer, (*SPELLINGS, *texts)):
        if not np.array_equal(preprocessor.tokenizer.encode([text]).ids, tokenizer.encode([text]).ids):
            values = {name: library.init_kwargs.get(name) for name in SETTINGS}
            settings = ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)
            raise ModelError(
                f"{folder.path}: transformers, by tokenizer_config.json ({settings or 'its defaults'}), splits "
                f"{text[:40]!r} differently from tokenizer.json; make the two files agree: "
                "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER) writes what transformers reads"
            )
