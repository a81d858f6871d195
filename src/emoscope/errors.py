"""The exception tree, and the gate for optional dependencies.

EmoscopeError
├── DataError            rows cannot be read; names the file, the line, what was found and what is allowed
├── LabelError           a label name or id does not exist
├── ModelError           a model cannot be found or used
│   └── ChecksumError    a file of a model folder differs from its recorded checksum
├── RecipeError          a training recipe has a wrong key or value
└── MissingExtraError    an optional dependency is not installed (also an ImportError)
"""

from __future__ import annotations

import errno
from importlib.util import find_spec
from io import UnsupportedOperation
from typing import TypeVar


class EmoscopeError(Exception):
    """Base of every error that emoscope raises for something the caller can fix.

    Attributes:
        temporary: whether the same call may succeed later, because the machine or the network failed, not the input.
    """

    temporary = False


class DataError(EmoscopeError):
    """Rows cannot be read."""


class LabelError(EmoscopeError):
    """A label does not exist."""


class ModelError(EmoscopeError):
    """A model cannot be found, read or used."""


class ChecksumError(ModelError):
    """A file of a model folder differs from its recorded checksum."""


class RecipeError(EmoscopeError):
    """A recipe has a wrong key or value."""


class MissingExtraError(EmoscopeError, ImportError):
    """An optional dependency is not installed."""


AnyError = TypeVar("AnyError", bound=EmoscopeError)


def temporary(error: AnyError) -> AnyError:
    """The error, marked as one after which the same call may succeed later."""
    error.temporary = True
    return error


_LASTING = frozenset(
    (
        *(errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST),
        *(errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.ESPIPE),
    )
)


_LASTING_WORDS = ("ACCESS_DENIED", "NO_SUCH_BUCKET", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH")
"""Words of object stores, whose errors have no number."""


def of_machine(error: OSError, message: str) -> DataError:
    """The error of a file or a connection that fails; temporary unless a name or a permission is the reason."""
    lasts = error.errno in _LASTING or isinstance(error, UnsupportedOperation)
    lasts = lasts or any(word in str(error) for word in _LASTING_WORDS)
    return DataError(message) if lasts else temporary(DataError(message))


def first_line(error: BaseException | None) -> str:
    """The first line of an error's message, or the name of its class if it has no message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def broken_data(error: Exception) -> str:
    """The message of an error about broken data, in one line; an error of the machine is raised again."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error
    return first_line(error)


EXTRAS: dict[str, tuple[str, ...]] = {
    "accurate": ("emoscope_accurate",),
    "plot": ("matplotlib",),
    "audit": ("sklearn", "cleanlab", "datasketch"),
    "score": ("pyarrow", "fsspec", "tqdm"),
    "ray": ("pyarrow", "fsspec", "tqdm", "ray"),
    "excel": ("python_calamine", "xlsxwriter", "openpyxl", "pyarrow", "fsspec", "tqdm"),
    "sklearn": ("sklearn",),
    "pandas": ("pandas", "pyarrow", "fsspec", "tqdm"),
    "polars": ("polars", "pyarrow", "fsspec", "tqdm"),
    "duckdb": ("duckdb", "pyarrow", "fsspec", "tqdm"),
    "mcp": ("mcp", "uvicorn", "httptools", "starlette", "msgspec", "prometheus_client", "pyarrow", "fsspec", "tqdm"),
    "otel": ("opentelemetry.sdk", "opentelemetry.instrumentation.asgi", "opentelemetry.exporter.otlp.proto.http"),
    "serve": ("uvicorn", "httptools", "starlette", "msgspec", "prometheus_client"),
    "torch": ("torch", "transformers", "safetensors"),
    "tensorboard": ("tensorboard",),
    "compact": ("torch", "safetensors"),
    "export": ("torch", "transformers", "safetensors", "onnx", "onnxscript"),
    "train": ("torch", "transformers", "accelerate", "safetensors", "datasets", "tqdm", "captum"),
}


def require_extra(extra: str) -> None:
    """Raise MissingExtraError unless every module of `extra` can be imported.

    Args:
        extra: a key of EXTRAS, named like the extra in pyproject.toml.

    Raises:
        MissingExtraError: names the missing modules and the pip command that installs them.
    """
    missing = [module for module in EXTRAS[extra] if not _is_installed(module)]
    if missing:
        raise MissingExtraError(
            f"this needs {', '.join(missing)}, not installed here; run: pip install 'emoscope[{extra}]'"
        )


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package that it would be in
        return False
