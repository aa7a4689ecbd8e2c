"""Which addresses may be asked: http and https, no password in them, and a host that is public.

A list of links is written by strangers. Without this rule a link, or a redirect of a server, could make us ask machines
inside our own network, and the answer would lie in a dataset.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import quote, urljoin

from yarl import URL

IPAddress = IPv4Address | IPv6Address
Allow = Callable[[IPAddress, int], bool]  # may this address and port be asked?

MAX_LENGTH = 4096  # characters of an address

# Source: IANA IPv4 and IPv6 Special-Purpose Address Registries; multicast and class E are blocks of their own there.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # between a provider and its customers
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local; clouds answer with their keys at 169.254.169.254
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "168.63.129.16/32",  # looks public, yet is the host of a machine at Azure (basecamp/surfguard, pull request 6)
    )
)
_GLOBAL_6 = IPv6Network("2000::/3")  # the only IPv6 space that hosts are given so far
_NOT_PUBLIC_6 = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # protocols, among them Teredo, which wraps an IPv4 address
        "2001:db8::/32",
        "2002::/16",  # 6to4, which wraps an IPv4 address
        "3fff::/20",
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")  # a network without IPv4 shows every IPv4 host like this; RFC 6052
_AS_GIVEN = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")  # RFC 3986: nothing in it needs quoting
_START = re.compile(r"[^/?#]*(?://[^/?#]*)?")  # scheme and host
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?")
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


class BadAddress(ValueError):
    """An address that is never asked, whatever is allowed; the message says why."""


class PrivateAddress(OSError):
    """A host that is not public; raised where a connection would be made, so it has the form of a network error."""

    def __init__(self, host: str, address: IPAddress) -> None:
        words = f"{host} is not public" if host == str(address) else f"{host} is {address}, which is not public"
        super().__init__(errno.EACCES, words)


def is_public(address: IPAddress) -> bool:
    """Whether anybody on the internet reaches the same machine at this address."""
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _NOT_PUBLIC_4)
    if address.scope_id is not None:
        return False
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _GLOBAL_6 and not any(address in block for block in _NOT_PUBLIC_6)


def allow_public(address: IPAddress, port: int) -> bool:
    """The rule that holds unless somebody asks for another: public addresses, any port."""
    return is_public(address)


def allow_all(address: IPAddress, port: int) -> bool:
    """The rule of `--allow-private`: any address."""
    return True


def parse_address(text: str) -> URL:
    """An address as it will be sent, without its fragment; what needs no quoting is sent as it was given.

    Raises:
        BadAddress: not http or https, a user or password, no host, a host in an odd form, or no address at all.
    """
    text = text.strip(" \t\r\n")
    if not text:
        raise BadAddress("the address is empty")
    if len(text) > MAX_LENGTH:
        raise BadAddress(f"the address has {len(text):,} characters, the limit is {MAX_LENGTH:,}")
    if "\\" in text or any(c < " " or "\x7f" <= c < "\xa0" for c in text):
        raise BadAddress("a backslash or a control character in the address")
    text = _START.sub(lambda start: start[0].lower(), text, count=1)  # neither scheme nor host knows upper case
    try:
        url = URL(text, encoded=_AS_GIVEN.fullmatch(text) is not None)
        host, port, authority = url.raw_host or "", url.port, url.raw_authority
    except (ValueError, TypeError) as error:
        raise BadAddress(f"no address: {error}"[:200]) from None
    if url.scheme not in ("http", "https"):
        raise BadAddress(f"{url.scheme or 'no scheme'} where http or https is needed"[:200])
    if "@" in authority:
        raise BadAddress("a user or a password in the address")
    if not host:
        raise BadAddress("no host in the address")
    if not port:
        raise BadAddress("port 0")
    _check_host(host)
    return url.with_fragment(None) if url.raw_fragment or text.endswith("#") else url


def check_literal(url: URL, allow: Allow) -> None:
    """Refuse an address of numbers that is not allowed; a name is checked when it is resolved.

    Raises:
        PrivateAddress: it is not allowed.
    """
    host = url.raw_host or ""
    if not (":" in host or host[-1:].isdigit()):
        return
    try:
        address = ip_address(host)
    except ValueError:  # a name that ends in a digit
        return
    if not allow(address, url.port or 0):
        raise PrivateAddress(host, address)


def redirect_target(base: URL, location: str) -> URL:
    """Where a redirect leads.

    Args:
        location: the header as it came; bytes that are no UTF-8 as lone surrogates.
    Raises:
        BadAddress: as `parse_address`.
    """
    if not (location.isascii() and location.isprintable()) or " " in location:
        location = quote(location.strip().encode("utf-8", "surrogateescape"), safe=_PRINTABLE)
    try:
        return parse_address(urljoin(str(base), location))
    except BadAddress:
        raise
    except ValueError as error:
        raise BadAddress(f"no address: {error}"[:200]) from None


def _check_host(host: str) -> None:
    if ":" in host:
        try:
            zone = IPv6Address(host).scope_id
        except ValueError:
            zone = ""
        if zone is not None:
            raise BadAddress(f"{host[:60]} is no IPv6 address")
        return
    if not _HOST.fullmatch(host):
        raise BadAddress(f"{host[:60]} is no host")
    if _ENDS_IN_NUMBER.fullmatch(host):  # 127.1, 0x7f000001 and the like mean an address to some, a name to others
        try:
            IPv4Address(host)
        except ValueError:
            raise BadAddress(f"{host[:60]} is no IPv4 address of four numbers") from None
