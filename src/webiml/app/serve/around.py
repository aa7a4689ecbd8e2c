"""What stands around the routes: every request is counted, and whatever happens is answered in our words."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from webiml.app.guard import App, Receive, Scope, Send
from webiml.app.serve.metrics import Metrics
from webiml.app.serve.refusals import OTHER, route_of

Message = MutableMapping[str, Any]

_POST = ("/localize", "/annotate")


class Counted:
    """The application, with every answer counted."""

    def __init__(self, app: App, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status, route = time.monotonic(), 0, route_of(Request(scope))

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        async def count_bytes() -> Message:
            message = await receive()
            self.metrics.body_bytes.inc(len(message.get("body", b"")))
            return message

        try:
            await self.app(scope, count_bytes, note_status)
        finally:
            self.metrics.requests.labels(route, str(status)).inc()
            if route in _POST:
                self.metrics.seconds.labels(route).observe(time.monotonic() - started)


class Answered:
    """The application, also for HEAD and OPTIONS, and with an answer where it fails: never a 500, never a traceback."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        ended, bare = False, scope["method"] == "HEAD"

        async def send_on(message: Message) -> None:
            nonlocal ended
            ended = message["type"] == "http.response.body" and not message.get("more_body")
            await send({**message, "body": b""} if bare and message["type"] == "http.response.body" else message)

        route = route_of(Request(scope))
        if scope["method"] == "OPTIONS" and route != OTHER:
            allowed = "POST, OPTIONS" if route in _POST else "GET, HEAD, OPTIONS"
            await Response(status_code=204, headers={"Allow": allowed})(scope, receive, send)
            return
        if bare:
            scope = {**scope, "method": "GET"}
        try:
            await self.app(scope, receive, send_on)
        except Exception:
            if not ended:  # else the framework has answered with our words, and raises what it was about
                raise
