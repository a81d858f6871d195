import gzip
import re
from types import MappingProxyType

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem
from scoring_fakes import rejected, score

from emoscope.errors import DataError
from emoscope.rows.formats import Format
from emoscope.scoring.sources import find_sources


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"text\na\n")
    return folder


def names(source, folder):
    return [entry.name.removeprefix(f"{folder}/") for entry in find_sources(source)]


def test_folder_is_read_in_order_without_hidden_files(tmp_path):
    make(tmp_path, "b.csv", "a/2.csv", "a/10.csv.gz", "_SUCCESS.csv", ".hidden/a.csv", "notes.txt", "_temporary/1.csv")
    assert names(tmp_path, tmp_path) == ["a/10.csv.gz", "a/2.csv", "b.csv"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.csv", ["a.csv", "b.csv"]),
        ("**/*.csv", ["a.csv", "b.csv", "sub/c.csv"]),
        ("[ax].csv", ["a.csv"]),
        ("*/*", ["sub/c.csv"]),
    ],
)
def test_globs(tmp_path, pattern, expected):
    make(tmp_path, "a.csv", "b.csv", "sub/c.csv")
    assert names(f"{tmp_path}/{pattern}", tmp_path) == expected


@pytest.mark.parametrize("name", ["year=2023/p.csv", "a/year=2023/month=1/p.csv"])
def test_column_in_names_of_folders_is_an_error(tmp_path, name):
    make(tmp_path, name, "a=b.csv")
    words = r"the column 'year' is in the names of folders \(year=2023\) .* with a glob in quotes: '(.*)'"
    with pytest.raises(DataError, match=words) as refused:
        find_sources(tmp_path)
    assert names(re.search(words, str(refused.value))[1], tmp_path) == sorted(["a=b.csv", name])
    assert names(tmp_path / name.rpartition("/")[0], tmp_path) == [name]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.csv", ["b.csv"]),
        ("**/*.csv", ["b.csv", "d/a.csv"]),
        ("d/*.csv", ["d/a.csv"]),
        ("./*.csv", ["./b.csv"]),
        ("../d/**/a.csv", ["../d/d/a.csv"]),
    ],
)
def test_relative_glob(tmp_path, monkeypatch, pattern, expected):
    monkeypatch.chdir(make(tmp_path / "d", "d/a.csv", "b.csv", ".hidden.csv"))
    assert names(pattern, "") == expected


def test_several_places_are_read_in_their_order(tmp_path):
    make(tmp_path, "b.csv", "a.csv", "sub/2.csv", "sub/1.csv")
    places = [tmp_path / "b.csv", str(tmp_path / "sub"), f"{tmp_path}/a*"]
    assert names(places, tmp_path) == ["b.csv", "sub/1.csv", "sub/2.csv", "a.csv"]
    with pytest.raises(DataError, match=r"/a\.csv would be read twice; name each file once"):
        find_sources([*places, f"{tmp_path}/*.csv"])
    with pytest.raises(DataError, match="nothing to read at .*none"):
        find_sources([*places, tmp_path / "none"])
    make(tmp_path, "c.jsonl")
    with pytest.raises(DataError, match=r"b\.csv is csv, .*c\.jsonl is jsonl"):
        find_sources([*places, tmp_path / "c.jsonl"])


def test_file_whose_name_looks_like_a_glob(tmp_path):
    make(tmp_path, "a[1].csv", "a1.csv")
    assert names(f"{tmp_path}/a[1].csv", tmp_path) == ["a[1].csv"]


@pytest.mark.parametrize("name", ["none.csv", "*.csv", "", "s p a c e"])
def test_missing_source_is_an_error(tmp_path, name):
    with pytest.raises(DataError, match="nothing to read at"):
        find_sources(tmp_path / name)


def test_mixed_formats_are_an_error(tmp_path):
    make(tmp_path, "a.csv", "b.jsonl")
    with pytest.raises(DataError, match=r"a\.csv is csv, .*b\.jsonl is jsonl; give files of one format"):
        find_sources(tmp_path)


def test_glob_must_match_only_tables(tmp_path):
    make(tmp_path, "a.csv", "a.txt")
    with pytest.raises(DataError, match=r"a\.txt: no known format"):
        find_sources(f"{tmp_path}/*")


def test_addresses_of_arrow_and_of_fsspec(tmp_path):
    make(tmp_path, "a.csv")
    for scheme in ("file", "local"):
        assert [source.name for source in find_sources(f"{scheme}://{tmp_path}/*.csv")] == [f"{tmp_path}/a.csv"]
    memory = fsspec.filesystem("memory")
    memory.pipe("/sources/b.csv.gz", gzip.compress(b"text\nb\n"))
    memory.pipe("/sources/sub/c.csv", b"text\n")
    found = find_sources("memory://sources/**/*.csv*")
    assert [source.name for source in found] == ["memory://sources/b.csv.gz", "memory://sources/sub/c.csv"]
    assert found[0].open()[0].read() == b"text\nb\n"
    assert [source.name for source in find_sources("memory://sources")] == [source.name for source in found]


class Web(MemoryFileSystem):
    """Like the filesystem of https://: a path is the complete address, and it is read-only."""

    protocol = "web"
    store = MappingProxyType({"web://host/b.csv?key=a/b.x": MemoryFile(None, "b.csv", b"text\na\nb,c\n")})

    @classmethod
    def _strip_protocol(cls, path):
        return path

    def _open(self, path, mode="rb", **options):
        if mode != "rb":
            raise NotImplementedError
        return super()._open(path, mode, **options)


def test_address_with_a_query_has_the_format_of_its_path(tmp_path):
    fsspec.register_implementation("web", Web, clobber=True)
    (source,) = find_sources("web://host/b.csv?key=a/b.x")
    assert (source.name, source.format) == ("web://host/b.csv?key=a/b.x", Format("csv", delimiter=","))
    score(source.name, tmp_path / "out.csv")
    assert rejected(tmp_path / "out.csv")[0]["file"] == source.name


def test_address_that_cannot_be_written_to_is_an_error(tmp_path, monkeypatch):
    fsspec.register_implementation("web", Web, clobber=True)
    monkeypatch.chdir(make(tmp_path, "a.csv"))
    for scheme in ("http", "https"):
        with pytest.raises(
            DataError, match=f"{scheme}://host/out.csv: such an address cannot be written to; give a file, or"
        ):
            score("a.csv", f"{scheme}://host/out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    with pytest.raises(
        DataError, match=r"web://host/out\.csv: its filesystem cannot be written to; 1 parts are kept in out"
    ):
        score("a.csv", "web://host/out.csv")


def test_unknown_scheme_is_an_error():
    with pytest.raises(DataError, match=r"nosuch://x/a\.csv: no filesystem for this address"):
        find_sources("nosuch://x/a.csv")
