"""Downloads from the Hugging Face Hub with checked digests, and uploads to it. Every failure is one line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import wraps
from pathlib import Path

from emoscope.checksums import sha256
from emoscope.errors import ChecksumError, ModelError, first_line, temporary
from emoscope.quiet import quiet_loggers

_ETAG = re.compile(r"(?!\.)[A-Za-z0-9_.+-]{1,200}")
"""What an ETag may be: digests, and what other servers put there, but nothing that leads to another folder."""


def download(hub_id: str, files: Sequence[str]) -> Path:
    """Download files of a model repository into the Hub's cache and check them.

    Args:
        hub_id: "owner/name".
        files: patterns of the files to download; patterns without a match are ignored.

    Returns:
        The folder in the cache.

    Raises:
        ModelError: the repository does not exist, or cannot be downloaded.
        ChecksumError: a downloaded file is damaged; it is removed, so that the next attempt downloads it again.
    """
    from huggingface_hub import snapshot_download

    check_etags()
    try:
        with quiet_loggers("huggingface_hub"):
            folder = Path(snapshot_download(hub_id, allow_patterns=list(files)))
    except Exception as error:  # errors of the client's HTTP library are not OSError
        failed = ModelError(f"{hub_id!r} is not a folder, and cannot be downloaded from the Hub: {_reason(error)}")
        raise temporary(failed) if _may_pass(error) else failed from error
    _verify_downloads(folder, files)
    return folder


def check_etags() -> None:
    """Let the Hub's client reject ETags that are paths: it names files of its cache after them, wherever that is.

    It has no setting for that, so the function that reads an ETag is replaced, once in a process.
    """
    from huggingface_hub import file_download

    read_etag = file_download._normalize_etag

    @wraps(read_etag)
    def checked(etag: str | None) -> str | None:
        name = read_etag(etag)
        if name is not None and not _ETAG.fullmatch(name):
            raise ValueError(f"it names a file {name!r:.80}, which is not a digest")
        return name

    if not hasattr(read_etag, "__wrapped__"):
        file_download._normalize_etag = checked


def push_folder(folder: Path, repository: str, *, private: bool = False) -> str:
    """Upload a checkpoint or model folder, after a check of its model card.

    Args:
        folder: folder with `config.json` and `README.md`.
        repository: "owner/name"; created if it does not exist.
        private: whether a repository that is created is private.

    Returns:
        URL of the commit.

    Raises:
        ModelError: no such folder, a file is missing, the card is not a valid model card, or the Hub rejects it.
    """
    from huggingface_hub import HfApi, ModelCard

    for name in ("config.json", "README.md"):
        if not (folder / name).is_file():
            raise ModelError(f"{folder} is not a checkpoint or model folder: {name} is missing; nothing was uploaded")
    try:
        ModelCard.load(folder / "README.md")
    except Exception as error:  # of the YAML library
        raise ModelError(
            f"{folder / 'README.md'} is not a valid model card: {first_line(error)}; nothing was uploaded"
        ) from error
    api = HfApi()
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        commit = api.upload_folder(repo_id=repository, folder_path=folder, commit_message="Upload by emoscope push")
    except Exception as error:  # errors of the client's HTTP library are not OSError
        raise ModelError(f"{repository} could not be pushed: {_reason(error)}") from error
    return str(commit.commit_url)


def _reason(error: Exception) -> str:
    """Why a transfer failed and what to do, in one line."""
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

    cause, status = _cause(error)
    if constants.HF_HUB_OFFLINE and isinstance(error, LocalEntryNotFoundError):
        return "it is not completely in the cache, and HF_HUB_OFFLINE is set; unset it to download"
    if status in (401, 403) and (isinstance(cause, GatedRepoError) or not isinstance(cause, RepositoryNotFoundError)):
        return f"no access (status {status}); accept the model's terms on its page, and set HF_TOKEN to a valid token"
    if isinstance(cause, RepositoryNotFoundError):
        return f"no such model (status {status}); check the id; a private one needs HF_TOKEN"
    if status is not None:
        return f"it answered with status {status}; try again later"
    text = first_line(cause)
    if isinstance(cause, OSError | ValueError):
        return text
    return f"the connection failed ({type(cause).__name__}: {text}); check the network and try again"


def _cause(error: Exception) -> tuple[BaseException, int | None]:
    """The error behind an error of the client, and the status of the response if there was one."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    cause = error.__cause__ if isinstance(error, LocalEntryNotFoundError) and error.__cause__ else error
    return cause, getattr(getattr(cause, "response", None), "status_code", None)


def _may_pass(error: Exception) -> bool:
    """Whether the network or the Hub failed, and not the name, the access or the disk."""
    from huggingface_hub import constants

    cause, status = _cause(error)
    if status is not None:
        return status == 429 or status >= 500
    return not constants.HF_HUB_OFFLINE and (
        isinstance(cause, ConnectionError) or not isinstance(cause, OSError | ValueError)
    )


def _verify_downloads(folder: Path, patterns: Sequence[str]) -> None:
    """Check files in the Hub's cache, each a link to a blob that is named after its digest."""
    for link in folder.rglob("*"):
        name = link.relative_to(folder).as_posix()
        if not (link.is_symlink() and link.is_file() and any(fnmatchcase(name, pattern) for pattern in patterns)):
            continue
        blob = link.resolve()
        if not _matches_name(blob):
            link.unlink(missing_ok=True)
            blob.unlink(missing_ok=True)
            damaged = f"{name} was damaged in the download: its digest is not {blob.name}"
            raise temporary(ChecksumError(f"{damaged}; it was removed from the cache, try again"))


def _matches_name(blob: Path) -> bool:
    """Whether a blob has the digest in its name: SHA-256 for large files, SHA-1 for small ones (Git's or plain)."""
    if re.fullmatch("[0-9a-f]{64}", blob.name):
        return sha256(blob) == blob.name
    if re.fullmatch("[0-9a-f]{40}", blob.name):
        content = blob.read_bytes()
        forms = (b"blob %d\0" % len(content) + content, content)
        return blob.name in [hashlib.sha1(form, usedforsecurity=False).hexdigest() for form in forms]
    return True
