"""What `webiml review` and `webiml serve` share: where they listen, and what a person is told about it."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from webiml.cli.terminal import complain, plain, say
from webiml.runners.log import event

if TYPE_CHECKING:
    from webiml.app.guard import App
    from webiml.settings import ReviewRun, ServeRun


def serve_app(
    make: Callable[[str, frozenset[str]], App], run: ReviewRun | ServeRun, what: str, connections: int | None = None
) -> None:
    """Listen, say where, and answer until somebody stops it.

    Args:
        make: the app for a token and the names by which it may be called. It is asked only once the port is ours.
        what: the server is for, as it is said to a person. connections: open at a time.
    Raises:
        SettingError: it cannot listen there, or the token of the environment is none.
    """
    from webiml.app.run import CONNECTIONS, TOKEN_VARIABLE, address, allowed_hosts, bind, is_local, read_token, run_app

    token = read_token()
    hosts = allowed_hosts(run.host, run.allow_host)
    with bind(run.host, run.port) as listener:
        app = make(token, hosts)
        page = address(listener, run.allow_host[0] if run.allow_host else run.host)
        whole = f"{page}?token={token}"
        # A token that somebody set he knows; a service's log is not the place for it.
        shown = page if TOKEN_VARIABLE in os.environ else whole

        def announce() -> None:
            if run.json:
                say(json.dumps({"url": shown, "address": page, "token": None if shown == page else token}))
            else:
                say(shown if run.quiet else f"{plain(what)}: {shown}   (Ctrl-C ends it)")
            if not is_local(run.host) and not run.quiet:
                complain(
                    "Other machines can connect, and nothing is encrypted: put a server that speaks TLS before it."
                )
            event("listening", address=page)
            if run.browser and sys.stdout is not None and sys.stdout.isatty() and has_screen():
                threading.Thread(target=_open_browser, args=(whole,), daemon=True).start()  # some of them wait

        run_app(app, listener, announce, connections or CONNECTIONS)


def has_screen() -> bool:
    """Whether a browser with windows can be opened here."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open_browser(url: str) -> None:
    import webbrowser

    with suppress(webbrowser.Error, OSError):
        webbrowser.open(url)
