"""Finds labelled rows in a file, a folder of splits or a data set of the Hub, without checking them.

`labelled_rows` reads the files, and `data` decides which rows are good.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from emoscope.errors import DataError, MissingExtraError, first_line, require_extra
from emoscope.hub import check_etags
from emoscope.labelled_rows import (
    SUFFIXES,
    ZIP,
    LabelledRow,
    ReadOptions,
    file_label_names,
    format_of,
    named,
    read_rows,
    short,
)
from emoscope.quiet import quiet_loggers
from emoscope.rows.columns import check_columns
from emoscope.rows.formats import COLUMNAR
from emoscope.rows.lines import UTF_8

SPLIT_OF_STEM = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
"""Stems of files in a folder of splits, to the names of their splits."""

HUB_IDS = {"emotion": "dair-ai/emotion"}
"""Short names of data sets that the Hub's own library no longer accepts, to their ids."""

_HUB_ID = re.compile(r"[a-z0-9][\w.-]*(/[a-z0-9][\w.-]*)?", re.ASCII | re.IGNORECASE)

_SHARD = re.compile(r"(?P<stem>.+?)-(?P<number>\d{5})-of-(?P<count>\d{5})(?:-[0-9a-f]+)?")
"""Names of the parts of a split, as the library `datasets` and the Hub write them: train-00000-of-00002."""


_NOT_TABLES = ("dataset_dict.json", "dataset_info.json", "state.json")  # the library `datasets` writes them


@dataclass(frozen=True)
class LabelledTable:
    """The rows of one split, not read yet.

    Attributes:
        name: name of the data set.
        split: name of the split; None for a single file.
        place: where the rows are, for errors.
        rows: the rows, unchecked.
        label_names: returns the names of the labels in index order, if the source has them.
        files: the files of the rows, in order; none for a data set of the Hub.
    """

    name: str
    split: str | None
    place: str
    rows: Iterable[LabelledRow]
    label_names: Callable[[], tuple[str, ...]] = tuple
    files: tuple[Path, ...] = ()


def find_tables(source: str | Path, options: ReadOptions) -> dict[str, LabelledTable]:
    """The table of each split, not read yet.

    Args:
        source: a file, a folder of splits, or a Hub id.
        options: how the rows are read.

    Raises:
        DataError: there are no such data, or the Hub cannot deliver them.
        MissingExtraError: a Hub id without the extra "train".
    """
    path = Path(source)
    try:
        if path.is_dir():
            name, splits = path.resolve().name, _split_files(path)
            return {split: _table(files, options, name, split) for split, files in splits.items()}
        if path.is_file():
            return {"all": _table((path,), options, _stem(path), None)}
    except OSError as error:
        raise DataError(f"{short(str(source))}: cannot be read ({error.strerror})") from None
    if _HUB_ID.fullmatch(str(source)) and format_of(path) is None:
        return _hub_tables(str(source), options)
    raise DataError(
        f"there are no data at {short(str(source), 200)}; looked for a file ({', '.join((*SUFFIXES, ZIP))}), "
        f"a folder of splits and a Hub id (owner/name)"
    )


def _split_files(folder: Path) -> dict[str, tuple[Path, ...]]:
    """The files of each split, in the order train, validation, test: one, or several shards."""
    found: dict[str, tuple[Path, ...]] = {}
    for (_, stem), files in _tables_in(folder).items():
        split = SPLIT_OF_STEM.get(stem)
        if split is None:
            continue
        if split in found:
            both = f"{found[split][0].relative_to(folder)} and {files[0].relative_to(folder)}"
            raise DataError(f"{folder}: {both} are both the {split} split; keep one")
        found[split] = files
    if not found:
        stems, suffixes = ", ".join(SPLIT_OF_STEM), ", ".join(SUFFIXES)
        raise DataError(f"{folder}: no splits; looked for a file named {stems} with one of {suffixes}")
    return {split: found[split] for split in ("train", "validation", "test") if split in found}


def _tables_in(folder: Path) -> dict[tuple[Path, str], tuple[Path, ...]]:
    """The files of each table in a folder, by folder and stem; below folders named "data" or like a split as well."""
    tables: dict[tuple[Path, str], tuple[Path, ...]] = {}
    for path in sorted(folder.iterdir()):
        name = path.name.lower()
        if path.is_dir():
            inner = _tables_in(path) if name == "data" or name in SPLIT_OF_STEM else {}
            if name in SPLIT_OF_STEM and inner:
                tables[folder, name] = tuple(chain.from_iterable(inner.values()))
            else:
                tables |= inner
        elif (
            path.suffix.lower() != ZIP
            and format_of(path)
            and name not in _NOT_TABLES
            and not name.startswith((".", "_"))
        ):
            shard = _SHARD.fullmatch(_stem(path))
            key = path.parent, (shard["stem"] if shard else _stem(path)).lower()
            if not shard and key in tables:
                key = path, key[1]  # the same stem with another suffix
            tables[key] = (*tables.get(key, ()), path)
    for files in tables.values():
        _check_shards(files)
    return tables


def _check_shards(files: tuple[Path, ...]) -> None:
    """Check that none of the parts of a split is missing."""
    shards = [shard for shard in map(_SHARD.fullmatch, map(_stem, files)) if shard]
    if shards and len(shards) != int(shards[0]["count"]):
        raise DataError(
            f"{files[0].parent}: {len(shards)} files {shards[0]['stem']}-...-of-{shards[0]['count']}, not "
            f"{int(shards[0]['count'])}; get the others too"
        )


def _stem(file: Path) -> str:
    """The name of a file of labelled rows without its suffixes: "train" of train.csv.gz."""
    form = format_of(file)
    return Path(file.stem).stem if form and form.compression else file.stem


def choose_split(source: str | Path, split: str | None, tables: dict[str, LabelledTable]) -> str:
    """The chosen split, by its own name or one in SPLIT_OF_STEM; a DataError if it does not exist."""
    if split is None and len(tables) == 1:
        return next(iter(tables))
    if split is None:
        raise DataError(f"{source}: no split chosen; there are: {', '.join(tables)}")
    name = split if split in tables else SPLIT_OF_STEM.get(split, split)
    if name not in tables:
        raise DataError(f"{source}: no split {split!r}; there are: {', '.join(tables)}")
    return name


def _table(files: tuple[Path, ...], options: ReadOptions, name: str, split: str | None) -> LabelledTable:
    form = format_of(files[0])
    if form is None:
        raise DataError(f"{files[0]}: unknown format {files[0].suffix!r}; allowed: {', '.join((*SUFFIXES, ZIP))}")
    if options.delimiter and not form.delimiter:
        raise DataError(f"{files[0]}: a delimiter is for .csv and .tsv only; leave it out")
    if options.encoding != UTF_8 and form.name in COLUMNAR:
        raise DataError(f"{files[0]}: an encoding is for text files only; leave it out")
    rows = chain.from_iterable(read_rows(file, options) for file in files)
    names = partial(file_label_names, files[0], options.columns[1])
    return LabelledTable(name, split, str(files[0]), rows, names, files)


def _hub_tables(hub_id: str, options: ReadOptions) -> dict[str, LabelledTable]:
    """Data sets of the library `datasets`, their label ids replaced by the names in the feature of the labels."""
    hub_id = HUB_IDS.get(hub_id, hub_id)
    tables = {}
    for split, data in hub_splits(hub_id).items():
        check_columns(data.column_names, options.columns, place=hub_id)
        place = f"{hub_id}, split {split}"
        names = partial(_hub_label_names, data, options.columns[1])
        tables[split] = LabelledTable(hub_id, split, place, _hub_rows(data, options, place), names)
    return tables


def _hub_rows(data: Any, options: ReadOptions, place: str) -> Iterator[LabelledRow]:
    text_column, label_column = options.columns
    cells = zip(data[text_column], hub_labels(data, label_column, place), strict=True)
    return (LabelledRow(f"{place}, row", number, *cell) for number, cell in enumerate(cells, start=1))


def hub_splits(hub_id: str) -> dict[str, Any]:
    """A `datasets.Dataset` for each split.

    Args:
        hub_id: owner/name.

    Raises:
        DataError: the Hub cannot deliver it.
        MissingExtraError: the extra "train" is not installed.
    """
    try:
        require_extra("train")
    except MissingExtraError as error:
        raise MissingExtraError(f"no file or folder {hub_id!r} here; to load it from the Hub, {error}") from None
    import datasets

    check_etags()
    try:
        with quiet_loggers("datasets", "huggingface_hub"):
            return dict(datasets.load_dataset(hub_id))
    except Exception as error:  # the Hub, the network and its files can fail in any way
        raise DataError(
            f"no file or folder {hub_id!r} here, and it cannot be loaded from the Hub "
            f"({type(error).__name__}: {first_line(error)}); check the name and the connection"
        ) from None


def hub_labels(table: Any, column: str, place: str) -> Iterator[Any]:
    """The label or labels of each row of a `datasets.Dataset`, as names if its features have names."""
    names = _hub_label_names(table, column)
    return (named(cell, names, f"{place}, row {number}") for number, cell in enumerate(table[column], start=1))


def _hub_label_names(table: Any, column: str) -> tuple[str, ...]:
    feature = table.features[column]
    return tuple(getattr(getattr(feature, "feature", feature), "names", ()))
