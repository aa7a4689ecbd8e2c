"""The web applications: `webiml review` for people who look at masks, `webiml serve` for programs that ask for them.

    from webiml.app import api
    app = api()      # ASGI: mount it in an application of your own; see docs/serve.md

They need the extra `app`.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from webiml.errors import SettingError

if TYPE_CHECKING:
    from webiml.app.serve.api import api

__all__ = ["api", "refuse_without_extra"]

_NEEDED = ("starlette", "fastapi", "uvicorn", "python_multipart", "prometheus_client", "fastapi_offline")


def refuse_without_extra(what: str) -> None:
    """Raises SettingError when a package of the extra is not installed. `what` needs it, such as `webiml serve`."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingError(f'{what} needs an extra: pip install "webiml[app]" (missing: {", ".join(missing)}).')


def __getattr__(name: str) -> Any:
    """Import what answers requests on first use (PEP 562)."""
    if name != "api":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    refuse_without_extra("webiml.app.api")
    return importlib.import_module("webiml.app.serve.api").api


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
