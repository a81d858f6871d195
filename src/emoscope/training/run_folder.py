"""The folder of a run: it is written as `OUTPUT.partial` and renamed to OUTPUT when it is complete.

So OUTPUT is complete or missing. `run.json` identifies the run; once it is finished, by digests. `checkpoints`, which
only an interrupted run needs, is removed at the end.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emoscope.errors import EmoscopeError, RecipeError
from emoscope.files import move_folder, require_free, write_atomically

RUN_FILE = "run.json"
REPORT_FILE = "report.json"
CHECKPOINTS = "checkpoints"
FOLD, SEED = "fold-{}", "seed-{}"
"""Names of the folders of a run's own runs."""


def is_main_process() -> bool:
    """Whether this is the only process, or the first of those that torchrun started."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def run_folder(output: Path, identity: Mapping[str, str], resume: bool) -> Iterator[Path]:
    """The folder that a run writes into, created or found; removed after an error that came before any work was saved.

    Args:
        output: where the result of the run will be.
        identity: what identifies the run, by name; a run can only be resumed with equal values.
        resume: whether to continue an interrupted run; if there is none, a new run starts.

    Raises:
        RecipeError: `output` is in use, or its run cannot be continued.
    """
    folder = output.with_name(output.name + ".partial")
    if is_main_process():
        _create_or_check(output, folder, identity, resume)
    try:
        yield folder
    except EmoscopeError:
        if is_main_process() and not _has_work(folder):
            shutil.rmtree(folder, ignore_errors=True)
        raise


def publish(folder: Path, output: Path) -> None:
    """Rename the folder of a run to its output, without what it needed only to continue."""
    identity = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
    write_atomically(folder / RUN_FILE, json.dumps(_digests(identity), indent=1) + "\n")
    move_folder(folder, output)
    shutil.rmtree(output / CHECKPOINTS, ignore_errors=True)


def finished_report(output: Path, identity: Mapping[str, str], name: str = REPORT_FILE) -> dict[str, Any] | None:
    """The report of the finished run in a folder; None if there is none, or it is one of emoscope 0.1.

    Args:
        output: the folder.
        identity: what identifies the run that was to be resumed, by name.
        name: the file of the report.

    Raises:
        RecipeError: the folder holds another finished run.
    """
    run, report = output / RUN_FILE, output / name
    if not run.is_file() or not report.is_file():
        return None
    changed = _differences(json.loads(run.read_text(encoding="utf-8")), _digests(identity))
    if changed:
        raise RecipeError(f"{output} holds a finished run that differs in its {changed}; give another --output")
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return found


def _digests(identity: Mapping[str, str]) -> dict[str, str]:
    """SHA-256 of each value, in hex: a finished run is passed on, and its recipe may name folders of this machine."""
    return {name: hashlib.sha256(value.encode()).hexdigest() for name, value in identity.items()}


def _differences(found: Mapping[str, str], identity: Mapping[str, str]) -> str:
    return " and ".join(name for name in {**identity, **found} if found.get(name) != identity.get(name))


def _create_or_check(output: Path, folder: Path, identity: Mapping[str, str], resume: bool) -> None:
    """Create the folder of a run, or check that the existing one belongs to the same run."""
    require_free(output, RecipeError)
    file = folder / RUN_FILE
    if resume and file.is_file():
        found = json.loads(file.read_text(encoding="utf-8"))
        if changed := _differences(found, identity):
            raise RecipeError(
                f"{folder} holds a run that differs in its {changed}; continue it with what it was "
                "started with, or remove it"
            )
        return
    if file.is_file():
        raise RecipeError(f"{folder} holds an interrupted run; --resume continues it; to start again, remove it")
    if folder.exists() and any(folder.iterdir()):
        raise RecipeError(f"{folder} exists and is not a run of emoscope; move it away or give another --output")
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(file, json.dumps(identity, indent=1) + "\n")


def _has_work(folder: Path) -> bool:
    return any(
        path.is_file()
        for part in (CHECKPOINTS, FOLD.format("*"), SEED.format("*"))
        for path in folder.glob(f"{part}/**/*")
    )
