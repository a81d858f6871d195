"""Parts of the site that are generated at each build from other files: commands, model card, changelog, README tables.

A page includes one of them with a comment such as `<!-- generated: commands -->`. Nothing here knows a single page.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from emoscope.cli.parser import HelpFormatter, build_parser

ROOT = Path(__file__).parents[2]
WIDTH = 92
MARK = re.compile(r"<!-- generated: ([\w ]+) -->")
LINK = re.compile(r"\]\((\.\./[^)#]+)\)")
REPOSITORY = "https://github.com/emoscope/emoscope/blob/main"
TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
PICTURE = re.compile(r'<p><img alt="([^"]*)" src="(?:\.\./)*(assets/[\w-]+\.svg)" ?/?></p>')


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Insert the generated parts into a page, and let links to files outside the site point to the repository."""
    folder = (ROOT / "docs" / page.file.src_uri).parent
    return LINK.sub(partial(_link, folder), MARK.sub(lambda mark: PARTS[mark[1]](), markdown))


def on_page_content(html: str, **_: Any) -> str:
    """Insert drawings into the page itself, so that they take its colours and their text can be selected.

    A table is in a region that the keyboard can scroll.
    """
    html = TABLE.sub(r'<div class="scrolled" tabindex="0" role="region" aria-label="table">\g<0></div>', html)
    return PICTURE.sub(_drawing, html)


def on_post_page(output: str, **_: Any) -> str:
    """Name the search for screen readers, as its theme does not."""
    return output.replace('role="dialog">', 'role="dialog" aria-label="Search">')


def commands() -> str:
    """Every command with its flags, from its parser."""
    return "\n\n".join(_command(name, parser) for name, parser in subparsers().items())


def subparsers() -> dict[str, argparse.ArgumentParser]:
    """The parsers of the commands by name."""
    (action,) = (action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction))
    return action.choices


def changelog() -> str:
    """The changelog of the project without its title."""
    return (ROOT / "CHANGELOG.md").read_text("utf-8").partition("\n")[2]


def model_card() -> str:
    """The card of the bundled model without its metadata and its title."""
    card = (ROOT / "src" / "emoscope" / "bundled" / "README.md").read_text("utf-8")
    return re.sub(r"\A---\n.*?\n---\n\s*# [^\n]*\n", "", card, flags=re.DOTALL)


def headline() -> str:
    """The table of results of the README."""
    return _readme(r"<!-- table: headline -->\n(.*?)<!-- end -->")


def extras() -> str:
    """The table of extras of the README."""
    return _readme(r"(\| extra \|.*?)\n\n")


def _readme(pattern: str) -> str:
    found = re.search(pattern, (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    if found is None:
        raise ValueError(f"no part of README.md matches {pattern!r}")
    return found[1].replace("](docs/", "](")


PARTS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "changelog": changelog,
    "model card": model_card,
    "headline": headline,
    "extras": extras,
}


def _link(folder: Path, link: re.Match[str]) -> str:
    target = (folder / link[1]).resolve()
    inside = target.is_relative_to(ROOT / "docs") or not target.exists()
    return link[0] if inside else f"]({REPOSITORY}/{target.relative_to(ROOT).as_posix()})"


def _drawing(picture: re.Match[str]) -> str:
    drawing = (ROOT / "docs" / picture[2]).read_text("utf-8")
    return f'<div class="drawing" tabindex="0" role="region" aria-label="{picture[1]}">{drawing}</div>'


def _command(name: str, parser: argparse.ArgumentParser) -> str:
    parser.formatter_class = partial(HelpFormatter, width=WIDTH)
    summary, _, details = (parser.description or "").partition("\n")
    usage = parser.format_usage().removeprefix("usage: ").rstrip()
    return "\n\n".join([f"## emoscope {name}", summary, _fenced("text", usage), *_prose(details), *_groups(parser)])


def _prose(details: str) -> Iterator[str]:
    """Paragraphs as they are, and indented lines as code blocks, which after "examples:" are shell code."""
    for paragraph in re.split(r"\n\s*\n", details.strip("\n")):
        lines = paragraph.splitlines()
        language = "bash" if lines[:1] == ["examples:"] else "text"
        while lines:
            indented = lines[0].startswith("  ")
            count = next((i for i, line in enumerate(lines) if line.startswith("  ") != indented), len(lines))
            part, lines = lines[:count], lines[count:]
            if indented:
                yield _fenced(language, "\n".join(line.removeprefix("  ") for line in part))
            else:
                yield _flags_as_code("**Examples**" if language == "bash" else "\n".join(part))


def _groups(parser: argparse.ArgumentParser) -> Iterator[str]:
    for group in parser._action_groups:
        actions = [
            action
            for action in group._group_actions
            if action.help != argparse.SUPPRESS and not isinstance(action, argparse._HelpAction)
        ]
        if actions:
            title = {"positional arguments": "Arguments", "options": "Options"}.get(group.title or "", group.title)
            yield f"**{title}**"
            yield "\n".join(map(_entry, actions))


def _entry(action: argparse.Action) -> str:
    text = _flags_as_code(" ".join(((action.help or "") % vars(action)).split()))
    return f"`{_invocation(action)}`\n:   {text}\n"


def _invocation(action: argparse.Action) -> str:
    formatter = argparse.HelpFormatter(prog="emoscope")
    values = formatter._format_args(action, action.dest.upper()) if action.nargs != 0 else ""
    names = ", ".join(action.option_strings)
    return f"{names} {values}".strip() if names else str(action.metavar or action.dest)


def _flags_as_code(text: str) -> str:
    return re.sub(r"(?<![\w`-])--[a-z][a-z-]*", lambda flag: f"`{flag[0]}`", text)


def _fenced(language: str, code: str) -> str:
    return f"```{language}\n{code}\n```"
