"""Runs the blocks of a page in order, in the working directory."""

from __future__ import annotations

import ast
import io
import json
import re
from collections.abc import Callable, Sequence
from contextlib import closing, redirect_stdout
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from doc_blocks import SHELL, SHOWN, Block
from doc_files import smaller
from doc_output import same_output
from doc_server import Servers, split_start
from doc_shell import check_script, run_script


class PageError(Exception):
    """A block does not do what its page says; the message has the line and what happened instead."""


@dataclass
class PageRun:
    """The state of a page from block to block.

    Attributes:
        name: name of the page.
        names: global variables of its Python blocks.
        servers: servers that it has started.
        printed: output of the last block; None if the block did not run.
        different: blocks whose output differs from the one shown, each with the output.
    """

    name: str
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})
    servers: Servers = field(default_factory=Servers)
    printed: str | None = None
    different: list[tuple[Block, str]] = field(default_factory=list)

    def run(self, blocks: Sequence[Block]) -> None:
        """Run the blocks, then stop the servers that they have started.

        Raises:
            PageError: a block cannot run, or shows something wrong.
        """
        with closing(Servers()) as self.servers:
            for block in blocks:
                try:
                    self._run(block)
                except Exception as error:
                    raise PageError(f"{self.name}, line {block.line}: {type(error).__name__}: {error}") from error

    def _run(self, block: Block) -> None:
        if block.is_output:
            self._compare(block)
            return
        self.printed = None
        if block.title:
            Path(block.title).parent.mkdir(parents=True, exist_ok=True)
            is_recipe = block.title.endswith(".toml") and re.match("kind = ", block.code)
            Path(block.title).write_text(smaller(block.code) if is_recipe else block.code, encoding="utf-8")
        if block.language == "python":
            self._python(block)
        elif block.language in SHELL:
            self._shell(block)
        elif block.language in DATA:
            DATA[block.language](block.code)
        elif block.language not in SHOWN:
            raise ValueError(f"{block.language!r} cannot be run; allowed: python, {', '.join([*SHELL, *DATA, *SHOWN])}")

    def _compare(self, block: Block) -> None:
        if self.printed is not None and not same_output(block.code, self.printed):
            self.different.append((block, self.printed))

    def _python(self, block: Block) -> None:
        code = self.servers.placed(block.code)
        tree = compile(code, f"{self.name}, from line {block.line}", "exec", ast.PyCF_ONLY_AST)
        if block.not_run:
            check_imports(tree)
        elif not block.title:
            output = io.StringIO()
            with redirect_stdout(output):
                exec(compile(tree, f"{self.name}, from line {block.line}", "exec"), self.names)
            self.printed = output.getvalue()

    def _shell(self, block: Block) -> None:
        script, shown = _session(block.code)
        if block.not_run:
            check_script(script)
            return
        script, server = split_start(self.servers.placed(script))
        self.printed = run_script(script)
        if server:
            self.servers.start(server)
        if shown is not None and not same_output(shown, self.printed):
            raise ValueError(f"the page shows\n{shown}\nbut the output was\n{self.printed}")


def check_imports(tree: ast.AST) -> None:
    """Check that what the code imports from emoscope exists, without running the code.

    Raises:
        ImportError: a name does not exist.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "emoscope":
            module = import_module(node.module or "")
            for alias in node.names:
                if not hasattr(module, alias.name):
                    raise ImportError(f"{node.module} has no {alias.name!r}")


def _session(code: str) -> tuple[str, str | None]:
    """The commands of a session with prompts, and their output; for a script without prompts the script, and None."""
    lines = code.splitlines()
    if not lines[0].startswith("$ "):
        return code, None
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return "\n".join(commands), "\n".join(line for line in lines if not line.startswith("$ "))


def _json(code: str) -> None:
    json.loads(code)


def _json_lines(code: str) -> None:
    for line in code.splitlines():
        json.loads(line)


def _toml(code: str) -> None:
    import tomllib

    tomllib.loads(code)


def _yaml(code: str) -> None:
    import yaml

    list(yaml.safe_load_all(code))


DATA: dict[str, Callable[[str], None]] = {"json": _json, "jsonl": _json_lines, "toml": _toml, "yaml": _yaml}
"""Parser of each data language, which checks a block."""
