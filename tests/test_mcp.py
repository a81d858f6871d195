"""The tools of the Model Context Protocol, by the client of the official SDK: in process, over pipes and over HTTP."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

for module in ("mcp", "uvicorn", "httptools", "prometheus_client", "pyarrow"):
    pytest.importorskip(module)

from mcp import Client, StdioServerParameters

from cli.scored_table import fill_labels, write_scored
from emoscope import EMOTIONS, EmotionClassifier
from emoscope.cli import main
from emoscope.mcp import create_server
from emoscope.serving.settings import Settings
from waiting import DEADLINE, wait_until

HAPPY = "i feel so happy today"


@pytest.fixture(scope="module")
def classifier() -> EmotionClassifier:
    return EmotionClassifier.from_pretrained()


def call(server: Any, tool: str, **arguments: Any) -> Any:
    """The JSON that a tool returns, or the text of its error."""

    async def calling() -> Any:
        async with Client(server) as client:
            result = await client.call_tool(tool, arguments)
            return result.content[0].text if result.is_error else result.structured_content

    return asyncio.run(calling())


def tools(server: Any) -> dict[str, Any]:
    async def listing() -> Any:
        async with Client(server) as client:
            return {tool.name: tool for tool in (await client.list_tools()).tools}

    return asyncio.run(listing())


def test_tools_are_described(classifier: EmotionClassifier, tmp_path: Path) -> None:
    assert list(tools(create_server(classifier))) == ["classify", "explain", "timeline"]
    found = tools(create_server(classifier, folder=tmp_path))
    assert list(found)[3:] == ["score_table", "estimate_shares"]
    assert found["classify"].description.startswith("Emotion of each English text")
    assert found["classify"].input_schema["required"] == ["texts"]
    assert found["explain"].annotations.read_only_hint and not found["score_table"].annotations.read_only_hint


def test_texts(classifier: EmotionClassifier) -> None:
    server = create_server(classifier)
    (prediction,) = call(server, "classify", texts=[HAPPY])["predictions"]
    assert prediction == classifier.predict([HAPPY])[0].to_dict()
    (explanation,) = call(server, "explain", texts=[HAPPY])["explanations"]
    assert explanation == json.loads(json.dumps(classifier.explain([HAPPY])[0].to_json()))
    found = call(server, "timeline", text=f"{HAPPY}. now i am sad.")
    assert found == classifier.timeline([f"{HAPPY}. now i am sad."])[0].to_json()


@pytest.mark.parametrize(
    ("tool", "arguments", "error"),
    [
        ("classify", {"texts": []}, "empty: texts is an empty list"),
        ("classify", {"texts": ["a"] * 4}, "too_many_texts: texts has 4 texts, at most 3"),
        ("classify", {"texts": ["a" * 60]}, "text_too_long: texts has 60 characters, at most 50"),
        ("classify", {"texts": "one"}, "texts"),
        ("explain", {"texts": ["a", "b", "c"]}, "too_many_texts: texts has 3 texts, at most 2 can be explained"),
        ("explain", {"texts": ["a b c d e f g h i j k"]}, "text_too_long: explaining these texts takes about"),
        ("explain", {"texts": ["a"], "method": "magic"}, "method must be loo or shapley"),
        ("timeline", {"text": "So sad. So glad. So mad. Bye now."}, "too_many_texts: text has 4 sentences"),
        ("nothing", {}, "nothing"),
    ],
)
def test_limits_are_those_of_the_server(classifier: Any, tool: str, arguments: Any, error: str) -> None:
    settings = Settings(max_texts=3, max_characters=50, max_explained=2, max_explained_tokens=10)
    assert error in call(create_server(classifier, settings=settings), tool, **arguments)


def test_tables_in_the_folder(classifier: EmotionClassifier, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(f"id,text\n1,{HAPPY}\n2,\n")
    server = create_server(classifier, folder=tmp_path)
    summary = call(server, "score_table", table="in.csv", output="out.csv", text_column="text")
    assert (summary["rows"], summary["without_text"], summary["labels"]["joy"]) == (2, 1, 1)
    with (tmp_path / "out.csv").open(newline="") as file:
        assert [row["emotion"] for row in csv.DictReader(file)] == ["joy", ""]
    again = call(server, "score_table", table="in.csv", output="out.csv", text_column="text")
    assert "out.csv exists already" in again
    assert "no column 'review'" in call(server, "score_table", table="in.csv", output="b.csv", text_column="review")


def test_shares(classifier: EmotionClassifier, tmp_path: Path) -> None:
    scored, sample, labels = (tmp_path / name for name in ("scored.csv", "sample.csv", "labels.csv"))
    truth = write_scored(scored)
    assert main(["sample", str(scored), str(sample), "--text-column", "review", "--size", "200"]) == 0
    fill_labels(sample, truth, labels)
    server = create_server(classifier, folder=tmp_path)
    (shares,) = call(server, "estimate_shares", scored="scored.csv", labels="labels.csv")["shares"]
    assert [row["label"] for row in shares["classes"]] == list(EMOTIONS)


@pytest.mark.parametrize("name", ["../in.csv", "/etc/passwd", "link/in.csv", "a/../../in.csv"])
def test_files_elsewhere_are_out_of_reach(classifier: EmotionClassifier, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "in.csv").write_text(f"text\n{HAPPY}\n")
    (folder / "in.csv").write_text(f"text\n{HAPPY}\n")
    (folder / "link").symlink_to(tmp_path)
    server = create_server(classifier, folder=folder)
    assert "is not in the server's folder" in call(
        server, "score_table", table=name, output="o.csv", text_column="text"
    )
    elsewhere = call(
        server, "score_table", table="in.csv", output=name.replace("in.csv", "out.csv"), text_column="text"
    )
    assert "is not in the server's folder" in elsewhere
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "in.csv"]


@pytest.mark.parametrize("name", ["*.csv", "none.csv", "."])
def test_only_files_are_tables(classifier: EmotionClassifier, tmp_path: Path, name: str) -> None:
    (tmp_path / "in.csv").write_text(f"text\n{HAPPY}\n")
    found = call(
        create_server(classifier, folder=tmp_path), "score_table", table=name, output="o.csv", text_column="text"
    )
    assert "there is no file" in found or "is not in the server's folder" in found


def environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}


def test_over_standard_input(tmp_path: Path) -> None:
    command = ["-m", "emoscope", "mcp", "--folder", str(tmp_path)]
    server = StdioServerParameters(command=sys.executable, args=command, env=environment())
    assert call(server, "classify", texts=[HAPPY])["predictions"][0]["label"] == "joy"


@pytest.fixture
def address() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "emoscope", "mcp", "--http", "--port", str(port)]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _listens(port))
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(DEADLINE)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_over_http(address: str) -> None:
    assert call(address, "classify", texts=[HAPPY])["predictions"][0]["label"] == "joy"
    assert "empty: texts" in call(address, "classify", texts=[])


def test_wrong_use_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["mcp", "--port", "8000"])
    assert "--host and --port go with --http" in capsys.readouterr().err
    assert main(["mcp", "--folder", str(tmp_path / "none")]) == 1
    assert "is not a folder; give the folder of the tables" in capsys.readouterr().err
