"""What a client may not do, and what becomes of work that fails: a sentence and an event each, and never a 500."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from tests.app.serving import Server, png, red, serving, until
from tests.localize.tiny_localizer import write_tiny

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes through /proc")

TOKEN = "a-token-for-the-tests"
GOOD = png(red(12, 20))


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    weights = str(write_tiny(tmp_path_factory.mktemp("weights")))
    limits = {"queue": 3, "seconds": 2.0, "body_seconds": 0.5, "workers": 1, "max_body_mb": 0.2, "max_megapixels": 1.0}
    folder = tmp_path_factory.mktemp("server")
    with serving(folder, token=TOKEN, weights=weights, **limits) as running:
        yield running
        assert running.written() == []
        assert not [event for event in running.events() if event["event"] == "request" and event["status"] == 500]


@pytest.fixture(scope="module")
def client(server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30, headers={"Authorization": f"Bearer {TOKEN}"}) as one:
        assert one.post("/localize", content=GOOD).status_code == 200  # its process has started
        yield one


def form(*parts: bytes, end: bytes = b"--b--\r\n") -> dict[str, object]:
    """The arguments of a request with a form of these parts, as they are."""
    body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + end
    return {"content": body, "headers": {"Content-Type": "multipart/form-data; boundary=b"}}


def part(name: bytes, data: bytes, file_name: bytes = b"x") -> bytes:
    return b'Content-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n%s' % (name, file_name, data)


def bomb(side: int) -> bytes:
    """A PNG that says that it has side x side pixels, and holds nothing."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1000))
    chunks = (struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in (header, data))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def jpeg() -> bytes:
    import cv2

    return cv2.imencode(".jpg", red(30, 30))[1].tobytes()


TYPE, FORM = "Content-Type", "multipart/form-data"
HOSTILE: dict[str, tuple[int, str, dict[str, object]]] = {
    "bomb": (422, "too_many_pixels", {"content": bomb(60_000)}),
    "just above the limit": (422, "too_many_pixels", {"content": bomb(1001)}),
    "truncated": (422, "truncated", {"content": jpeg()[:300]}),
    "page": (422, "not_an_image", {"content": b"<html>", "headers": {TYPE: "image/png"}}),
    "too small": (422, "too_small", {"content": png(red(1, 1, (15, 40)))}),
    "no bytes": (422, "empty_file", {"content": b""}),
    "no bytes in a form": (422, "empty_file", form(part(b"picture", b""))),
    "form of an address": (415, "content_type", {"data": {"picture": "x"}}),
    "compressed": (415, "content_encoding", {"content": GOOD, "headers": {"Content-Encoding": "gzip"}}),
    "large": (413, "too_many_bytes", {"content": bytes(200_001)}),
    "large in a form": (413, "too_many_bytes", form(part(b"picture", bytes(300_000)))),
    "large without a length": (413, "too_many_bytes", {"content": iter([bytes(50_000)] * 5)}),
    "form without a boundary": (400, "malformed", {"content": b"x", "headers": {TYPE: FORM}}),
    "boundary of 10 kB": (400, "malformed", {"content": b"x", "headers": {TYPE: f"{FORM}; boundary={'b' * 10_000}"}}),
    "no form": (400, "malformed", {**form(), "content": b"no form at all"}),
    "form that ends early": (400, "cut_short", form(part(b"picture", GOOD), end=b"")),
    "form without the field": (400, "missing_field", form()),
    "other field": (400, "unknown_field", form(part(b"file", GOOD))),
    "huge other field": (400, "unknown_field", form(part(b"note", bytes(100_000)))),
    "thousands of parts": (400, "repeated_field", form(*[part(b"picture", b"x")] * 2000)),
    "thousands of headers": (400, "malformed", form(b"X: y\r\n" * 2000 + b"\r\n")),
    "part without a name": (400, "unknown_field", form(b"Content-Disposition: form-data\r\n\r\nx")),
    "part without headers": (400, "unknown_field", form(b"\r\nx")),
    "file name of 10 kB": (400, "malformed", form(part(b"picture", GOOD, b"x" * 10_000))),
    "unknown map": (400, "malformed", {"content": GOOD, "params": {"picture": "../mask"}}),
    "accepts nothing": (406, "not_acceptable", {"content": GOOD, "headers": {"Accept": "x" * 5000}}),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_cannot_be_answered_is_refused_with_a_sentence_and_an_event(client, server, name):
    status, reason, arguments = HOSTILE[name]
    before = len(server.refused())
    answer = client.post("/localize", **arguments)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert answer.json()["error"].endswith(".") and len(answer.json()["error"]) < 200
    assert server.refused()[before:] == [reason]


@pytest.mark.parametrize(
    "name", [b"../../etc/passwd", b"x\0y", b"C:\\x", "漢".encode(), b"x" * 5000, b'"; name="other']
)
def test_the_name_of_a_file_goes_nowhere(client, name):
    answer = client.post("/localize", **form(part(b"picture", GOOD, name)))
    assert answer.status_code in (200, 400)  # the last one ends the name and begins another one
    assert answer.status_code == 200 or name.startswith(b'"')


def raw(server: Server, *pieces: bytes, wait: float = 10) -> bytes:
    """All that the service answers to bytes as they are."""
    with socket.create_connection(server.host, timeout=wait) as line:
        for piece in pieces:
            line.sendall(piece)
        found = b""
        while more := line.recv(65536):
            found += more
            if found.endswith(b"}"):
                break
        return found


def head(*lines: str) -> bytes:
    first = ["POST /localize HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {TOKEN}", *lines]
    return "\r\n".join([*first, "", ""]).encode()


@pytest.mark.parametrize(
    "pieces",
    [(head("Content-Length: 5000"), b"slow"), (head("Transfer-Encoding: chunked"), b"4\r\nslow\r\n")],
    ids=["slow", "chunked without end"],
)
def test_a_body_that_does_not_come_is_not_waited_for(server, client, pieces):
    assert raw(server, *pieces).startswith(b"HTTP/1.1 408 ") and server.refused()[-1] == "too_slow"


def test_bytes_behind_the_body_are_no_part_of_it(server, client):
    answer = raw(server, head(f"Content-Length: {len(GOOD)}"), GOOD, b"more than was said")
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_client_that_leaves_in_the_middle_leaves_nothing_behind(server, client):
    before = server.refused().count("cut_short")
    with socket.create_connection(server.host) as line:
        line.sendall(head("Content-Length: 5000") + b"some")
    until(lambda: server.refused().count("cut_short") > before)
    assert "webiml_held_body_bytes 0.0" in client.get("/metrics").text


def test_a_client_that_asks_first_hears_the_refusal_before_it_sends(server, client):
    answer = raw(server, head("Content-Length: 999999999", "Expect: 100-continue"))
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "line", ["X: " + "y" * 100_000, "Content-Length: -5", "Content-Length: 1e3", "Content-Length: ٣"]
)
def test_headers_beyond_reason_are_refused(server, client, line):
    assert raw(server, head(line)).startswith(b"HTTP/1.1 4")


def test_without_the_token_only_health_is_answered(server, client):
    with httpx.Client(base_url=server.url) as stranger:
        assert stranger.get("/health").json()["status"] == "ok"
        for method, path in (("POST", "/localize"), ("GET", "/metrics"), ("GET", "/docs"), ("GET", "/")):
            assert stranger.request(method, path).status_code == 401


def paused(server: Server) -> int:
    (worker,) = server.workers()
    os.kill(worker, signal.SIGSTOP)
    return worker


def in_work(client: httpx.Client, requests: int) -> None:
    until(lambda: f"webiml_requests_inside {requests}.0" in client.get("/metrics").text)


def at_work(client: httpx.Client) -> None:
    """Wait until a process has been given its job; before, it could die and cost nothing."""
    until(lambda: "webiml_requests_running 1.0" in client.get("/metrics").text)


def test_one_more_than_the_queue_holds_is_sent_away_and_none_of_the_others_is_lost(server, client):
    worker = paused(server)
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(client.post, "/localize", content=GOOD) for _ in range(3)]
        in_work(client, 3)
        refused = client.post("/localize", content=GOOD)
        os.kill(worker, signal.SIGCONT)
        assert [one.result().status_code for one in waiting] == [200, 200, 200]
    assert (refused.status_code, refused.json()["reason"]) == (503, "queue_full")
    assert int(refused.headers["retry-after"]) > 0


def test_work_that_was_not_begun_when_its_client_left_is_never_done(server, client):
    worker = paused(server)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.post, "/localize", content=GOOD)
        in_work(client, 1)
        with socket.create_connection(server.host) as line:
            line.sendall(head(f"Content-Length: {len(GOOD)}") + GOOD)
            in_work(client, 2)
        in_work(client, 1)
        os.kill(worker, signal.SIGCONT)
        assert first.result().status_code == 200
    assert "client_left" in server.refused()


def test_work_whose_process_is_killed_is_said_to_be_lost_and_the_next_is_done(server, client):
    worker = paused(server)
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(client.post, "/localize", content=GOOD)
        at_work(client)
        os.kill(worker, signal.SIGKILL)
        answer = lost.result()
    assert (answer.status_code, answer.json()["reason"]) == (503, "worker_died")
    assert client.post("/localize", content=GOOD).status_code == 200
    assert 'webiml_workers_ended_total{reason="died"} 1.0' in client.get("/metrics").text


def test_a_process_that_died_while_it_waited_costs_nobody_anything(server, client):
    (worker,) = server.workers()
    os.kill(worker, signal.SIGKILL)
    process = Path(f"/proc/{worker}")
    until(lambda: " Z " in (process / "stat").read_text() and len(list((process / "task").iterdir())) == 1)
    assert client.post("/localize", content=GOOD).status_code == 200


def test_work_that_takes_too_long_is_stopped_and_the_next_is_done(server, client):
    paused(server)
    late = client.post("/localize", content=GOOD)
    assert (late.status_code, late.json()["reason"]) == (503, "too_slow")
    assert client.post("/localize", content=GOOD).status_code == 200
    ended = [event["reason"] for event in server.events() if event["event"] == "worker_ended"]
    assert ended[-1] == "too_slow"


def test_every_event_is_a_line_of_json_without_what_was_sent(server, client):
    text = server.log.read_text()
    assert TOKEN not in text and "etc/passwd" not in text and "Traceback" not in text
    assert all(json.loads(line)["event"] for line in text.splitlines())
