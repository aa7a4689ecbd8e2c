"""A server of our own in a process of its own: what it answers, whom it waits for, how it ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from webiml.app.run import TOKEN_VARIABLE, address, allowed_hosts, bind, is_local, read_token
from webiml.errors import SettingError

SERVER = """
import asyncio, json, sys
from webiml.app import run

run.HEADER_SECONDS = 0.4

async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("no lifespan here")
    if scope["path"] == "/broken":
        raise ValueError("something inside")
    if scope["path"] == "/slow":
        await asyncio.sleep(0.8)
    body = json.dumps({"client": scope["client"][0], "path": scope["path"]}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})

listener = run.bind("127.0.0.1", 0)
run.run_app(app, listener, lambda: print(listener.getsockname()[1], flush=True), connections=4)
print("ended", flush=True)
"""


def start() -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-c", SERVER]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def end(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str, str]:
    process.send_signal(number)
    out, errors = process.communicate(timeout=20)
    return process.returncode, out, errors


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    process, port = start()
    yield port
    assert end(process, signal.SIGINT) == (0, "ended\n", "")


def exchange(port: int, request: bytes, more: bytes = b"", pause: float = 0.1) -> bytes:
    """What comes until the server closes the connection, while `more` is sent byte by byte."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(request)
        for byte in more:
            time.sleep(pause)
            try:
                client.sendall(bytes([byte]))
            except OSError:
                break
        answer = b""
        try:
            while part := client.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
        return answer


GET = b"GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"


def test_it_answers_and_says_nothing_of_itself(port):
    answer = exchange(port, GET + b"X-Forwarded-For: 10.1.2.3\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200") and b"server:" not in head.lower()
    assert json.loads(body) == {"client": "127.0.0.1", "path": "/x"}


def test_a_websocket_is_a_request_like_any_other(port):
    upgrade = GET.replace(b"close", b"Upgrade, close") + b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    assert exchange(port, upgrade + b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_what_breaks_inside_reaches_nobody(port):
    answer = exchange(port, GET.replace(b"/x", b"/broken") + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 500") and b"inside" not in answer


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00 hello\r\n\r\n",
        GET + b"Cookie: " + b"a" * 400_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=["tls", "huge-cookie", "no-host"],
)
def test_what_is_no_request_is_refused(port, request_bytes):
    assert exchange(port, request_bytes).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    ("request_bytes", "more", "answered"),
    [
        (b"", b"", False),
        (GET, b"X: " + b"a" * 40, False),
        (GET.replace(b"close", b"keep-alive") + b"\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 40, True),
        (GET.replace(b"GET", b"POST") + b"Content-Length: 1000\r\n\r\n", b"a" * 40, True),
    ],
    ids=["nothing", "first-lines", "second-request", "body-that-nobody-reads"],
)
def test_a_byte_now_and_then_holds_no_connection(port, request_bytes, more, answered):
    started = time.monotonic()
    answer = exchange(port, request_bytes, more)
    assert time.monotonic() - started < 3  # and not the 4 seconds and more that the bytes would take
    assert answer.startswith(b"HTTP/1.1 200") == answered and bool(answer) == answered


def test_one_connection_too_many_is_told_so(port):
    slow = GET.replace(b"/x", b"/slow") + b"\r\n"
    held = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(4)]
    for client in held[:3]:
        client.sendall(slow)
    time.sleep(0.2)
    assert exchange(port, GET + b"\r\n").startswith(b"HTTP/1.1 503")
    for client in held[:3]:
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
    for client in held:
        client.close()


def test_sigterm_finishes_what_is_being_answered_and_is_no_failure():
    process, port = start()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(GET.replace(b"/x", b"/slow") + b"\r\n")
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
    out, errors = process.communicate(timeout=20)
    assert (process.returncode, out, errors) == (0, "ended\n", "")


def test_a_port_that_is_taken_is_said():
    with bind("127.0.0.1", 0) as listener:
        taken = listener.getsockname()[1]
        with pytest.raises(SettingError, match=f"Port {taken} of 127.0.0.1 is taken; leave --port out"):
            bind("127.0.0.1", taken)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.7", "a" * 70, "1.2.3.4.5"])
def test_a_host_that_is_none_of_this_machine_is_said(host):
    with pytest.raises(SettingError, match=f"--host {host}"):
        bind(host, 0)


def test_the_loopback_of_ipv6_is_written_in_brackets():
    try:
        listener = bind("::1", 0)
    except SettingError:
        pytest.skip("this machine has no IPv6")
    with listener:
        port = listener.getsockname()[1]
        assert address(listener, "::1") == address(listener, "[::1]") == f"http://[::1]:{port}/"
        assert address(listener, "localhost") == f"http://localhost:{port}/"


def test_others_may_only_connect_by_a_name_that_was_given():
    local = {"localhost", "127.0.0.1", "::1"}
    assert allowed_hosts("127.0.0.1", ()) == allowed_hosts("[::1]", ()) == allowed_hosts("localhost", ()) == local
    assert allowed_hosts("127.0.0.2", ()) == local | {"127.0.0.2"}
    assert allowed_hosts("0.0.0.0", ("Masks.example.org", "[2001:db8::1]")) == local | {
        "masks.example.org",
        "2001:db8::1",
    }
    for host in ("0.0.0.0", "::", "192.168.1.2", "masks.example.org"):
        assert not is_local(host)
        with pytest.raises(SettingError, match="say with --allow-host"):
            allowed_hosts(host, ())
    for name in ("example.org:8000", "http://example.org", "*", "", "a b"):
        with pytest.raises(SettingError, match="--allow-host takes a name"):
            allowed_hosts("0.0.0.0", (name,))


def test_the_token_is_new_in_every_run_or_that_of_the_environment(monkeypatch):
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    assert len(read_token()) >= 43 and read_token() != read_token()
    monkeypatch.setenv(TOKEN_VARIABLE, "0123456789abcdef")
    assert read_token() == "0123456789abcdef"
    for wrong in ("", "0123456789abcde", "0123456789abcde;", "0123456789 abcdef", "0123456789abcdéf"):
        monkeypatch.setenv(TOKEN_VARIABLE, wrong)
        with pytest.raises(SettingError, match="WEBIML_TOKEN must have 16"):
            read_token()
