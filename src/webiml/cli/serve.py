"""`webiml serve`: masks over HTTP, for other programs and for people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from webiml.app import refuse_without_extra
from webiml.cli.served import serve_app
from webiml.settings import ServeRun, ServeSettings

_RESULT = Group("What is answered, and what a client may take", sort_key=1)
_RUN = Group("Where it listens, and what is said about it", sort_key=2)
_SETTINGS, _DEFAULT_RUN = ServeSettings(), ServeRun()
SPARE_CONNECTIONS = 192  # beside those of requests that wait or run: health checks, pictures, who is refused


def serve(
    *,
    config: Path | None = None,
    settings: Annotated[ServeSettings, Parameter(name="*", group=_RESULT)] = _SETTINGS,
    run: Annotated[ServeRun, Parameter(name="*", group=_RUN)] = _DEFAULT_RUN,
) -> int:
    """Answer other programs over HTTP: a picture in, where it may be manipulated out; a pair in, its mask out.

    POST /localize takes one picture, POST /annotate two. /docs describes everything, / is a page for people onto which
    a picture can be dropped. Nothing is kept on disk unless you say --keep.

    The address that is printed holds a token, without which nobody gets an answer; it lasts as long as the command
    runs. A program sends it as `Authorization: Bearer TOKEN`. WEBIML_TOKEN in the environment sets one, which is then
    not printed.

    Examples:

    - `webiml serve`
    - `webiml serve --port 8000 --workers 4 --json`
    - `webiml serve --weights exported/mine.onnx --keep kept`
    - `webiml serve --host 0.0.0.0 --port 8000 --allow-host masks.example.org`

    Ctrl-C, or SIGTERM, is the normal end: what is being answered is finished, for five seconds at most.

    Exit codes: 0 it was ended, 2 a wrong setting or a localizer that cannot be loaded, 130 interrupted before it had
    begun.

    Parameters
    ----------
    config
        YAML file of the settings below, such as `threshold: 0.6`; flags win over it.
    settings, run
        Flags, of which each has its own words.
    """
    refuse_without_extra("webiml serve")
    # Heavy imports wait until the flags are known to be right.
    from webiml.app.guard import App
    from webiml.app.serve.api import api
    from webiml.localize.hub import find

    find(settings.weights, revision=settings.revision or None, download=run.download)

    def make(token: str, hosts: frozenset[str]) -> App:
        return api(settings, token=token, hosts=hosts)

    serve_app(make, run, "Serving", settings.queue + SPARE_CONNECTIONS)
    return 0
