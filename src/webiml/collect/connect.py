"""Connections that reach only addresses that were checked."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Any

from aiohttp import TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from webiml.collect.addresses import Allow, PrivateAddress

Lookup = Callable[..., list[Any]]  # what socket.getaddrinfo is

DNS_THREADS = 16  # a name server that is slow for one host must not stop the others
DNS_SECONDS = 60  # how long a name is not asked for again
IDLE_SECONDS = 4  # a connection waits this long for a next link; each one holds a file descriptor meanwhile


class CheckedResolver(AbstractResolver):
    """Names to addresses; a host with one address that is not allowed is refused as a whole."""

    def __init__(self, allow: Allow, lookup: Lookup) -> None:
        self._allow = allow
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(DNS_THREADS, "webiml-dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host.

        Raises:
            OSError: there are none; PrivateAddress: one of them is not allowed.
        """
        found: dict[str, ResolveResult] = {}
        for kind, _, protocol, _, where in await asyncio.get_running_loop().run_in_executor(
            self._threads, self._ask, host, port, family
        ):
            address = ip_address(where[0])
            if not self._allow(address, port):
                raise PrivateAddress(host, address)
            found[where[0]] = ResolveResult(
                hostname=host,
                host=where[0],
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        return list(found.values())

    async def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ask(self, host: str, port: int, family: int) -> list[Any]:
        try:
            return self._lookup(host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        except UnicodeError:  # a label that is empty or longer than 63
            raise socket.gaierror(socket.EAI_NONAME, "no name of a host") from None


def checked_connector(allow: Allow, lookup: Lookup) -> tuple[TCPConnector, CheckedResolver]:
    """A connector that asks `allow` about every address that it connects to, and the resolver that it uses.

    The check stands where the socket is made, with the very address that is connected to: numbers in a link, a redirect
    and a name that means another machine the second time all pass here. A connection is used again only for the same
    scheme, host and port.
    """

    def make_socket(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, where = info
        address = ip_address(where[0])
        if not allow(address, where[1]):
            raise PrivateAddress(where[0], address)
        return socket.socket(family=family, type=kind, proto=protocol)

    resolver = CheckedResolver(allow, lookup)
    connector = TCPConnector(
        limit=0,  # pace.py limits
        resolver=resolver,
        socket_factory=make_socket,
        ttl_dns_cache=DNS_SECONDS,
        keepalive_timeout=IDLE_SECONDS,
    )
    return connector, resolver
