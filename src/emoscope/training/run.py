"""The folder of a run: it lives in `OUTPUT.partial` and is renamed when everything is there.

OUTPUT is whole or not there. What a run needs to continue after it was interrupted lies in `checkpoints` in its
folder; that and `run.json`, which says what run it is, are gone from OUTPUT.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from emoscope.errors import EmoscopeError, RecipeError
from emoscope.files import move_folder, require_free, write_atomically

RUN_FILE = "run.json"
CHECKPOINTS = "checkpoints"
FOLD = "fold-{}"


def is_main_process() -> bool:
    """Whether this is the only process, or the first of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def run_folder(output: Path, identity: Mapping[str, str], resume: bool) -> Iterator[Path]:
    """The folder that a run works in, made or found; after an error that came before any work it is removed.

    Args:
        output: where the run's result will be.
        identity: what the run is, each part by its name: one that is resumed must have the same.
        resume: whether an interrupted run is to be continued; where there is none, one starts.

    Raises:
        RecipeError: `output` is in use, or its run cannot be continued.
    """
    folder = output.with_name(output.name + ".partial")
    if is_main_process():
        _begin(output, folder, identity, resume)
    try:
        yield folder
    except EmoscopeError:
        if is_main_process() and not _holds_work(folder):
            shutil.rmtree(folder, ignore_errors=True)
        raise


def publish(folder: Path, output: Path) -> None:
    """Move a run's folder into its place, without what it needed only to continue."""
    move_folder(folder, output)
    shutil.rmtree(output / CHECKPOINTS, ignore_errors=True)
    (output / RUN_FILE).unlink()


def _begin(output: Path, folder: Path, identity: Mapping[str, str], resume: bool) -> None:
    """Make the run's folder, or check that the one there is of the same run."""
    require_free(output, RecipeError)
    file = folder / RUN_FILE
    if resume and file.is_file():
        begun = json.loads(file.read_text(encoding="utf-8"))
        changed = [name for name in {**identity, **begun} if begun.get(name) != identity.get(name)]
        if changed:
            raise RecipeError(
                f"{folder} holds a run with another {' and other '.join(changed)}; continue it "
                "with what it began with, or remove it"
            )
        return
    if file.is_file():
        raise RecipeError(f"{folder} holds an interrupted run; --resume continues it, removing it starts afresh")
    if folder.exists() and any(folder.iterdir()):
        raise RecipeError(f"{folder} is in the way, and holds no run of emoscope; move it away")
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(file, json.dumps(identity, indent=1) + "\n")


def _holds_work(folder: Path) -> bool:
    work = (CHECKPOINTS, FOLD.format("*"))
    return any(path.is_file() for name in work for path in folder.glob(f"{name}/**/*"))
