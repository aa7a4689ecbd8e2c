import json

import pytest

from webiml.collect.opt_out import is_reserved, opt_out, read_tdmrep


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        (["noai"], "X-Robots-Tag: noai"),
        (["all, NoImageAI"], "X-Robots-Tag: noimageai"),
        (["nofollow", "noindex"], "X-Robots-Tag: noindex"),
        (["none"], "X-Robots-Tag: none"),
        (["webiml: noai"], "X-Robots-Tag: noai"),
        (["*: noindex"], "X-Robots-Tag: noindex"),
        (["googlebot: nofollow, webiml: noai"], "X-Robots-Tag: noai"),
        (["unavailable_after: 25 Jun 2030 15:00:00 PST, noai"], "X-Robots-Tag: noai"),
        (["max-image-preview:large, noindex"], "X-Robots-Tag: noindex"),
        (["googlebot: noai"], ""),
        (["googlebot: nofollow, noai"], ""),
        (["nofollow, noarchive, noimageindex"], ""),
        (["noaip"], ""),
        ([""], ""),
        ([], ""),
    ],
)
def test_directives_that_opt_out(tags, words):
    assert opt_out(tags, []) == words


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["1"], "TDM-Reservation: 1"),
        ([" 1 "], "TDM-Reservation: 1"),
        (["0", "1"], "TDM-Reservation: 1"),
        (["0"], ""),
        ([""], ""),
        (["2"], ""),
        (["true"], ""),
        (["10"], ""),
    ],
)
def test_only_1_reserves(values, words):
    assert opt_out([], values) == words


def rules(*pairs):
    return read_tdmrep(json.dumps([{"location": path, "tdm-reservation": value} for path, value in pairs]).encode())


@pytest.mark.parametrize(
    ("location", "path", "covered"),
    [
        ("/", "/a", True),
        ("/a/", "/a/b.jpg", True),
        ("/a/", "/b/a/", False),
        ("/a/*.jpg", "/a/b/c.jpg?x", True),
        ("/a/*.jpg$", "/a/b.jpg?x", False),
        ("/a/*.jpg$", "/a/b.jpg", True),
        ("/a$", "/a", True),
        ("/a$", "/ab", False),
        ("/ab*b$", "/ab", False),  # the b of the beginning is not the b of the end
        ("*.png", "/x.png", True),
        ("/a*b*c", "/a1c2b3c", True),
        ("/a*b*c", "/a1c2b3", False),
        ("/%7Ejoe/", "/~joe/x", True),
        ("/caf%c3%a9", "/caf%C3%A9/x", True),
        ("/foo-%24", "/foo-%24", True),
        ("/A", "/a", False),
    ],
)
def test_a_location_is_a_path_with_stars(location, path, covered):
    assert is_reserved(rules((location, 1)), path) is covered


def test_the_first_rule_about_a_path_decides():
    first = rules(("/a/*.jpg", 0), ("/a/", 1))
    assert not is_reserved(first, "/a/b.jpg")
    assert is_reserved(first, "/a/b.png")
    assert not is_reserved(first, "/b")


def test_the_value_may_be_text():
    assert is_reserved(rules(("/", "1")), "/a")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"{}",
        b'"a"',
        b"[1, null, []]",
        b"[" * 100_000,
        b"\xff\xfe[",
        b'[{"location": 1, "tdm-reservation": 1}]',
        b'[{"location": "/", "tdm-reservation": 2}]',
        b'[{"tdm-reservation": 1}]',
    ],
    ids=range(10),
)
def test_what_is_no_tdmrep_reserves_nothing(data):
    assert read_tdmrep(data) == ()


def test_many_stars_take_no_time():
    assert not is_reserved(rules(("/" + "a*" * 5000 + "b", 1)), "/" + "a" * 4000)
