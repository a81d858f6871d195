"""Reports that commands write."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from emoscope.cli.output import add_report_arguments, write_output, write_report


def test_a_report_is_json_and_goes_to_the_file(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_report_arguments(parser).add_argument("--markdown", action="store_true")
    file = tmp_path / "new" / "report.json"
    args = parser.parse_args(["--report", str(file), "--json"])
    text = write_report(args, {"accuracy": 0.5})
    assert json.loads(text) == {"accuracy": 0.5} == json.loads(file.read_text())
    with pytest.raises(SystemExit):
        parser.parse_args(["--json", "--markdown"])


def test_a_path_that_is_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="is a folder; name a file"):
        write_output(tmp_path, "{}")
    assert list(tmp_path.iterdir()) == []
