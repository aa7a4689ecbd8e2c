"""Who may ask: what stands before every page and answer of `webiml review` and `webiml serve`.

A server on loopback is not safe by itself. Any page in the same browser can send requests to it (cross-site requests),
or give its own name the address 127.0.0.1 and then read the answers (DNS rebinding); any other user of the machine can
connect to it. So the Host must be one that we know, a request that another site began is refused, and a token is
wanted, which only who started the server has.

Source: the headers are those of the Fetch standard (Origin, Sec-Fetch-*: https://fetch.spec.whatwg.org,
https://w3c.github.io/webappsec-fetch-metadata) and of Content Security Policy 3 (https://w3c.github.io/webappsec-csp).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from hmac import compare_digest
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from webiml.errors import one_line
from webiml.runners.log import event

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a page may load and do: its own files, and nothing else."""

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts that always mean this machine."""

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?")  # an address in brackets, or a name

REFUSALS = {
    "host": (421, "This server does not answer to that name. Use the address that it printed, or start it with "
             "--allow-host NAME."),
    "origin": (403, "This request was begun by a page of another site, and is refused."),
    "token": (401, "This server wants its token. Open the address that it printed when it started, or send "
              "`Authorization: Bearer TOKEN`."),
    "websocket": (403, "Websockets are not spoken here."),
}  # fmt: skip
"""Why a request is refused: the status of the answer, and what it says."""


class Guard:
    """The app, reached only by who may.

    Args:
        app: what answers a request that is let through.
        token: what a client must have; None asks for none, where the server around the app lets people in.
        hosts: names and addresses, lower case, without port and brackets, by which clients may call this server; None
            leaves that to the server around the app.
        cookie: how the cookie's name begins. The port follows: cookies do not know ports, and another server on this
            machine would overwrite ours.
        open_paths: paths that need no token, below the app's own root.
        policy: the Content-Security-Policy of all answers that bring none of their own.
    """

    def __init__(
        self,
        app: App,
        *,
        token: str | None,
        hosts: frozenset[str] | None,
        cookie: str = "webiml",
        open_paths: frozenset[str] = frozenset({"/health"}),
        policy: str = POLICY,
    ) -> None:
        self.app = app
        self.hosts = hosts
        self.cookie = cookie
        self.open_paths = open_paths
        self._token = None if token is None else token.encode()
        self._headers = [
            (b"content-security-policy", policy.encode("latin-1")),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cache-control", b"no-store"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": REFUSALS["websocket"][1]})
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, status = time.monotonic(), 0

        async def send_guarded(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message.get("headers", ()))
                present = {name.lower() for name, _ in headers}
                message = {**message, "headers": headers + [one for one in self._headers if one[0] not in present]}
            await send(message)

        refused = ""
        try:
            refused = self._refusal(scope)
            if refused:
                await _say(scope, send_guarded, *REFUSALS[refused])
            elif self._opens(scope):
                await self._let_in(scope, send_guarded)
            else:
                await self.app(scope, receive, send_guarded)
        except Exception as error:
            event("request_error", path=scope["path"], error=one_line(error))
            if status:  # part of the answer has gone: the server ends the connection, so that nobody takes it for whole
                raise
            sentence = "Something unforeseen went wrong here. What had been stored before is safe; try it again."
            await _say(scope, send_guarded, 500, sentence)
        finally:
            seconds = round(time.monotonic() - started, 3)
            more = {"refused": refused} if refused else {}
            event("request", method=scope["method"], path=scope["path"], status=status, seconds=seconds, **more)

    def _refusal(self, scope: Scope) -> str:
        """Why the request is not let through, one of REFUSALS, or nothing."""
        host = _only(scope, b"host")
        name = _HOST.fullmatch(host)
        if self.hosts is not None and (name is None or (name[1] or name[2]).lower() not in self.hosts):
            return "host"
        if not _is_ours(scope, host):
            return "origin"
        if self._token is None or _route(scope) in self.open_paths or self._opens(scope) or self._knows_us(scope):
            return ""
        return "token"

    def _opens(self, scope: Scope) -> bool:
        """Whether the address itself carries the token."""
        if self._token is None or scope["method"] != "GET":
            return False
        return any(self._fits(unquote_to_bytes(value)) for name, value in _parameters(scope) if name == b"token")

    def _knows_us(self, scope: Scope) -> bool:
        """Whether a header carries the token."""
        scheme, _, given = _only(scope, b"authorization").encode("latin-1").partition(b" ")
        if scheme.lower() == b"bearer" and self._fits(given.strip()):
            return True
        name = self._cookie(scope).encode()
        pairs = (part.partition(b"=") for value in _all(scope, b"cookie") for part in value.split(b";"))
        return any(key.strip() == name and self._fits(value.strip()) for key, _, value in pairs)

    def _fits(self, given: bytes) -> bool:
        return self._token is not None and compare_digest(given, self._token)

    def _cookie(self, scope: Scope) -> str:
        host = _HOST.fullmatch(_only(scope, b"host"))
        return f"{self.cookie}_{host[3] if host and host[3] else scope.get('scheme', 'http')}"

    async def _let_in(self, scope: Scope, send: Send) -> None:
        """Take the token out of the address and into a cookie, so that no history and no picture of it holds it."""
        assert self._token is not None
        path = "/" + quote(scope["path"].lstrip("/\\"), safe="/")  # //evil.example would lead away from here
        rest = b"&".join(b"=".join(one) if one[1] else one[0] for one in _parameters(scope) if one[0] != b"token")
        location = path + (f"?{quote(rest, safe='%&=+,:;@/-._~!$()*')}" if rest else "")
        root = quote(scope.get("root_path", ""), safe="/") or "/"
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        cookie = f"{self._cookie(scope)}={self._token.decode()}; Path={root}; HttpOnly; SameSite=Strict{secure}"
        headers = [(b"set-cookie", cookie.encode("latin-1"))]
        if _all(scope, b"sec-fetch-site") in ([b"cross-site"], [b"same-site"]):
            # Opened by a link elsewhere: along a redirect the browser would keep a strict cookie back. A page of ours
            # that leads on by itself is a new start.
            await _say(scope, send, 200, "One moment ...", [*headers, (b"refresh", f"0; url={location}".encode())])
        else:
            await _say(scope, send, 303, "The address without its token.", [*headers, (b"location", location.encode())])


def _is_ours(scope: Scope, host: str) -> bool:
    """Whether the request was not begun by a page of another site."""
    origins = _all(scope, b"origin")
    # https counts, too: behind a server that speaks TLS for us we see http.
    own = {f"{scheme}://{host}".lower().encode("latin-1") for scheme in (scope.get("scheme", "http"), "https")}
    if len(origins) > 1 or any(origin.lower() not in own for origin in origins):
        return False
    if not any(site in (b"cross-site", b"same-site") for site in _all(scope, b"sec-fetch-site")):
        return True
    # A link that a person followed: it changes nothing, and the page it was on cannot read what comes.
    follows = _all(scope, b"sec-fetch-mode") == [b"navigate"] and _all(scope, b"sec-fetch-dest") == [b"document"]
    return follows and scope["method"] in ("GET", "HEAD")


def _route(scope: Scope) -> str:
    """The path below the place where the app is mounted."""
    path, root = scope["path"], scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def _parameters(scope: Scope) -> list[tuple[bytes, bytes]]:
    """What follows the ? of the address, as it was sent."""
    parts = [part for part in scope.get("query_string", b"").split(b"&") if part]
    return [(name, value) for name, _, value in (part.partition(b"=") for part in parts)]


def _all(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key.lower() == name]


def _only(scope: Scope, name: bytes) -> str:
    """The value of a header that may be there once; empty where it is missing or there twice."""
    values = _all(scope, name)
    return values[0].decode("latin-1") if len(values) == 1 else ""


async def _say(
    scope: Scope, send: Send, status: int, sentence: str, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    """Answer with one sentence: as text for a person who opens a page, else as JSON."""
    reads = any(b"text/html" in value for value in _all(scope, b"accept"))
    body = sentence if reads else json.dumps({"error": sentence} if status >= 400 else {"note": sentence})
    kind = b"text/plain; charset=utf-8" if reads else b"application/json"
    if status == 401:
        headers = [*(headers or ()), (b"www-authenticate", b"Bearer")]
    own = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *(headers or ())]
    await send({"type": "http.response.start", "status": status, "headers": own})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body.encode()})
