"""What `transformers` reads of a checkpoint folder: the sequence classifier, how it is run, and the tokenizer.

All need the extra `torch`; the library is imported when they are called.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emoscope.errors import ModelError, first_line
from emoscope.quiet import quiet_transformers

if TYPE_CHECKING:
    from torch import Tensor


def read_sequence_classifier(folder: Path, *, new_head: bool = False, **settings: Any) -> Any:
    """The checkpoint's `PreTrainedModel` with a classification head, in float32 and evaluation mode, on the CPU.

    Args:
        folder: `config.json` and weights.
        new_head: the weights may lack the head, as those of a pretrained encoder do; it is then drawn at random.
        settings: further arguments of `from_pretrained`.

    Raises:
        ModelError: the checkpoint cannot be read, is of an unknown architecture, or has no classification head.
    """
    import torch
    from transformers import AutoModelForSequenceClassification

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
    except Exception as error:  # the library raises whatever its many readers meet
        raise ModelError(f"no checkpoint can be read from {folder}: {first_line(error)}") from error
    if (missing := sorted(loading["missing_keys"])) and not new_head:
        raise ModelError(
            f"{folder} is no whole classifier, its weights lack {', '.join(missing[:3])}; "
            "fine-tune it first: emoscope train --model"
        )
    return model.eval()


def logits_of_rows(module: Callable[[Tensor], Tensor], ids: Tensor) -> Tensor:
    """Rows of equal length; one by one where the module does not take them together, as GPT-2 without padding.

    *Shape:* int64 (rows, length) -> (rows, labels).

    Raises:
        ModelError: the module cannot run a row.
    """
    try:
        return module(ids)
    except Exception as error:
        if len(ids) == 1:
            raise ModelError(
                f"the model cannot run a row of {ids.shape[1]} tokens ({first_line(error)}); check that its "
                "config.json and tokenizer.json belong to its weights"
            ) from error
    import torch

    return torch.cat([logits_of_rows(module, row) for row in ids[:, None]])


def read_fast_tokenizer(folder: Path) -> Any:
    """The `PreTrainedTokenizerFast` of a repository, converted where it has no `tokenizer.json`.

    Raises:
        ModelError: there are no tokenizer files, or none that can be converted.
    """
    from transformers import AutoTokenizer

    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            tokenizer.backend_tokenizer  # noqa: B018 - a slow tokenizer has none
            return tokenizer
    except Exception as error:  # the library raises whatever its many readers meet
        raise ModelError(
            f"no tokenizer can be made from the files in {folder} ({first_line(error)}); "
            "add its tokenizer.json (for a spiece.model: pip install sentencepiece)"
        ) from error
