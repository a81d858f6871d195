"""The parts of a classifier, read from a model folder or a checkpoint. Knows no classifier."""

from __future__ import annotations

from emoscope.cascade import threshold_for
from emoscope.errors import ModelError
from emoscope.manifest import read_json
from emoscope.model_folder import BUNDLED, CASCADE, ModelFolder, model_checksum, resolve
from emoscope.protocols import Runtime
from emoscope.runtime import OnnxModel
from emoscope.token_attribution import BASELINES, AttributeTokens
from emoscope.tokenization import Tokenizer


def load_runtime(folder: ModelFolder, device: str, dtype: str | None, threads: int | None) -> Runtime:
    """The runtime of a folder's model on a device."""
    if folder.graph and device == "cpu":
        if dtype:
            raise ModelError(f"the precision of {folder.graph} is fixed, got dtype {dtype!r}; leave it out")
        return OnnxModel(folder.graph, threads=threads, parameters=folder.manifest.parameters)
    if not folder.has_weights:
        raise ModelError(
            f"{folder.path} has an ONNX graph but no weights, and a graph runs on device 'cpu', got {device!r}; "
            "leave the device out, or give the checkpoint"
        )
    from emoscope.torch_runtime import load_runtime as load_torch_runtime

    return load_torch_runtime(folder.path, device=device, dtype=dtype)


def load_gradients(folder: ModelFolder, device: str) -> AttributeTokens:
    """Integrated gradients of a checkpoint, in float32, beside its runtime."""
    from emoscope.torch_runtime import IntegratedGradients, load_module

    tokenizer = load_tokenizer(folder)
    baseline = tokenizer.first_id(BASELINES)
    if baseline is None:
        raise ModelError(f"the tokenizer of {folder.path} has none of {', '.join(BASELINES)} for the baseline")
    return IntegratedGradients(
        load_module(folder.path),
        baseline=baseline,
        specials=tokenizer.specials,
        temperature=folder.calibration.temperature,
        multi_label=folder.calibration.multi_label,
        device=device,
    )


def load_tokenizer(folder: ModelFolder) -> Tokenizer:
    """The tokenizer of a folder's model."""
    max_length = folder.manifest.max_length
    if folder.tokenizer:
        tokenizer = Tokenizer.from_file(folder.tokenizer, max_length=max_length)
    else:
        from emoscope.torch_runtime.pretrained import load_fast_tokenizer

        tokenizer = Tokenizer(load_fast_tokenizer(folder.path).backend_tokenizer, max_length=max_length)
    if folder.names_token_types and tokenizer.has_types:
        raise ModelError(
            f"{folder.path} gives its special tokens token types other than 0, which emoscope does not pass on; give "
            "another model, or if it was trained without them, take token_type_ids out of the model_input_names in its "
            "tokenizer_config.json"
        )
    return tokenizer


def load_cascade_threshold(agreement: float) -> float:
    """Probability from which on the bundled model answers for the accurate one, for a share of equal answers."""
    values = read_json(resolve("accurate") / CASCADE)
    if values.get("bundled") != model_checksum(BUNDLED):
        raise ModelError(
            "the installed accurate model belongs to another version of emoscope, so its cascade with the bundled "
            "model is not calibrated; pip install --upgrade 'emoscope[accurate]'"
        )
    return threshold_for(values["thresholds"], agreement)
