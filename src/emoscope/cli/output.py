"""What commands write: whole files, pages."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1.1rem/1.6 system-ui, sans-serif; max-width: 45rem; margin: 2rem auto; padding: 0 1rem }}
p {{ white-space: pre-wrap; overflow-wrap: anywhere }}
mark {{ border-radius: 0.2em }}
</style>
{content}
</html>
"""


def write_whole(path: Path, text: str) -> None:
    """Write a file in one step: it is there whole, or as it was before.

    Raises:
        OSError: the file cannot be written.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def page(title: str, parts: Iterable[str]) -> str:
    """A whole HTML page that needs no network, light and dark, of what objects show in notebooks."""
    return PAGE.format(title=title, content="\n".join(parts))
