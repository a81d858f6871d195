"""A classifier over HTTP, in three layers: HTTP (ASGI), batching (no HTTP), classifier. Needs the extra `serve`.

`create_app` makes the ASGI application of any `Classifier`; `run` serves it in one process. `settings` alone works on
the base install, so that the command line can show every flag.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from emoscope.errors import require_extra
from emoscope.serving.settings import Settings

__all__ = ["App", "Settings", "create_app", "listen", "run"]

_MODULES = {"App": "app", "create_app": "app", "listen": "server", "run": "server"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'emoscope.serving' has no attribute {name!r}")
    require_extra("serve")
    return getattr(import_module(f"emoscope.serving.{_MODULES[name]}"), name)
