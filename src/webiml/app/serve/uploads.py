"""The body of a request: pictures within limits of bytes, time and memory, held in memory and nowhere else.

What a client says of a file (its name, its type) is not looked at; what the bytes are is found out where they are
decoded. So no name from outside gets anywhere.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from webiml.app.serve.admission import Lease
from webiml.app.serve.refusals import Refusal

HEADERS = 8  # of a part
HEADER_BYTES = 8_192  # of one of them
BOUNDARY_BYTES = 70  # RFC 2046, 5.1.1
DRAINED_BYTES, DRAINED_SECONDS = 64_000_000, 5.0  # of a refused body that are read, so that the client hears why

_SILENT = logging.Logger("multipart", logging.CRITICAL + 1)  # a broken form is an event of ours, and no line on stderr


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes of a body, and seconds in which they must have come."""

    bytes: int
    seconds: float


class Body:
    """What a client sends after the first lines of its request, as it comes."""

    def __init__(self, request: Request) -> None:
        self._request, self._ended = request, False

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes, up to the end.

        Raises:
            Refusal: the connection ends before.
        """
        while not self._ended:
            message = await self._request.receive()
            if message["type"] == "http.disconnect":
                self._ended = True
                raise Refusal(400, "cut_short", "The connection ended before the body did.")
            self._ended = not message.get("more_body")
            yield message.get("body", b"")

    @asynccontextmanager
    async def unread(self) -> AsyncIterator[None]:
        """Around what may refuse a request before its body has been read: one cut off would never see the answer.

        So what a refused client still sends is read and let go of, within bounds.
        """
        try:
            yield
        except Refusal as refusal:
            # One that is too slow has had its time; one that asks first (Expect) hears the refusal instead.
            if refusal.status != 408 and "expect" not in self._request.headers:
                await self._drain()
            raise

    async def _drain(self) -> None:
        left = DRAINED_BYTES
        with suppress(TimeoutError, Refusal):
            async with asyncio.timeout(DRAINED_SECONDS):
                async for chunk in self.chunks():
                    left -= len(chunk)
                    if left < 0:
                        return


async def read_pictures(
    request: Request, body: Body, fields: Sequence[str], limits: Limits, lease: Lease
) -> dict[str, bytes]:
    """The file of each field of a form; of one field also the body itself, where it is no form.

    Args:
        lease: takes the bytes as they come.
    Raises:
        Refusal: the body is too large, too slow, no form, or a form with other fields.
    """
    async with body.unread():
        _refuse_headers(request, limits)
        sink, finish = _reader(request, fields)
        taken = 0
        try:
            async with asyncio.timeout(limits.seconds):
                async for chunk in body.chunks():
                    taken += len(chunk)
                    if taken > limits.bytes:
                        raise _too_large(limits)
                    lease.grow(len(chunk))
                    sink(chunk)
        except TimeoutError:
            within = f"{limits.seconds:g} s"
            raise Refusal(
                408, "too_slow", f"The body did not come in {within}; send less, or over a faster connection."
            ) from None
        return finish()


def _refuse_headers(request: Request, limits: Limits) -> None:
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit() and len(length) < 20):
        raise Refusal(400, "malformed", "Content-Length is no number.")
    if int(length) > limits.bytes:
        raise _too_large(limits)
    if request.headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
        raise Refusal(415, "content_encoding", "Compressed bodies are not taken; send the picture's own bytes.")


def _too_large(limits: Limits) -> Refusal:
    return Refusal(413, "too_many_bytes", f"The body is larger than {limits.bytes / 1e6:g} MB; send a smaller picture.")


def _reader(
    request: Request, fields: Sequence[str]
) -> tuple[Callable[[bytes], object], Callable[[], dict[str, bytes]]]:
    """What takes the chunks of the body, and what gives the pictures at its end."""
    wanted = " and ".join(fields)
    media, options = parse_options_header(request.headers.get("content-type", ""))
    if media == b"multipart/form-data":
        boundary = options.get(b"boundary", b"")
        if not 0 < len(boundary) <= BOUNDARY_BYTES:
            raise Refusal(400, "malformed", "The form has no boundary, or one that is too long.")
        form = _Form(boundary, fields)
        return form.feed, form.finish
    if len(fields) > 1:
        raise Refusal(415, "content_type", f"Send a form (multipart/form-data) with the files {wanted}.")
    if media and not media.startswith(b"image/") and media != b"application/octet-stream":
        raise Refusal(
            415,
            "content_type",
            f"Send a form (multipart/form-data) with the file {wanted}, or the file itself as application/octet-stream "
            "or image/*.",
        )
    body = bytearray()
    return body.extend, lambda: {fields[0]: _not_empty(fields[0], body)}


class _Form:
    """multipart/form-data as it comes in: the files of known fields, each once, and nothing else."""

    def __init__(self, boundary: bytes, fields: Sequence[str]) -> None:
        self._files: dict[str, bytearray] = {}
        self._fields, self._ended = fields, False
        self._name, self._value, self._disposition = b"", b"", b""
        self._part = bytearray()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header,
                "on_headers_finished": self._open,
                "on_part_data": self._data,
                "on_end": self._end,
            },
            max_header_count=HEADERS,
            max_header_size=HEADER_BYTES,
        )
        self._parser.logger = _SILENT

    def feed(self, chunk: bytes) -> None:
        """Take a piece of the body."""
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise Refusal(400, "malformed", "The form cannot be read; its parts or their headers are broken.") from None

    def finish(self) -> dict[str, bytes]:
        """The files by their fields."""
        missing = [name for name in self._fields if name not in self._files]
        if missing:
            raise Refusal(400, "missing_field", f"The form has no file {' and no file '.join(missing)}.")
        if not self._ended:
            raise Refusal(400, "cut_short", "The form ends before its last boundary.")
        return {name: _not_empty(name, self._files[name]) for name in self._fields}

    def _begin(self) -> None:
        self._disposition = b""

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name = self._value = b""

    def _open(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("latin-1")
        if name not in self._fields:
            raise Refusal(400, "unknown_field", f"The form has a field that is not {' or '.join(self._fields)}.")
        if name in self._files:
            raise Refusal(400, "repeated_field", f"The form has the field {name} twice.")
        self._part = self._files[name] = bytearray()

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._part += memoryview(data)[start:end]

    def _end(self) -> None:
        self._ended = True


def _not_empty(field: str, data: bytearray) -> bytes:
    if not data:
        raise Refusal(422, "empty_file", f"The file {field} has no bytes.")
    return bytes(data)
