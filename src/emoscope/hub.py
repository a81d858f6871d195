"""Uploads to the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

from emoscope.errors import ModelError


def push_folder(folder: Path, repository: str, *, private: bool = False) -> str:
    """Upload a checkpoint or model folder, its model card checked first.

    Args:
        folder: with `config.json` and `README.md`.
        repository: "owner/name"; made if it is not there.
        private: whether a repository made here is private.

    Returns:
        Address of the commit.

    Raises:
        ModelError: no such folder, a file is missing, the card is no valid model card, or the Hub refused.
    """
    from huggingface_hub import HfApi, ModelCard
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    for name in ("config.json", "README.md"):
        if not (folder / name).is_file():
            raise ModelError(f"{folder} is no checkpoint or model folder: {name} is missing; nothing was uploaded")
    try:
        ModelCard.load(folder / "README.md")
    except Exception as error:  # what does not parse is an error of the YAML library
        reason = _reason(error)
        raise ModelError(f"{folder / 'README.md'} is no valid model card: {reason}; nothing was uploaded") from error
    api = HfApi()
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        commit = api.upload_folder(repo_id=repository, folder_path=folder, commit_message="Upload by emoscope push")
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise ModelError(f"{repository} could not be pushed: {_reason(error)}") from error
    return str(commit.commit_url)


def _reason(error: Exception) -> str:
    """The first line of an error; its name where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
