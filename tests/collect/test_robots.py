import asyncio
import time

import pytest
from tests.collect.fetching import IMPATIENT, fetch, fetch_all, impatient
from tests.collect.web_server import WebServer

from webiml.collect import robots as robots_module
from webiml.collect.fetch import Fetcher
from webiml.types import LinkReason, LinkStatus

REFUSED = (LinkStatus.REFUSED, LinkReason.ROBOTS)


def of(fetched):
    return fetched.status, fetched.reason


def test_what_robots_txt_disallows_is_not_asked_for():
    with WebServer(
        robots="User-agent: *\nDisallow: /status\n\nUser-agent: webiml\nDisallow: /picture/*.png$"
    ) as server:
        png, jpg, status = fetch_all([server.url(path) for path in ("/picture/1.png", "/picture/2.jpg", "/status/404")])
    assert of(png) == REFUSED
    assert png.attempts == 0 and "does not allow" in png.detail
    assert jpg.status is LinkStatus.FETCHED
    assert status.reason is LinkReason.GONE  # the rules for others do not count where there are some for us
    assert "/picture/1.png" not in server.paths()


def test_the_rules_are_asked_for_once_however_many_links_wait():
    with WebServer(robots="User-agent: *\nDisallow: /no") as server:
        fetched = fetch_all([server.url(f"/picture/{i}.jpg") for i in range(30)])
        paths = server.paths(rules=True)
    assert all(one.status is LinkStatus.FETCHED for one in fetched)
    assert paths[:2] == ["/robots.txt", "/.well-known/tdmrep.json"]
    assert len(paths) == 32


def test_every_port_is_a_site_of_its_own():
    with WebServer(robots="User-agent: *\nDisallow: /") as closed, WebServer() as open_:
        first, second = fetch_all([closed.url("/picture/1.jpg"), open_.url("/picture/1.jpg")])
    assert of(first) == REFUSED
    assert second.status is LinkStatus.FETCHED


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_robots_txt_that_is_not_there_allows_everything(status):
    with WebServer(robots=status) as server:
        assert fetch(server.url("/picture/1.jpg")).status is LinkStatus.FETCHED


@pytest.mark.parametrize(("status", "reason"), [(500, LinkReason.ROBOTS), (503, LinkReason.ROBOTS)])
def test_a_server_that_cannot_tell_its_rules_is_left_alone(status, reason):
    with WebServer(robots=status) as server:
        fetched = fetch_all([server.url(f"/picture/{i}.jpg") for i in range(5)], retries=1)
        assert server.paths(rules=True) == ["/robots.txt"] * 2
    assert {of(one) for one in fetched} == {(LinkStatus.REFUSED, reason)}
    assert f"HTTP {status}" in fetched[0].detail


def test_429_for_the_rules_means_not_now():
    with WebServer(robots=429) as server:
        fetched = fetch(server.url("/picture/1.jpg"), retries=0)
    assert of(fetched) == (LinkStatus.FAILED, LinkReason.RATE_LIMITED)
    assert server.paths() == []


def test_redirects_of_robots_txt_are_followed():
    with WebServer(robots=301) as server:
        private, free = fetch_all([server.url("/private/1.jpg"), server.url("/picture/1.jpg")])
    assert of(private) == REFUSED
    assert free.status is LinkStatus.FETCHED


def test_the_rules_of_a_site_that_a_redirect_leads_to_count_too():
    with WebServer() as first, WebServer(robots="User-agent: *\nDisallow: /picture") as second:
        fetched = fetch(first.url(f"/to?{second.url('/picture/1.jpg')}"))
    assert of(fetched) == REFUSED
    assert (fetched.redirects, fetched.attempts) == (1, 1)
    assert second.paths() == []


def test_crawl_delay_is_kept():
    with WebServer(robots="User-agent: *\nCrawl-delay: 0.2") as server:
        fetch_all([server.url(f"/picture/{i}.jpg") for i in range(3)])
    at = [seen.at for seen in server.requests if seen.path.startswith("/picture")]
    assert at[1] - at[0] > 0.18 and at[2] - at[1] > 0.18


def test_a_crawl_delay_that_nobody_can_keep_is_a_refusal():
    with WebServer(robots="User-agent: *\nCrawl-delay: 86400") as server:
        fetched = fetch(server.url("/picture/1.jpg"))
    assert of(fetched) == REFUSED
    assert "86,400 s" in fetched.detail


def test_rules_beyond_500_kib_do_not_count_and_are_not_read():
    lines = "User-agent: *\nDisallow: /status\n" + "# padding\n" * 52_000 + "Disallow: /picture\n"
    assert len(lines) > 512 * 1000
    with WebServer(robots=lines) as server:
        status, picture = fetch_all([server.url("/status/404"), server.url("/picture/1.jpg")])
    assert of(status) == REFUSED
    assert picture.status is LinkStatus.FETCHED


@pytest.mark.parametrize(
    "text", ["", "<html>no robots here</html>", "Disallow: /", "\ufeffUser-agent: other\nDisallow: /"]
)
def test_a_robots_txt_without_a_rule_for_us_allows_everything(text):
    with WebServer(robots=text) as server:
        assert fetch(server.url("/picture/1.jpg")).status is LinkStatus.FETCHED


def test_what_tdmrep_json_reserves_is_not_asked_for():
    rules = '[{"location": "/picture/*.png", "tdm-reservation": 1}, {"location": "/", "tdm-reservation": 0}]'
    with WebServer(tdm=rules) as server:
        png, jpg = fetch_all([server.url("/picture/1.png"), server.url("/picture/1.jpg")])
    assert of(png) == (LinkStatus.REFUSED, LinkReason.OPTED_OUT)
    assert jpg.status is LinkStatus.FETCHED
    assert server.paths() == ["/picture/1.jpg"]


def test_a_site_that_does_not_answer_is_asked_once_and_its_links_say_so():
    with WebServer() as server:
        port = server.port
    fetched = fetch_all([f"http://127.0.0.1:{port}/{i}.jpg" for i in range(3)], retries=0)
    assert {of(one) for one in fetched} == {(LinkStatus.FAILED, LinkReason.NO_CONNECTION)}


def test_one_link_given_up_does_not_take_the_rules_from_the_others():
    async def run() -> object:
        async with Fetcher(impatient(), patience=IMPATIENT) as fetcher:
            first = asyncio.create_task(fetcher.fetch(server.url("/picture/1.jpg")))
            second = asyncio.create_task(fetcher.fetch(server.url("/picture/2.jpg")))
            await asyncio.sleep(0)
            first.cancel()
            return await second

    with WebServer() as server:
        assert of(asyncio.run(run()))[0] is LinkStatus.FETCHED


def test_few_rules_are_kept(monkeypatch):
    monkeypatch.setattr(robots_module, "MAX_KEPT_BYTES", 1000)
    text = "User-agent: *\nDisallow: /no\n" + "# padding\n" * 60

    async def run() -> int:
        async with Fetcher(impatient(), patience=IMPATIENT) as fetcher:
            for server in (*servers, servers[0]):
                await fetcher.fetch(server.url("/picture/1.jpg"))
            return len(fetcher._robots._kept)

    with WebServer(robots=text) as a, WebServer(robots=text) as b, WebServer(robots=text) as c:
        servers = (a, b, c)
        assert asyncio.run(run()) == 1
    assert [seen.path for seen in a.requests].count("/robots.txt") == 2


def test_rules_are_asked_for_again_after_a_day(monkeypatch):
    monkeypatch.setattr(robots_module, "KEPT_SECONDS", 0.05)

    async def run() -> None:
        async with Fetcher(impatient(), patience=IMPATIENT) as fetcher:
            for _ in range(2):
                await fetcher.fetch(server.url("/picture/1.jpg"))
            await asyncio.sleep(0.1)
            await fetcher.fetch(server.url("/picture/1.jpg"))

    with WebServer() as server:
        begun = time.monotonic()
        asyncio.run(run())
        assert time.monotonic() - begun < 5
    assert server.paths(rules=True).count("/robots.txt") == 2
