"""A classifier over HTTP, in three layers: HTTP (ASGI), batching (no HTTP in it), classifier. Needs the extra `serve`.

`create_app` makes the ASGI application of any `Classifier`; `serve` runs it in one process or several.
"""

from __future__ import annotations

from emoscope.errors import require_extra

require_extra("serve")

from emoscope.serving.app import App, create_app
from emoscope.serving.server import listen, run
from emoscope.serving.settings import Settings

__all__ = ["App", "Settings", "create_app", "listen", "run"]
