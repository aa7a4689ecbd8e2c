import asyncio
import hashlib
import io
import socket
import time

import aiohttp
import pytest
from PIL import Image
from tests.collect.fetching import IMPATIENT, fetch, fetch_all, impatient
from tests.collect.web_server import MODIFIED, WebServer, picture, sha256

from webiml import __version__
from webiml.collect import connect as connect_module
from webiml.collect import get as get_module
from webiml.collect.addresses import PrivateAddress, allow_public
from webiml.collect.connect import checked_connector
from webiml.collect.fetch import Fetcher, Patience, inspect
from webiml.collect.get import retry_after
from webiml.types import LinkReason, LinkStatus

FETCHED = (LinkStatus.FETCHED, None)


def of(fetched):
    return fetched.status, fetched.reason


@pytest.fixture(scope="module")
def shared():
    """A server whose log nobody looks at."""
    with WebServer() as server:
        yield server


def test_a_picture_comes_with_what_its_bytes_say(shared):
    one = fetch(shared.url("/picture/7.png?type=text/html"))
    assert of(one) == FETCHED
    assert one.data == picture("7.png")
    assert (one.extension, one.height, one.width) == (".png", 48, 64)
    assert one.sha256 == hashlib.sha256(picture("7.png")).hexdigest()
    assert (one.http_status, one.redirects, one.attempts, one.final_url) == (200, 0, 1, None)
    assert one.content_type == "text/html"  # kept, not believed


def test_who_asks_says_who_it_is_and_nothing_else():
    with WebServer() as server:
        path = "/picture/1.jpg?header=Set-Cookie:a=b"
        base = server.url("").replace("127.0.0.1", "localhost")  # numbers have no cookies anyway
        fetch_all([base + path, f"{base}/picture/2.jpg"], host_connections=1)
    for seen in server.requests:
        assert seen.headers["user-agent"] == f"webiml/{__version__} (+tests@example.org)"
        assert seen.headers["accept-encoding"] == "identity"
        assert not {"cookie", "authorization", "referer"} & set(seen.headers)
    assert len({seen.connection for seen in server.requests}) == 1


def test_an_address_reaches_the_server_as_it_was_given():
    with WebServer() as server:
        fetch(server.url("/picture/a%7Eb%2Bc.jpg?x=%2B+y"))
    assert server.paths() == ["/picture/a%7Eb%2Bc.jpg?x=%2B+y"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/status/404", LinkReason.GONE),
        ("/status/410", LinkReason.GONE),
        ("/status/401", LinkReason.FORBIDDEN),
        ("/status/403", LinkReason.FORBIDDEN),
        ("/status/451", LinkReason.FORBIDDEN),
        ("/status/429", LinkReason.RATE_LIMITED),
        ("/status/500", LinkReason.SERVER_ERROR),
        ("/status/206", LinkReason.HTTP_ERROR),
        ("/status/304", LinkReason.HTTP_ERROR),
        ("/status/418", LinkReason.HTTP_ERROR),
        ("/empty", LinkReason.EMPTY),
        ("/page", LinkReason.NOT_AN_IMAGE),
        ("/bomb.png", LinkReason.TOO_MANY_PIXELS),
        ("/gzip", LinkReason.NOT_AN_IMAGE),
        ("/announce/100000000001", LinkReason.TOO_BIG),
        ("/endless", LinkReason.TOO_BIG),
        ("/cut/1.jpg", LinkReason.CUT_SHORT),
        ("/reset", LinkReason.NO_CONNECTION),
        ("/garbage", LinkReason.NO_CONNECTION),
        ("/loop", LinkReason.TOO_MANY_REDIRECTS),
        ("/nowhere", LinkReason.TOO_MANY_REDIRECTS),
        ("/redirect/6", LinkReason.TOO_MANY_REDIRECTS),
    ],
)
def test_what_goes_wrong_has_a_reason(shared, path, reason):
    one = fetch(shared.url(path), retries=0, max_megabytes=1)
    assert of(one) == (LinkStatus.FAILED, reason)
    assert one.detail
    assert (one.data, one.sha256, one.extension) == (None, None, None)
    assert one.attempts == 1


def test_a_packed_body_is_not_unpacked(shared):
    one = fetch(shared.url("/gzip"))
    assert "packed as gzip" in one.detail and "a gzip archive" in one.detail


def test_redirects_are_followed(shared):
    one = fetch(shared.url("/redirect/5"))
    assert of(one) == FETCHED
    assert one.final_url == shared.url("/picture/0.jpg")
    assert (one.redirects, one.attempts, one.sha256) == (5, 1, sha256("0.jpg"))


def test_a_circle_is_left_at_once():
    with WebServer() as server:
        one = fetch(server.url("/loop"))
    assert "circle" in one.detail
    assert server.paths() == ["/loop", "/loop/"]


@pytest.mark.parametrize("target", ["ftp://example.com/a", "http://u:p@example.com/", "http://127.1/", "file:///etc"])
def test_a_redirect_to_no_address_of_the_web_is_refused(shared, target):
    assert of(fetch(shared.url(f"/to?{target}"))) == (LinkStatus.REFUSED, LinkReason.BAD_ADDRESS)


@pytest.mark.parametrize("url", ["", "ftp://example.com/a", "http://u:p@127.0.0.1/", "http://2130706433/", "\ud800"])
def test_what_is_no_address_is_refused_without_a_request(url):
    one = fetch(url)
    assert of(one) == (LinkStatus.REFUSED, LinkReason.BAD_ADDRESS)
    assert one.attempts == 0


NO_SUCH_HOST = LinkReason.NO_SUCH_HOST
PRIVATE = (LinkStatus.REFUSED, LinkReason.PRIVATE_ADDRESS)


def test_private_hosts_are_never_asked():
    with WebServer() as server:
        hosts = ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "0.0.0.0")
        fetched = fetch_all([f"http://{host}:{server.port}/picture/1.jpg" for host in hosts], allow_private=False)
        assert [of(one) for one in fetched] == [PRIVATE] * len(hosts)
        assert server.connections == 0
        assert fetched[0].detail == "127.0.0.1 is not public"
        # Some resolvers know no name with a full stop behind it; then it is no host at all
        assert fetch(f"http://localhost.:{server.port}/", allow_private=False).reason in (PRIVATE[1], NO_SUCH_HOST)
        assert server.connections == 0
    assert {one.attempts for one in fetched} == {0}


@pytest.mark.parametrize("answer", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["8.8.8.8", "::1"], ["169.254.169.254"]])
def test_a_name_with_one_private_address_is_refused(answer):
    def lookup(host, port, **_):
        return [(socket.AF_INET6 if ":" in a else socket.AF_INET, 1, 6, "", (a, port)) for a in answer]

    with WebServer() as server:
        one = fetch(f"http://pictures.example:{server.port}/1.jpg", allow_private=False, fetcher={"lookup": lookup})
        assert server.connections == 0
    assert of(one) == PRIVATE
    assert "pictures.example is" in one.detail


def test_a_name_that_means_another_machine_the_second_time_is_refused(monkeypatch):
    """127.0.0.2 plays the public host, 127.0.0.1 the private one."""
    monkeypatch.setattr(connect_module, "DNS_SECONDS", 0)
    asked = []

    def lookup(host, port, **_):
        asked.append(host)
        return [(socket.AF_INET, 1, 6, "", ("127.0.0.2" if len(asked) == 1 else "127.0.0.1", port))]

    def allow(address, port):
        return str(address) == "127.0.0.2"

    with WebServer() as private, WebServer(host="127.0.0.2", port=private.port) as public:
        # Its connection ends with the first answer, so that the second attempt has to look the name up again
        url = f"http://pictures.example:{private.port}/cut/1.jpg"
        one = fetch(url, fetcher={"lookup": lookup, "allow": allow}, retries=1)
        assert private.connections == 0
    assert of(one) == PRIVATE
    assert public.paths() == ["/cut/1.jpg"]
    assert len(asked) == 2


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:{other}/picture/1.jpg",
        "http://localhost:{other}/picture/1.jpg",
        "//127.0.0.1:{other}/picture/1.jpg",
        "http://[::1]:{other}/",
        "http://169.254.169.254/",
    ],
)
def test_a_redirect_to_a_private_host_is_refused(target):
    with WebServer() as private, WebServer() as public:

        def allow(address, port):
            return port == public.port

        one = fetch(public.url(f"/to?{target.format(other=private.port)}"), fetcher={"allow": allow})
        assert private.connections == 0
    assert of(one) == PRIVATE
    assert one.redirects == 1


def test_a_robots_txt_that_leads_to_a_private_host_is_not_followed():
    with WebServer() as private, WebServer() as public:
        public.robots = f"> {private.url('/picture/1.jpg')}"
        one = fetch(public.url("/picture/1.jpg"), fetcher={"allow": lambda address, port: port == public.port})
        assert private.connections == 0
    assert of(one) == (LinkStatus.REFUSED, LinkReason.ROBOTS)
    assert public.paths() == []


def test_no_connection_is_made_even_where_nobody_looked_before():
    async def run(url: str) -> None:
        connector, _ = checked_connector(allow_public, socket.getaddrinfo)
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await session.get(url)
            assert isinstance(caught.value.os_error, PrivateAddress)

    with WebServer() as server:
        asyncio.run(run(server.url("/picture/1.jpg")))
        assert server.connections == 0


def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    with WebServer() as proxy, WebServer() as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(""))
        assert of(fetch(server.url("/picture/1.jpg"))) == FETCHED
        assert proxy.connections == 0


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("X-Robots-Tag:noai", "noai"),
        ("X-Robots-Tag:nofollow,%20noimageai", "noimageai"),
        ("X-Robots-Tag:all&header=X-Robots-Tag:webiml:%20noindex", "noindex"),
        ("tdm-reservation:1", "TDM-Reservation: 1"),
    ],
)
def test_a_picture_that_opts_out_is_not_kept(shared, header, words):
    one = fetch(shared.url(f"/picture/1.jpg?header={header}"))
    assert of(one) == (LinkStatus.REFUSED, LinkReason.OPTED_OUT)
    assert words in one.detail
    assert (one.data, one.attempts, one.http_status) == (None, 1, 200)


def test_what_is_said_to_others_does_not_count(shared):
    path = "/picture/1.jpg?header=X-Robots-Tag:googlebot:%20noai&header=TDM-Reservation:0"
    assert of(fetch(shared.url(path))) == FETCHED


def test_a_picture_that_did_not_change_is_not_sent_again(shared):
    url = shared.url("/cached/1.jpg")
    first = fetch(url)
    assert (first.etag, first.last_modified) == ('"1.jpg"', MODIFIED)
    for ask in ({"etag": first.etag}, {"last_modified": first.last_modified}):
        again = fetch(url, ask=ask)
        assert (again.status, again.reason, again.data, again.http_status) == (LinkStatus.UNCHANGED, None, None, 304)
    assert of(fetch(url, ask={"etag": '"other"'})) == FETCHED


def test_an_opt_out_counts_for_an_unchanged_picture_too(shared):
    one = fetch(shared.url("/cached/1.jpg?X-Robots-Tag:noai"), ask={"etag": '"1.jpg"'})
    assert of(one) == (LinkStatus.REFUSED, LinkReason.OPTED_OUT)


def test_a_tag_that_is_no_header_is_not_sent(shared):
    one = fetch(shared.url("/cached/1.jpg"), ask={"etag": 'a\r\nHost: b"', "last_modified": "é"})
    assert of(one) == FETCHED


def test_other_bytes_than_expected_are_not_kept(shared):
    url = shared.url("/picture/1.jpg")
    assert of(fetch(url, ask={"expected_sha256": sha256("1.jpg").upper()})) == FETCHED
    one = fetch(url, ask={"expected_sha256": sha256("2.jpg")})
    assert of(one) == (LinkStatus.FAILED, LinkReason.HASH_MISMATCH)
    assert sha256("1.jpg") in one.detail and one.data is None


def test_a_first_byte_that_is_late_is_a_timeout_and_asked_for_again():
    with WebServer() as server:
        one = fetch(server.url("/slow/30/1.jpg"), read_seconds=0.1, retries=1)
    assert of(one) == (LinkStatus.FAILED, LinkReason.TIMEOUT)
    assert one.attempts == 2
    assert len(server.paths()) == 2


def test_a_drip_is_too_slow():
    with WebServer() as server:
        begun = time.monotonic()
        one = fetch(server.url("/drip/0.02/1.jpg"))
        assert time.monotonic() - begun < 5
    assert of(one) == (LinkStatus.FAILED, LinkReason.TOO_SLOW)
    assert "bytes a second" in one.detail
    assert one.attempts == 1


def test_a_link_has_a_time_in_all(shared):
    one = fetch(shared.url("/drip/0.02/1.jpg"), least_rate=0, total_seconds=0.3)
    assert of(one) == (LinkStatus.FAILED, LinkReason.TOO_SLOW)
    assert "0.3 s" in one.detail


def test_a_drip_that_is_fast_enough_comes_whole(shared):
    one = fetch(shared.url("/drip/0.002/1.jpg"), least_rate=10)
    assert one.data == picture("1.jpg")


def test_a_name_server_that_does_not_answer_is_a_timeout():
    def lookup(host, port, **_):
        time.sleep(0.4)
        raise socket.gaierror(socket.EAI_AGAIN, "later")

    one = fetch("http://pictures.example/1.jpg", connect_seconds=0.1, retries=0, fetcher={"lookup": lookup})
    assert of(one) == (LinkStatus.FAILED, LinkReason.TIMEOUT)
    assert one.attempts == 0  # its robots.txt could not be asked for


@pytest.mark.parametrize(("code", "lookups"), [(socket.EAI_NONAME, 1), (socket.EAI_AGAIN, 3)])
def test_a_host_that_does_not_exist_is_asked_for_again_only_when_that_may_help(code, lookups):
    asked = []

    def lookup(host, port, **_):
        asked.append(host)
        raise socket.gaierror(code, "no such name")

    urls = [f"http://pictures.example/{i}.jpg" for i in range(4)]
    fetched = fetch_all(urls, retries=2, fetcher={"lookup": lookup})
    assert {of(one) for one in fetched} == {(LinkStatus.FAILED, LinkReason.NO_SUCH_HOST)}
    assert len(asked) == lookups


def test_a_name_that_no_resolver_takes_is_no_host():
    one = fetch(f"http://{'a' * 64}.example/1.jpg")
    assert of(one) == (LinkStatus.FAILED, LinkReason.NO_SUCH_HOST)


def test_tls_with_a_server_that_has_none_is_no_connection_and_not_tried_again():
    with WebServer() as server:
        one = fetch(server.url("/picture/1.jpg").replace("http:", "https:"), retries=3)
        assert server.connections == 1
    assert of(one) == (LinkStatus.FAILED, LinkReason.NO_CONNECTION)


def test_a_server_that_fails_for_a_while_is_asked_again():
    with WebServer() as server:
        good, bad = fetch_all([server.url("/broken/2/1.jpg"), server.url("/broken/9/1.jpg")], retries=2)
    assert (*of(good), good.attempts) == (*FETCHED, 3)
    assert (*of(bad), bad.attempts) == (LinkStatus.FAILED, LinkReason.SERVER_ERROR, 3)


@pytest.mark.parametrize(("kind", "least"), [("limited", 0.95), ("limited-date", 0.0)])
def test_a_host_that_asks_for_rest_gets_it_from_every_link(kind, least):
    with WebServer() as server:
        urls = [server.url(f"/{kind}/1/1/1.jpg"), *(server.url(f"/picture/{i}.jpg") for i in range(5))]
        fetched = fetch_all(urls, host_connections=1)
    assert {of(one) for one in fetched} == {FETCHED}
    assert fetched[0].attempts == 2
    first, second = [seen.at for seen in server.requests if "robots" not in seen.path and "known" not in seen.path][:2]
    assert second - first > least


def test_a_host_that_asks_for_too_much_rest_is_not_asked_again():
    with WebServer() as server:
        urls = [server.url("/limited/9/3600/1.jpg"), *(server.url(f"/picture/{i}.jpg") for i in range(5))]
        first, *others = fetch_all(urls, host_connections=1)
    assert server.paths() == ["/limited/9/3600/1.jpg"]
    assert (*of(first), first.attempts) == (LinkStatus.FAILED, LinkReason.RATE_LIMITED, 1)
    assert first.http_status == 429
    assert {(*of(one), one.attempts) for one in others} == {(LinkStatus.FAILED, LinkReason.RATE_LIMITED, 0)}


def test_requests_at_once_are_limited():
    with WebServer() as server:
        fetch_all([server.url(f"/slow/0.02/{i}.jpg") for i in range(20)], host_connections=3)
        assert server.most_at_once == 3


def test_requests_at_once_of_all_hosts_are_limited():
    with WebServer() as a, WebServer() as b:
        # Two names for one machine, so that only the limit of all links holds
        paths = [f":{server.port}/slow/0.02/{i}.jpg" for server in (a, b) for i in range(5)]
        urls = [f"http://{host}{path}" for host in ("localhost", "127.0.0.1") for path in paths]
        fetch_all(urls, host_connections=10, connections=2)
        assert a.most_at_once + b.most_at_once <= 4
        assert max(a.most_at_once, b.most_at_once) <= 2


def test_the_rate_of_a_host_is_kept():
    with WebServer() as server:
        fetch_all([server.url(f"/picture/{i}.jpg") for i in range(4)], host_rate=20)
    at = [seen.at for seen in server.requests]  # with robots.txt and tdmrep.json
    assert at[-1] - at[0] > 5 * 0.05 - 0.02


def test_what_a_server_sends_behind_an_answer_is_no_answer():
    """It announces less than it sends; the rest has the form of an answer to the next request."""
    with WebServer() as server:
        urls = [server.url(f"/{kind}/{i}.jpg") for i in range(10) for kind in ("more", "picture")]
        fetched = fetch_all(urls, host_connections=1)
    assert [one.sha256 for one in fetched] == [sha256(f"{i}.jpg") for i in range(10) for _ in range(2)]


def test_large_bodies_take_turns(monkeypatch):
    monkeypatch.setattr(get_module, "LARGE", 100)
    monkeypatch.setattr(get_module, "LARGE_AT_ONCE", 1)
    done = []

    async def run() -> None:
        async with Fetcher(impatient(least_rate=1), patience=IMPATIENT) as fetcher:

            async def one(path: str) -> None:
                assert of(await fetcher.fetch(server.url(path))) == FETCHED
                done.append(path)

            first = asyncio.create_task(one("/drip/0.002/1.jpg"))
            await asyncio.sleep(0.2)  # its first bytes have come
            await asyncio.gather(first, one("/picture/2.jpg"), one("/picture/3.jpg"))

    with WebServer() as server:
        asyncio.run(run())
    assert done[0] == "/drip/0.002/1.jpg"
    assert len(done) == 3


def test_429_without_a_time_stops_the_other_links_for_a_moment():
    with WebServer() as server:
        urls = [server.url("/status/429"), server.url("/picture/1.jpg")]
        patience = Patience(back_off_seconds=0.4)
        fetch_all(urls, host_connections=1, retries=1, fetcher={"patience": patience})
    first, second = [seen.at for seen in server.requests if "robots" not in seen.path and "known" not in seen.path][:2]
    assert second - first > 0.19


def test_a_link_that_is_given_up_leaves_nothing_behind():
    async def run() -> None:
        async with Fetcher(impatient(host_connections=1), patience=IMPATIENT) as fetcher:
            task = asyncio.create_task(fetcher.fetch(server.url("/slow/30/1.jpg")))
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert of(await asyncio.wait_for(fetcher.fetch(server.url("/picture/1.jpg")), 5)) == FETCHED

    with WebServer() as server:
        asyncio.run(run())


@pytest.mark.parametrize(("contact", "sent"), [("", ""), ("jürgen@example.org", " (+j%C3%BCrgen@example.org)")])
def test_any_contact_can_stand_in_a_header(contact, sent):
    with WebServer() as server:
        assert of(fetch(server.url("/picture/1.jpg"), contact=contact)) == FETCHED
    assert server.requests[0].headers["user-agent"] == f"webiml/{__version__}{sent}"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("99999999999999999999", 999_999_999),
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value, seconds):
    assert retry_after(value) == seconds


def small(side: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", LinkReason.EMPTY),
        (b"text", LinkReason.NOT_AN_IMAGE),
        (b"\xff\xd8\xff\xe0 and no more", LinkReason.BAD_IMAGE),
        (small(15), LinkReason.BAD_IMAGE),
        (small(40), LinkReason.TOO_MANY_PIXELS),
        (small(20), None),
    ],
)
def test_bytes_are_judged_by_themselves(data, reason):
    digest = hashlib.sha256(data).hexdigest()
    one = inspect(data, digest, 1000)
    assert one.reason is reason
    assert (one.data == data and one.sha256 == digest) is (reason is None)
