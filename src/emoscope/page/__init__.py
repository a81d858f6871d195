"""The web page: `static/` is what the server and the static site share, `local/` and `engine/` run a model in browsers.

`write_site` writes the static site. Works on the base install; knows no server.
"""

from __future__ import annotations

from emoscope.page.onnxruntime_web import read_runtime
from emoscope.page.site import write_site

__all__ = ["read_runtime", "write_site"]
