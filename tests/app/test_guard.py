"""Who is let through, worked out request by request over an app that answers everything."""

from __future__ import annotations

import json
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from webiml.app.guard import POLICY, Guard

TOKEN = "a-token-of-this-run"
HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
HERE = "127.0.0.1:8000"
COOKIE = ("Cookie", f"webiml_8000={TOKEN}")


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str
    reached: bool  # whether the app was asked


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Says 200 and the path; /broken fails before its answer, /half within it, /cached has headers of its own."""
    path = scope["path"]
    if path == "/broken":
        raise ValueError("something inside")
    headers = [(b"Cache-Control", b"private, max-age=300")] if path == "/cached" else []
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": path.encode(), "more_body": True})
    if path == "/half":
        raise ValueError("something inside")
    await send({"type": "http.response.body", "body": b" done"})


def ask(
    *headers: tuple[str, str],
    method: str = "GET",
    path: str = "/",
    query: str = "",
    host: str | None = HERE,
    token: str | None = TOKEN,
    root: str = "",
    hosts: frozenset[str] | None = HOSTS,
) -> Answer:
    given = [*([("Host", host)] if host is not None else []), *headers]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "root_path": root,
        "query_string": query.encode("latin-1"),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given],
    }
    sent: list[Any] = []
    reached = []

    async def app(*arguments: Any) -> None:
        reached.append(True)
        await echo(*arguments)

    async def receive() -> Any:
        raise AssertionError("the guard reads no body")

    async def send(message: Any) -> None:
        sent.append(message)

    finish(Guard(app, token=token, hosts=hosts)(scope, receive, send))
    head = {name.decode().lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    assert len(head) == len(sent[0]["headers"]), "a header was sent twice"
    return Answer(sent[0]["status"], head, b"".join(one["body"] for one in sent[1:]).decode(), bool(reached))


def finish(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run what waits for nothing, so that no event loop is needed."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits for something")


def site(value: str, mode: str = "navigate", dest: str = "document") -> list[tuple[str, str]]:
    return [("Sec-Fetch-Site", value), ("Sec-Fetch-Mode", mode), ("Sec-Fetch-Dest", dest)]


@pytest.mark.parametrize(
    "headers",
    [
        [COOKIE],
        [("Cookie", f"other=1; webiml_8000={TOKEN}; more=2")],
        [("Cookie", "other=1"), COOKIE],
        [("Authorization", f"Bearer {TOKEN}")],
        [("Authorization", f"bearer   {TOKEN}")],
        [COOKIE, ("Origin", f"http://{HERE}"), *site("same-origin", "cors", "empty")],
        [COOKIE, ("Origin", f"https://{HERE}")],
        [COOKIE, *site("none")],
        [COOKIE, *site("cross-site")],
    ],
    ids=[
        "cookie",
        "among-others",
        "in-two-headers",
        "bearer",
        "small-b",
        "own-origin",
        "tls-before-us",
        "typed",
        "link",
    ],
)
def test_who_has_the_token_is_let_through(headers):
    answer = ask(*headers)
    assert (answer.status, answer.body) == (200, "/ done")


@pytest.mark.parametrize("host", ["localhost", "LocalHost:8000", "127.0.0.1", "[::1]:8000", "[::1]"])
def test_this_machine_has_several_names(host):
    assert ask(("Authorization", f"Bearer {TOKEN}"), host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8000",
        "localhost.",
        "localhost@evil.example",
        "127.0.0.1:8000, evil.example",
        "[::1",
        "[::2]",
        "127.0.0.1:999999",
        "127.0.0.1:8000\n",
        "",
        "lóc",
        None,
    ],
)
def test_another_name_is_refused_whatever_the_token(host):
    answer = ask(("Authorization", f"Bearer {TOKEN}"), host=host, path="/health")
    assert answer.status == 421 and not answer.reached
    assert "--allow-host" in json.loads(answer.body)["error"]


def test_two_hosts_are_none():
    assert ask(COOKIE, ("Host", HERE)).status == 421


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8000", "file://", "", "*"]
)
def test_an_origin_that_is_not_ours_is_refused(method, origin):
    answer = ask(COOKIE, ("Origin", origin), method=method)
    assert answer.status == 403 and not answer.reached


def test_one_good_origin_does_not_excuse_another():
    assert ask(COOKIE, ("Origin", f"http://{HERE}"), ("Origin", "null"), method="POST").status == 403


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", site("cross-site")),
        ("POST", site("same-site")),
        ("GET", site("cross-site", "no-cors", "image")),
        ("GET", site("cross-site", "navigate", "iframe")),
        ("GET", site("same-site", "cors", "empty")),
        ("GET", site("cross-site")[:1]),
    ],
    ids=["form", "other-port", "picture", "frame", "fetch", "nothing-but-the-site"],
)
def test_what_another_site_began_is_refused_unless_it_is_a_link_that_is_followed(method, headers):
    answer = ask(COOKIE, *headers, method=method)
    assert answer.status == 403 and not answer.reached


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Cookie", f"webiml_9999={TOKEN}")],
        [("Cookie", "webiml_8000=wrong")],
        [("Cookie", "webiml_8000=")],
        [("Cookie", f"xwebiml_8000={TOKEN}")],
        [("Cookie", "webiml_8000=\xff\xfe" + "a" * 100_000 + ";;;==")],
        [("Authorization", "Bearer wrong")],
        [("Authorization", "Bearer")],
        [("Authorization", f"Basic {TOKEN}")],
        [("Authorization", f"Bearer {TOKEN}\xe9")],
        [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer wrong")],
    ],
    ids=["none", "other-port", "wrong", "empty", "longer-name", "odd", "bearer", "bare", "basic", "accent", "twice"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_the_token_nobody_is(headers, method):
    answer = ask(*headers, method=method)
    assert answer.status == 401 and not answer.reached
    assert answer.headers["www-authenticate"] == "Bearer" and TOKEN not in answer.body


def test_a_person_gets_a_sentence_and_a_program_json():
    person, program = ask(("Accept", "text/html,*/*")), ask()
    assert person.headers["content-type"].startswith("text/plain") and person.body.startswith("This server wants its")
    assert json.loads(program.body) == {"error": person.body}
    head = ask(method="HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (401, "", str(len(program.body)))


@pytest.mark.parametrize(
    ("path", "query", "location"),
    [
        ("/", f"token={TOKEN}", "/"),
        ("/", f"a=1&token={TOKEN}&b=%2F%20x&c", "/?a=1&b=%2F%20x&c"),
        ("/case/a b", f"token={TOKEN}", "/case/a%20b"),
        ("//evil.example/x", f"token={TOKEN}", "/evil.example/x"),
        ("/\\evil.example", f"token={TOKEN}", "/evil.example"),
        ("/x\\\r\nSet-Cookie: a=b", f"token={TOKEN}&y=\r\nz: 1", "/x%5C%0D%0ASet-Cookie%3A%20a%3Db?y=%0D%0Az:%201"),
        ("/", "token=wrong&token=" + TOKEN.replace("-", "%2D"), "/"),
    ],
)
def test_the_token_moves_from_the_address_into_a_cookie(path, query, location):
    answer = ask(path=path, query=query)
    assert (answer.status, answer.headers["location"], answer.reached) == (303, location, False)
    assert answer.headers["set-cookie"] == f"webiml_8000={TOKEN}; Path=/; HttpOnly; SameSite=Strict"
    assert TOKEN not in answer.body


def test_a_link_from_elsewhere_leads_on_by_a_page_of_ours():
    answer = ask(*site("cross-site"), query=f"token={TOKEN}&a=1")
    assert (answer.status, answer.headers["refresh"]) == (200, "0; url=/?a=1")
    assert "set-cookie" in answer.headers and "location" not in answer.headers


@pytest.mark.parametrize(("method", "query"), [("GET", "token=wrong"), ("GET", "token="), ("POST", f"token={TOKEN}")])
def test_a_wrong_token_in_the_address_opens_nothing_and_a_right_one_nothing_but_pages(method, query):
    answer = ask(method=method, query=query)
    assert answer.status == 401 and "set-cookie" not in answer.headers


def test_one_path_is_open_and_nothing_that_only_begins_like_it():
    assert ask(path="/health").body == "/health done"
    assert ask(path="/app/health", root="/app").status == 200
    for path in ("/health/", "/health/../api", "/healthy", "//health", "/HEALTH", "/app/health"):
        assert ask(path=path).status == 401, path
    assert ask(("Origin", "http://evil.example"), path="/health").status == 403


def test_an_app_that_is_mounted_may_leave_token_and_host_to_others():
    assert ask(token=None, host="anything.example", hosts=None).status == 200
    assert ask(token=None).status == 200 and ask(token=None, host="evil.example").status == 421
    assert ask(("Origin", "http://evil.example"), token=None, hosts=None, method="POST").status == 403
    cookie = ask(path="/app/x", root="/app", query=f"token={TOKEN}").headers["set-cookie"]
    assert "; Path=/app;" in cookie


@pytest.mark.parametrize("path", ["/", "/broken", "/cached"])
@pytest.mark.parametrize("headers", [[COOKIE], [], [COOKIE, ("Origin", "null")]], ids=["in", "no-token", "cross"])
def test_every_answer_has_the_headers(path, headers):
    answer = ask(*headers, path=path)
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert (
        answer.headers["cross-origin-resource-policy"] == answer.headers["cross-origin-opener-policy"] == "same-origin"
    )
    cached = path == "/cached" and answer.reached
    assert answer.headers["cache-control"] == ("private, max-age=300" if cached else "no-store")


def test_what_goes_wrong_inside_is_a_sentence_without_what_it_was():
    answer = ask(COOKIE, path="/broken")
    assert answer.status == 500 and "inside" not in answer.body and "ValueError" not in answer.body
    with pytest.raises(ValueError, match="something inside"):  # the server then ends the connection
        ask(COOKIE, path="/half")


def test_websockets_are_refused_and_the_lifespan_passes():
    sent, seen = [], []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    guard = Guard(app, token=TOKEN, hosts=HOSTS)
    finish(guard({"type": "websocket", "headers": [(b"host", HERE.encode())]}, receive, send))
    finish(guard({"type": "lifespan"}, receive, send))
    assert [one["type"] for one in sent] == ["websocket.close"] and seen == ["lifespan"]


def test_every_request_is_an_event_that_holds_no_token(caplog):
    with caplog.at_level("INFO", logger="webiml"):
        ask(COOKIE, path="/x")
        ask(path="/y", query=f"token={TOKEN}")
        ask(path="/z")
    fields = [record.__dict__["fields"] for record in caplog.records]
    assert [(one["method"], one["path"], one["status"]) for one in fields] == [
        ("GET", "/x", 200),
        ("GET", "/y", 303),
        ("GET", "/z", 401),
    ]
    assert fields[2]["refused"] == "token" and TOKEN not in str(fields)
