"""`emoscope serve`: its flags, and the process that it runs."""

from __future__ import annotations

import argparse
import json
import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import fields, replace

import pytest

pytest.importorskip("uvicorn", reason="needs the extra serve")

import live_server
from emoscope.cli import main, serve
from emoscope.serving import Settings
from emoscope.serving.api_keys import read_keys
from waiting import DEADLINE

BODY = json.dumps({"texts": ["i feel so happy"]}).encode()
SETTINGS_OF_FLAGS = [
    ([], Settings()),
    (["--max-texts", "7", "--timeout", "2.5"], Settings(max_texts=7, timeout=2.5)),
    (["--max-body-mb", "0.5", "--cache-mb", "0"], Settings(max_body_bytes=512 * 1024, cache_bytes=0)),
    (["--cors-origin", "a", "--cors-origin", "b"], Settings(cors_origins=("a", "b"))),
    (["--log-texts", "--target-latency", "2"], Settings(log_texts=True, target_latency=2.0)),
    (
        ["--max-characters", "1", "--max-connections", "2", "--max-batch-tokens", "3", "--access-log"],
        Settings(max_characters=1, max_connections=2, max_batch_tokens=3, access_log=True),
    ),
    (["--max-explained", "1", "--max-explained-tokens", "2"], Settings(max_explained=1, max_explained_tokens=2)),
]


@pytest.mark.parametrize(("flags", "expected"), SETTINGS_OF_FLAGS)
def test_flags_are_settings(flags, expected):
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    settings = serve._settings(parser.parse_args(flags))
    assert replace(settings, allowed_hosts=()) == expected


@pytest.mark.parametrize(
    ("flags", "allowed"),
    [
        ([], ("localhost", "127.0.0.1", "[::1]", "127.0.0.1")),
        (["--host", "::1"], ("localhost", "127.0.0.1", "[::1]", "[::1]")),
        (["--host", "0.0.0.0"], ()),
        (["--host", "0.0.0.0", "--allowed-host", "a"], ("localhost", "127.0.0.1", "[::1]", "0.0.0.0", "a")),
    ],
)
def test_hosts_are_limited_where_only_this_machine_can_reach_the_server(flags, allowed):
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    assert serve._settings(parser.parse_args(flags)).allowed_hosts == allowed


def test_every_setting_has_a_flag_with_its_default(capsys):
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for field in fields(Settings):
        flag = field.metadata.get("name", field.name.replace("_", "-"))
        assert f"--{flag}" in shown
        assert field.metadata["help"] in shown


def test_new_key_is_accepted_with_its_line(capsys, tmp_path):
    assert main(["serve", "--new-key"]) == 0
    key, line = (text.split()[-1] for text in capsys.readouterr().out.splitlines())
    file = tmp_path / "keys"
    file.write_text(line)
    assert read_keys(file, {}).accepts({b"x-api-key": key.encode()})


@pytest.mark.parametrize(
    ("flags", "status", "words"),
    [
        (["--workers", "0"], 2, "must be a whole number of at least 1, got '0'"),
        (["--timeout", "-1"], 2, "must be a number of at least 0.001"),
        (["--target-latency", "inf"], 2, "got 'inf'"),
        (["--max-body-mb", "0"], 2, "must be a number of at least 0.001"),
        (["--port", "x"], 2, "must be a whole number from 0 to 65535, got 'x'"),
        (["--port", "65536"], 2, "must be a whole number from 0 to 65535, got '65536'"),
        (["--port", "-1"], 2, "must be a whole number from 0 to 65535, got '-1'"),
        (["--api-keys", "/nowhere/keys"], 1, "cannot read API keys from /nowhere/keys"),
        (["--port", "0", "--model", "/nowhere/model"], 1, "no model at '/nowhere/model'"),
        (["--port", "0", "--model", "/nowhere/model", "--workers", "2"], 1, "no model at '/nowhere/model'"),
        (["--host", "256.0.0.1", "--port", "0"], 1, "cannot listen on 256.0.0.1, port 0 (Name or service not known)"),
    ],
)
def test_wrong_use_is_one_line(flags, status, words, capsys):
    try:
        outcome = main(["serve", *flags])
    except SystemExit as end:
        outcome = end.code
    assert outcome == status
    *_, last = capsys.readouterr().err.splitlines()
    assert words in last


def test_workers_on_windows_are_an_error(monkeypatch, capsys):
    monkeypatch.setattr("emoscope.cli.serve.sys.platform", "win32")
    assert main(["serve", "--port", "0", "--workers", "2"]) == 1
    assert "start one server without --workers" in capsys.readouterr().err


def test_log_is_json_and_the_process_exits_with_0(tmp_path):
    with live_server.emoscope(tmp_path / "log", "--log-texts", "--grace", "0") as server:
        live_server.request(server.port, "POST", "/v1/predict", BODY, {"X-Request-Id": "mine"})
        assert server.stop() == 0
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    (request,) = [line for line in lines if line.get("request_id") == "mine"]
    assert (request["path"], request["status"], request["texts"]) == ("/v1/predict", 200, ["i feel so happy"])
    assert [line["message"] for line in (lines[0], lines[-1])] == ["serving", "ended"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_terminal_shows_the_address_in_plain_text(workers):
    ours, theirs = pty.openpty()
    command = [*live_server.EMOSCOPE, "--port", "0", "--grace", "0", "--workers", workers]
    with subprocess.Popen(command, stderr=theirs, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL) as process:
        os.close(theirs)
        shown = b""
        while b"open http" not in shown:
            shown += os.read(ours, 4096)
        address = re.search(rb"open http://127\.0\.0\.1:(\d+) ", shown)
        assert address and b"{" not in shown
        live_server.request(int(address[1]), "POST", "/v1/predict", BODY)
        process.send_signal(signal.SIGTERM)
        with suppress(OSError):  # no process holds the other end of the terminal any more
            while block := os.read(ours, 4096):
                shown += block
    os.close(ours)
    assert process.returncode == 0 and shown.count(b"open http") == 1


def test_ctrl_c_exits_with_0(tmp_path):
    with live_server.emoscope(tmp_path / "log") as server:
        os.kill(server.process.pid, signal.SIGINT)
        assert server.process.wait(DEADLINE) == 0


def test_serving_imports_neither_torch_nor_arrow(tmp_path):
    program = (
        "import sys; from emoscope import EmotionClassifier; from emoscope.serving import create_app;"
        "create_app(EmotionClassifier.from_pretrained());"
        "print(sorted({'torch', 'transformers', 'pyarrow', 'pandas', 'fastapi', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"


def test_flags_are_declared_without_importing_the_server():
    """The parser of any command may declare those of all commands, which must stay fast."""
    program = (
        "import argparse, sys; from emoscope.cli import serve;"
        "serve.add_arguments(argparse.ArgumentParser()); print({'uvicorn', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
