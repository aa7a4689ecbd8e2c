"""Pages and their files, read once into memory: a request never names a path of the disk."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, Response

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
}
PAGE = "index.html"
"""What `/` answers, in the folder `static`."""

# Swagger UI (Apache-2.0) as fastapi-offline (MIT) carries it; only its files are used, none of its code.
_SWAGGER = {"swagger-ui.css": "swagger-ui.css", "swagger-ui.js": "swagger-ui-bundle.js"}

_DOCS_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>webiml: API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="static/swagger-ui.css">
</head>
<body>
<main id="api"></main>
<script src="static/swagger-ui.js"></script>
<script src="static/docs.js"></script>
</body>
</html>
"""
_DOCS_SCRIPT = b"""// The OpenAPI document of this service, as a page to read and to try.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  validatorUrl: null,
});
"""


def read_files() -> dict[str, bytes]:
    """Every file of the pages by its name."""
    found = {"docs.js": _DOCS_SCRIPT}
    found |= _folder(files("webiml.app.serve") / "static")
    theirs = files("fastapi_offline") / "static"
    return found | {name: (theirs / file).read_bytes() for name, file in _SWAGGER.items()}


def file_answer(held: dict[str, bytes], name: str) -> Response | None:
    """One of them, None where there is none of that name."""
    data = held.get(name)
    kind = _TYPES.get(name[name.rfind(".") :])
    if data is None or kind is None:
        return None
    return Response(data, media_type=kind, headers={"Cache-Control": "no-cache"})


def docs_page() -> Response:
    """The OpenAPI page."""
    return HTMLResponse(_DOCS_PAGE)


def _folder(folder: Traversable) -> dict[str, bytes]:
    if not folder.is_dir():
        return {}
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}
