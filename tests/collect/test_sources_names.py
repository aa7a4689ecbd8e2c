"""Names of links: the same for the same thing, safe, and unique."""

import random
import re

import pytest

from webiml.collect.sources.names import Seen, address_name, short, unique
from webiml.types import Link


def test_seen_tells_what_came_before_also_when_it_has_grown_often():
    words = [f"{number}" for number in range(5000)]  # more than the 1,024 slots it begins with
    seen = Seen()
    assert all(seen.new("a", word) for word in words)
    assert not any(seen.new("a", word) for word in random.Random(0).sample(words, 100))
    assert all(("a", word) in seen for word in words)
    assert ("b", "0") not in seen and seen.new("b", "0")
    assert seen.new("a0", "") and seen.new("", "a0")  # where the parts end matters


@pytest.mark.parametrize(
    ("address", "stem"),
    [
        ("http://i.imgur.com/qHxM2.jpg", "qHxM2"),
        ("http://a/b/cat%20one.jpg?size=large#top", "cat_20one"),
        ("http://a/albums/", "albums"),
        ("http://a/../..", "picture"),
        ("http://a/..%2f.jpg", "2f"),
        ("", "picture"),
        ("http://a/" + "x" * 9000, "x" * 80),
    ],
)
def test_an_address_gives_a_name_that_is_safe_and_its_own(address, stem):
    name = address_name(address)
    assert name == address_name(address) != address_name(address + "?")
    assert re.fullmatch(re.escape(stem) + "-[0-9a-f]{12}", name)


def test_a_long_name_is_cut_and_keeps_apart():
    assert short("a" * 200) == "a" * 200
    assert len(short("a" * 201)) == 200 and short("a" * 201) != short("a" * 202)


def link(name: str, url: str, group: str = "g", role: str = "manipulated", problem: str = "") -> Link:
    return Link(name, group, role, url, problem=problem)  # type: ignore[arg-type]


def test_a_name_that_comes_again_is_told_apart():
    links = [
        link("a", "http://1"),
        link("a", "http://1", role="authentic"),
        link("a", "http://1", group="h"),
        link("a", "http://2"),
        link("a", "http://1"),  # nothing new but the same hash
        link("a", "http://2"),
        link("a", "", problem="no address"),
        link("a (link 7)", "http://3"),
    ]
    found = list(unique(links))
    assert [(one.url, one.group, one.role) for one in found] == [(one.url, one.group, one.role) for one in links]
    assert len({(one.group, one.role, one.name) for one in found}) == len(links)
    assert [one.name for one in found[:3]] == ["a", "a", "a"]
    assert re.fullmatch("a-[0-9a-f]{12}", found[3].name) and found[3].problem == ""
    assert [bool(one.problem) for one in found] == [False, False, False, False, False, True, True, False]
    assert found[6].problem == "no address"
