"""Loads what `transformers` reads from a checkpoint folder: the sequence classifier and the tokenizer.

The library is imported when a function is called.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emoscope.errors import ModelError, first_line
from emoscope.manifest import read_json
from emoscope.quiet import quiet_transformers

MAX_LAYERS = 1_000
"""Layers of an encoder; the deepest published ones have some hundred."""
_DEPTHS = (
    *("num_hidden_layers", "n_layers", "n_layer", "num_layers", "encoder_layers"),
    *("num_hidden_groups", "inner_group_num"),
)


def load_sequence_classifier(folder: Path, *, new_head: bool = False, **settings: Any) -> Any:
    """The checkpoint's `PreTrainedModel` with a classification head, in float32 and evaluation mode, on the CPU.

    Args:
        folder: `config.json` and weights.
        new_head: weights that the checkpoint lacks are drawn at random (from torch's seed) instead of being an error.
        settings: further arguments of `from_pretrained`.

    Raises:
        ModelError: the checkpoint cannot be read, its architecture is unknown, or it has no classification head.
    """
    import torch
    from transformers import AutoModelForSequenceClassification

    _check_depth(folder)
    try:
        with quiet_transformers():
            model, loading = AutoModelForSequenceClassification.from_pretrained(
                folder,
                dtype=torch.float32,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                **settings,
            )
    except Exception as error:  # the library raises exceptions of many kinds
        raise ModelError(f"the checkpoint in {folder} cannot be read: {first_line(error)}") from error
    if not new_head and (missing := sorted(loading["missing_keys"])):
        raise ModelError(
            f"{folder} is not a complete classifier, its weights lack {', '.join(missing[:3])}; "
            "fine-tune it first: emoscope train --model"
        )
    return model.eval()


def _check_depth(folder: Path) -> None:
    """Check the number of layers, which the library makes one by one before it compares them with the weights."""
    config = read_json(folder / "config.json")
    for name in _DEPTHS:
        if isinstance(layers := config.get(name), int) and layers > MAX_LAYERS:
            raise ModelError(f"{folder / 'config.json'} has {name} {layers:,}; allowed: up to {MAX_LAYERS:,}")


def load_fast_tokenizer(folder: Path) -> Any:
    """The `PreTrainedTokenizerFast` of a repository, converted if there is no `tokenizer.json`.

    Raises:
        ModelError: there are no tokenizer files, or none that can be converted.
    """
    from transformers import AutoTokenizer

    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            tokenizer.backend_tokenizer  # noqa: B018 - an AttributeError for a tokenizer written in Python
            return tokenizer
    except Exception as error:  # the library raises exceptions of many kinds
        raise ModelError(
            f"no tokenizer can be made from the files in {folder} ({first_line(error)}); "
            "add its tokenizer.json (for a spiece.model: pip install sentencepiece)"
        ) from error
