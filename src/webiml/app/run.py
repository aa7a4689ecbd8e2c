"""Where a server of ours listens, who may call it, and how it runs until somebody stops it."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import os
import re
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import h11
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from webiml.app.guard import LOOPBACK_NAMES, App
from webiml.errors import SettingError
from webiml.runners.log import event

TOKEN_VARIABLE = "WEBIML_TOKEN"
CONNECTIONS = 256  # open at a time; a request on one more is answered with 503
HEADER_SECONDS = 10.0  # in which a request's first lines must have come
IDLE_SECONDS = 5  # that a connection stays open after an answer
END_SECONDS = 5  # that answers may still take when the server is stopped
HEADER_BYTES = 16_384  # of a request's first lines


def read_token() -> str:
    """The token that clients must have: the one of the environment, for a service, else a new one.

    Raises:
        SettingError: the one of the environment is too short, or could not stand in an address and a cookie.
    """
    given = os.environ.get(TOKEN_VARIABLE)
    if given is None:
        return secrets.token_urlsafe(32)
    if not re.fullmatch(r"[A-Za-z0-9._~-]{16,512}", given):
        raise SettingError(
            f"{TOKEN_VARIABLE} must have 16 to 512 letters, digits and -._~; unset it for a new token in every run."
        )
    return given


def allowed_hosts(host: str, names: Collection[str]) -> frozenset[str]:
    """The names by which clients may call the server: those of loopback, `host`, and `names`.

    Args:
        host: what the server listens at. names: further ones, without port.
    Raises:
        SettingError: one is no name, or others could connect but nobody said by which name.
    """
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9._-]+", name) and not _is_address(name):
            raise SettingError(
                f"--allow-host takes a name or an address without port, such as example.org, got {name!r}."
            )
    if not names and not is_local(host):
        raise SettingError(
            f"--host {host} lets other machines connect; say with --allow-host by which name they call this one."
        )
    called = {name.strip("[]").lower() for name in (host, *names)}
    return LOOPBACK_NAMES | (called - {"0.0.0.0", "::"})  # every address of this machine, which is no name of it


def is_local(host: str) -> bool:
    """Whether only this machine can connect to what listens at `host`."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host.strip("[]")).is_loopback)


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one.

    Raises:
        SettingError: there is no such address here, the port is taken, or it may not be used.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError):
        raise SettingError(f"--host {host} is no address of this machine; 127.0.0.1 is the usual one.") from None
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it would let two servers have one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)  # at once: until then a second server could take the port, too
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise SettingError(f"Port {port} of {host} is taken; leave --port out for a free one.") from None
        if error.errno == errno.EACCES:
            raise SettingError(f"Port {port} may not be used without rights of the system; leave --port out.") from None
        raise SettingError(f"--host {host} cannot be listened at: {error.strerror or error}.") from None
    listener.setblocking(False)
    return listener


def address(listener: socket.socket, name: str) -> str:
    """The address of the server's page, without token, for a client that calls it by `name`."""
    port = listener.getsockname()[1]
    name = name.strip("[]")
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"


def run_app(app: App, listener: socket.socket, on_ready: Callable[[], None], connections: int = CONNECTIONS) -> None:
    """Answer requests until the process is interrupted or told to end; then finish what is being answered.

    Nothing is printed: what happens is an event of `webiml.runners.log`.

    Args:
        app: ASGI. listener: of `bind`. on_ready: called once, when requests are answered.
        connections: open at a time; a request on one more is answered with 503.
    """
    config = Config(
        app,
        http=_Impatient,
        ws="none",
        loop="asyncio",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # a client on this machine could say that it is another
        server_header=False,
        limit_concurrency=connections + 1,  # uvicorn refuses the one that reaches it
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=END_SECONDS,
        h11_max_incomplete_event_size=HEADER_BYTES,
    )
    with _events_of_the_server(), _ended_by_signals(), suppress(KeyboardInterrupt):
        _Server(config, on_ready).run(sockets=[listener])


class _Server(Server):
    def __init__(self, config: Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()


class _Impatient(H11Protocol):
    """HTTP, but a connection on which no request comes to its end is closed: uvicorn itself would wait for ever.

    It times the first lines of a request, and the rest of one that has been answered already. The body of one that is
    being answered is the app's own business.
    """

    _overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()
        if self.limit_concurrency is not None and len(self.connections) > 2 * self.limit_concurrency:
            transport.abort()  # not even a refusal: each one open costs a file handle

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._forget()

    def _waits(self) -> bool:
        theirs = self.conn.their_state
        return theirs is h11.IDLE or (theirs is h11.SEND_BODY and self.conn.our_state in (h11.DONE, h11.MUST_CLOSE))

    def _watch(self) -> None:
        if not self._waits():
            self._forget()
        elif self._overdue is None:  # one that runs is left alone: a byte now and then buys no time
            self._overdue = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def _forget(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _give_up(self) -> None:
        self._overdue = None
        if self._waits() and not self.transport.is_closing():
            event("connection_closed", reason="too_slow")
            self.transport.close()


class _Events(logging.Handler):
    """What uvicorn has to say, as events instead of lines and tracebacks on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            error = record.exc_info[1] if record.exc_info else None
            event("server", message=record.getMessage().strip(), **({"error": type(error).__name__} if error else {}))


@contextmanager
def _events_of_the_server() -> Iterator[None]:
    log, handler = logging.getLogger("uvicorn.error"), _Events()
    before, log.propagate = log.propagate, False
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = before


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM ends a server as Ctrl-C does: uvicorn finishes, and then sends itself the signal once more."""
    if threading.current_thread() is not threading.main_thread():  # only there signals arrive
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_address(text: str) -> bool:
    with suppress(ValueError):
        ipaddress.ip_address(text.strip("[]"))
        return True
    return False
