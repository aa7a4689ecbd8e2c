"""A real HTTP server on 127.0.0.1 that also does what servers on the web do wrong.

    with WebServer() as server:
        server.url("/picture/7.jpg")      # a small picture of its own for every number, .jpg or .png
        server.requests                   # what was asked for: path, headers, time, connection
        server.robots = "User-agent: *\nDisallow: /private"    # a status, "> address" for a redirect, None for 404

Paths; the first one takes `?header=Name:value` (many of them), `?status=` and `?type=`:
    /picture/N.jpg, .png              /slow/SECONDS/N.jpg  first byte late
    /drip/SECONDS/N.jpg  the last 200 bytes one by one
    /cut/N.jpg   announces more       /more/N.jpg  announces less, sends an HTTP answer behind it
    /announce/BYTES                   /endless             /empty               /reset
    /page  HTML called image/jpeg     /bomb.png  60000 x 60000 in its header   /gzip  10 MB packed, not asked for
    /redirect/K  K hops               /loop                /to?URL              /nowhere
    /cached/N.jpg  ETag, 304          /status/CODE         /garbage  no HTTP
    /limited/K/SECONDS/N.jpg, /limited-date/K/SECONDS/N.jpg   429 with Retry-After the first K times
    /broken/K/N.jpg                   503 the first K times

As a program it prints its address and serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import socket
import struct
import sys
import threading
import time
import zlib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Self
from urllib.parse import parse_qsl, unquote

import cv2
import numpy as np

_NOISE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
_JPEG = cv2.imencode(".jpg", cv2.GaussianBlur(_NOISE, (0, 0), 3))[1].tobytes()
_PNG = cv2.imencode(".png", cv2.GaussianBlur(_NOISE, (0, 0), 3))[1].tobytes()
_GZIP = gzip.compress(bytes(10_000_000))
MODIFIED = "Wed, 21 Oct 2015 07:28:00 GMT"


def picture(name: str) -> bytes:
    """The bytes of `7.jpg` or `7.png`, 48 pixels high and 64 wide; the number stands in a comment."""
    number, _, kind = name.partition(".")
    note = f"number {number}".encode()
    if kind == "png":
        text = b"tEXtComment\0" + note
        return _PNG[:33] + struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text)) + _PNG[33:]
    return _JPEG[:2] + b"\xff\xfe" + struct.pack(">H", len(note) + 2) + note + _JPEG[2:]


def sha256(name: str) -> str:
    return hashlib.sha256(picture(name)).hexdigest()


def bomb() -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    packed = b"IDAT" + zlib.compress(bytes(1000))
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, packed, b"IEND")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@dataclass(frozen=True)
class Seen:
    """One request, as it came."""

    path: str
    headers: dict[str, str]  # names in lower case
    at: float
    connection: int


class WebServer:
    """The server, in a thread of its own. `robots` and `tdm` may be changed while it runs."""

    def __init__(
        self, robots: str | int | None = None, tdm: str | int | None = None, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.robots, self.tdm, self.host, self.port = robots, tdm, host, port
        self.requests: list[Seen] = []
        self.now = self.most_at_once = 0  # pictures and the like that are being answered
        self.connections = 0
        self.times: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._open: set[_Connection] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Connection(self), self.host, self.port, backlog=1024)
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self._open):
            connection.end()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the ends of connections

    def url(self, path: str) -> str:
        return f"http://{self.host}:{self.port}{path}"

    def paths(self, rules: bool = False) -> list[str]:
        """What was asked for, in order; robots.txt and tdmrep.json only when `rules`."""
        hidden = () if rules else ("/robots.txt", "/.well-known/tdmrep.json")
        return [seen.path for seen in self.requests if seen.path not in hidden]


class _Connection(asyncio.Protocol):
    def __init__(self, server: WebServer) -> None:
        self.server = server
        self.buffer = b""
        self.task: asyncio.Task[None] | None = None
        self.writable = asyncio.Event()
        self.writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server._open.add(self)
        self.server.connections += 1
        self.number = self.server.connections

    def connection_lost(self, exc: Exception | None) -> None:
        self.server._open.discard(self)
        self.writable.set()
        if self.task is not None:
            self.task.cancel()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def end(self) -> None:
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.buffer[:1] == b"\x16":  # TLS, which this server has not
            self.answer(400, b"no TLS here")
            self.transport.close()
            return
        if self.task is None and b"\r\n\r\n" in self.buffer:
            self.next()

    def next(self) -> None:
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        path = line.split(" ")[1]
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        self.server.requests.append(Seen(path, headers, time.monotonic(), self.number))
        if path.startswith("/picture/") and "?" not in path:  # no task for what a benchmark asks for
            self.answer(200, picture(path[9:]), {"Content-Type": "image/jpeg"})
            return
        self.task = asyncio.get_running_loop().create_task(self.serve(path, headers))

    def answer(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, announce: int | None = None
    ) -> None:
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body) if announce is None else announce}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.transport.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    async def serve(self, path: str, headers: dict[str, str]) -> None:
        server = self.server
        server.now += 1
        server.most_at_once = max(server.most_at_once, server.now)
        try:
            await self.route(path, headers)
        finally:
            server.now -= 1
            self.task = None
        if b"\r\n\r\n" in self.buffer and not self.transport.is_closing():
            self.next()

    async def route(self, path: str, asked: dict[str, str]) -> None:
        where, _, query = path.partition("?")
        parts = where.strip("/").split("/")
        kind, name = parts[0], parts[-1]
        image = {"Content-Type": "image/png" if name.endswith(".png") else "image/jpeg"}
        server = self.server
        server.times[path] += 1
        match kind:
            case "robots.txt" | ".well-known":
                rules = server.robots if kind == "robots.txt" else server.tdm
                if isinstance(rules, str) and rules.startswith("> "):
                    self.answer(302, b"", {"Location": rules[2:]})
                elif isinstance(rules, str):
                    self.answer(200, rules.encode())
                elif rules in (301, 302):
                    self.answer(rules, b"", {"Location": f"/moved-{kind}"})
                else:
                    self.answer(rules or 404, b"")
            case "moved-robots.txt":
                self.answer(200, b"User-agent: *\nDisallow: /private")
            case "picture":
                extra = dict(parse_qsl(query))
                body = picture(name)
                fields = "".join(f"{v.replace(':', ': ', 1)}\r\n" for k, v in parse_qsl(query) if k == "header")
                status = int(extra.get("status", "200"))
                if "type" in extra:
                    image["Content-Type"] = extra["type"]
                lines = f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body)}\r\n{fields}"
                lines += "".join(f"{k}: {v}\r\n" for k, v in image.items())
                self.transport.write(lines.encode("latin-1") + b"\r\n" + body)
            case "slow":
                await asyncio.sleep(float(parts[1]))
                self.answer(200, picture(name), image)
            case "drip":
                body = picture(name)
                self.answer(200, body[:-200], image, len(body))
                for i in range(len(body) - 200, len(body)):
                    self.transport.write(body[i : i + 1])
                    await asyncio.sleep(float(parts[1]))
            case "endless":
                self.transport.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + picture("0.jpg"))
                while True:
                    self.transport.write(bytes(65536))
                    await self.writable.wait()
                    await asyncio.sleep(0)
            case "announce":
                self.answer(200, b"\xff\xd8\xff", image, int(name))
            case "cut":
                self.answer(200, picture(name), image, len(picture(name)) + 1000)
                self.transport.close()
            case "more":
                body = picture(name)
                hidden = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nHIDDEN"
                self.answer(200, body + hidden, image, len(body))
            case "empty":
                self.answer(200, b"", image)
            case "page":
                self.answer(200, b"<!DOCTYPE html><html><body>Removed</body></html>", image)
            case "bomb.png":
                self.answer(200, bomb(), {"Content-Type": "image/png"})
            case "gzip":
                self.answer(200, _GZIP, {"Content-Encoding": "gzip", **image})
            case "garbage":
                self.transport.write(b"220 mail.example ESMTP\r\n")
                self.transport.close()
            case "reset":
                self.transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                self.transport.abort()
            case "redirect":
                hops = int(name)
                self.answer(302, b"moved", {"Location": f"/redirect/{hops - 1}" if hops > 1 else "/picture/0.jpg"})
            case "loop":
                self.answer(301, b"", {"Location": "/loop/" if where == "/loop" else "/loop"})
            case "to":
                self.answer(307, b"", {"Location": unquote(query)})
            case "nowhere":
                self.answer(302, b"")
            case "cached":
                tag = f'"{name}"'
                same = asked.get("if-none-match") == tag or asked.get("if-modified-since") == MODIFIED
                fields = {"ETag": tag, "Last-Modified": MODIFIED, **image, **dict([query.split(":")] if query else [])}
                if same:
                    self.transport.write(
                        b"HTTP/1.1 304 Not Modified\r\n"
                        + "".join(f"{k}: {v}\r\n" for k, v in fields.items()).encode()
                        + b"\r\n"
                    )
                else:
                    self.answer(200, picture(name), fields)
            case "status":
                self.answer(int(name), b"" if name == "304" else b"no")
            case "limited" | "limited-date":
                if server.times[path] > int(parts[1]):
                    self.answer(200, picture(name), image)
                else:
                    later = format_datetime(datetime.now(UTC) + timedelta(seconds=float(parts[2])), usegmt=True)
                    self.answer(429, b"", {"Retry-After": parts[2] if kind == "limited" else later})
            case "broken":
                good = server.times[path] > int(parts[1])
                self.answer(200 if good else 503, picture(name) if good else b"", image)
            case _:
                self.answer(404, b"")


if __name__ == "__main__":
    with WebServer() as running:
        print(running.url(""), flush=True)
        sys.stdin.read()
