import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webiml.pairs.keys import MAX_LENGTH, safe_key, unique_keys

NAMES = st.text(max_size=200) | st.from_regex(r"[a-cA-C]{1,2}(-[0-9])?", fullmatch=True)
SAFE = re.compile(r"[A-Za-z0-9_-]{1,120}")


@pytest.mark.parametrize("name", ["a", "Sp_D_CND_A_pla0005-1", "x" * 120, "0", "-", "console"])
def test_safe_names_stay(name):
    assert safe_key(name) == name


# sha256 of the names' UTF-8 bytes, first eight digits, by sha256sum
@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("../../etc/passwd", "etc_passwd-3754d6cb"),
        ("a.b", "a_b-2e7336dc"),
        ("", "pair-e3b0c442"),
        ("CON", "CON-a3dbc4b6"),
        ("caf\udce9", "caf-dafd66c0"),
    ],
)
def test_other_names_are_cleaned_and_get_their_hash(name, want):
    assert safe_key(name) == want


@given(NAMES)
def test_every_name_becomes_a_safe_key(name):
    key = safe_key(name)
    assert SAFE.fullmatch(key)
    assert key.lower() not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
    assert safe_key(key) == key


@given(st.text(max_size=300), st.text(max_size=300))
def test_different_unsafe_names_differ(one, other):
    one, other = f"{one}.", f"{other}."
    assert (safe_key(one) == safe_key(other)) == (one == other)


def test_long_names_that_begin_alike_differ():
    keys = {safe_key("n" * 200 + end) for end in "abc"}
    assert len(keys) == 3
    assert {len(key) for key in keys} == {MAX_LENGTH}


def test_names_that_differ_in_case_only():
    small, large = unique_keys(["foo", "FOO"])
    assert large == "FOO"  # stands first in sorted order
    assert re.fullmatch(r"foo-[0-9a-f]{8}", small)


def test_equal_names_are_told_apart():
    first, second, third = unique_keys(["a", "a", "a"])
    assert first == "a"
    assert len({first, second, third}) == 3


def test_a_safe_name_keeps_its_key_against_a_made_one():
    made = safe_key("a.b")
    assert unique_keys(["a.b", made])[1] == made


@given(st.lists(NAMES, max_size=12), st.randoms(use_true_random=False))
def test_keys_are_unique_and_do_not_depend_on_order(names: list[str], rng: random.Random):
    keys = unique_keys(names)
    assert len({key.lower() for key in keys}) == len(names)
    assert all(SAFE.fullmatch(key) for key in keys)
    shuffled = rng.sample(names, len(names))
    assert sorted(zip(names, keys, strict=True)) == sorted(zip(shuffled, unique_keys(shuffled), strict=True))


def test_a_key_that_is_in_use_is_given_to_nobody():
    first, second = unique_keys(["cat", "dog"], taken=["CAT"])
    assert first.startswith("cat-") and second == "dog"
    assert unique_keys(["cat"], taken=["cat", first])[0] not in ("cat", first)
