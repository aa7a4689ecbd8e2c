"""A dataset in parts: what belongs together stays together, all rows go somewhere, and few move when it grows."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.datasets.edited import contents, edit_rows
from tests.datasets.whole_dataset import failed, kept, rejected, write_whole

from webiml.datasets.groups import Alike, assign, connected
from webiml.datasets.merge import merge_datasets, plan_merge
from webiml.datasets.split import plan_split, read_parts, split_dataset
from webiml.datasets.split_alike import alike_pictures
from webiml.datasets.verify import verify_dataset
from webiml.errors import SettingError
from webiml.images.codec import encode_jpeg, encode_png
from webiml.store.dataset import read_rows
from webiml.store.parquet import write_annotations
from webiml.store.place import Place, open_place
from webiml.store.removed import Tombstone, add_removed, hidden
from webiml.types import Finished, Row

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}


def rows(dataset: Path) -> dict[str, Row]:
    return {row.key: row for row in read_rows(dataset)}


def parts_of(dataset: Path, shares: dict[str, float] = SHARES, seed: int = 0, **more: object) -> dict[str, str]:
    """Key to the name of its part."""
    plan = plan_split(Place(str(dataset)), shares, seed, **more)  # type: ignore[arg-type]
    return {key: plan.parts[index].name for key, index in zip(rows(dataset), plan.of_row, strict=True)}


# ---------------------------------------------------------------- groups


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_connected_things_are_those_that_a_walk_reaches(edges):
    found = connected(20, np.array(edges, np.int64).reshape(-1, 2))
    reached = {one: {one} for one in range(20)}
    for _ in range(20):
        for a, b in edges:
            reached[a] |= reached[b]
            reached[b] |= reached[a]
    assert found.tolist() == [min(reached[one]) for one in range(20)]


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=60),
    st.sampled_from([[1.0], [0.8, 0.1, 0.1], [0.5, 0.5], [0.1, 0.2, 0.3, 0.4]]),
)
def test_shares_are_met_but_for_the_groups_at_the_cuts(sizes, shares):
    draws = [(7919 * index) % 10007 for index in range(len(sizes))]
    part = assign(np.array(sizes), draws, shares)
    got = np.bincount(part, np.array(sizes), len(shares))
    assert got.sum() == sum(sizes)
    # A part has a group too many at each of its ends at most, or one that is larger than all its share
    assert np.abs(got - np.array(shares) * sum(sizes)).max() <= 2 * max(sizes)


def test_equal_groups_meet_the_shares_exactly():
    part = assign(np.ones(1000, int), [(7919 * index) % 10007 for index in range(1000)], [0.8, 0.1, 0.1])
    assert np.bincount(part).tolist() == [800, 100, 100]


def test_new_groups_move_few_old_ones():
    rng = np.random.default_rng(0)
    draws, sizes = rng.integers(0, 2**62, 2000).tolist(), rng.integers(1, 6, 2000)
    before, after = (assign(sizes[:count], draws[:count], [0.8, 0.1, 0.1]) for count in (1900, 2000))
    assert (before != after[:1900]).mean() < 0.02


def test_a_group_larger_than_a_part_goes_where_it_fits():
    part = assign(np.array([1, 50, 1, 1, 47]), [5, 99, 3, 2, 1], [0.5, 0.48, 0.02])
    assert (part[1], part[4]) == (0, 1)


# ---------------------------------------------------------------- what belongs together


def test_rows_that_share_a_picture_an_address_or_a_group_stay_together(tmp_path):
    pairs = [
        *(kept(number, authentic=50) for number in (10, 11, 12)),  # one authentic picture
        *(kept(number, authentic_url="https://example.org/a") for number in (13, 14)),
        *(kept(number, extra={"group": "g"}) for number in (14 + 1, 16)),
        replace(kept(17), row=replace(kept(17).row, authentic_sha256=kept(10).row.manipulated_sha256)),
        kept(18, authentic=60, extra={"group": "h"}),
        failed(19, extra={"group": "h"}),
        *(kept(number) for number in range(20, 40)),
    ]
    dataset = write_whole(tmp_path / "d", pairs, carried=True)
    together = [{10, 11, 12, 17}, {13, 14}, {15, 16}, {18, 19}]
    shares = {f"part{number}": 1 / 8 for number in range(8)}
    apart = set()
    for seed in range(6):
        part = parts_of(dataset, shares, seed)
        assert len(part) == len(pairs)
        for group in together:
            assert len({part[f"pair-{number}"] for number in group}) == 1
        apart.add(part["pair-10"] == part["pair-13"])
    assert False in apart  # nothing holds these two together


keys = st.lists(
    st.tuples(st.integers(0, 8), st.integers(0, 8), st.sampled_from(["", "u1", "u2"]), st.sampled_from(["", "g1"])),
    min_size=1,
    max_size=25,
)


@given(keys, st.integers(0, 5))
def test_no_picture_is_in_two_parts_and_no_row_is_lost(tmp_path_factory, listed, seed):
    folder = tmp_path_factory.mktemp("d")
    made = [
        Row(
            key=f"p{number:02}",
            name="",
            status="kept",
            authentic_sha256=f"{authentic:064x}",
            manipulated_sha256=f"{manipulated + (4 if authentic % 2 else 100 * number):064x}",
            authentic_url=url or None,
            extra={"group": group} if group else {},
        )
        for number, (authentic, manipulated, url, group) in enumerate(listed)
    ]
    info = {"schema": "1", "format": "folder", "shard_pairs": "2", "settings": "{}", "settings_hash": "0"}
    write_annotations(Place(str(folder)), "annotations.parquet", made, {"group"}, info | {"package_version": "1"})
    part = parts_of(folder, {"a": 0.4, "b": 0.3, "c": 0.3}, seed)
    assert part.keys() == {row.key for row in made}
    where: dict[tuple[str, str], set[str]] = {}
    for row in made:
        things = {
            ("picture", str(row.authentic_sha256)),
            ("picture", str(row.manipulated_sha256)),
            ("url", row.authentic_url or row.key),
            ("group", row.extra.get("group", row.key)),
        }
        for thing in things:
            where.setdefault(thing, set()).add(part[row.key])
    assert all(len(names) == 1 for names in where.values())


def test_pictures_that_look_alike_stay_together_if_asked_for(tmp_path):
    rng = np.random.default_rng(5)
    scene = np.kron(rng.integers(0, 256, (5, 7, 3), np.uint8), np.ones((16, 16, 1), np.uint8))
    pairs = []
    for number in range(10, 30):
        one = kept(number)
        other = rng.integers(0, 256, (5, 7, 3), np.uint8)
        rgb = scene if number in (10, 20) else np.kron(other, np.ones((16, 16, 1), np.uint8))
        data = encode_jpeg(rgb, 80) if number == 20 else encode_png(np.ascontiguousarray(rgb))
        sha256 = hashlib.sha256(data).hexdigest()
        files = {name: content for name, content in one.files.items() if not name.startswith("authentic")}
        ending = "jpg" if number == 20 else "png"
        pairs.append(Finished(replace(one.row, authentic_sha256=sha256), {f"authentic.{ending}": data, **files}))
    dataset = write_whole(tmp_path / "d", pairs, carried=True)
    alike = alike_pictures(Place(str(dataset)), 1)
    found = {frozenset({alike.sha256[i], alike.sha256[j]}) for i, j in zip(alike.i, alike.j, strict=True)}
    assert found == {frozenset(str(pairs[number - 10].row.authentic_sha256) for number in (10, 20))}
    shares = {f"part{number}": 1 / 8 for number in range(8)}
    alone = [parts_of(dataset, shares, seed) for seed in range(5)]
    both = [parts_of(dataset, shares, seed, alike=alike) for seed in range(5)]
    assert any(part["pair-10"] != part["pair-20"] for part in alone)
    assert all(part["pair-10"] == part["pair-20"] for part in both)
    unknown = Alike(["0" * 64, "1" * 64], np.array([0]), np.array([1]))
    assert parts_of(dataset, shares, 1, alike=unknown) == alone[1]


# ---------------------------------------------------------------- the parts


@pytest.fixture
def dataset(tmp_path) -> Path:
    return write_whole(tmp_path / "d", [*(kept(n) for n in range(10, 18)), rejected(18), failed(19)], "shards")


def test_the_parts_are_datasets_that_hold_all_rows_and_bytes(dataset, tmp_path):
    plan = plan_split(Place(str(dataset)), read_parts("train=0.6,val=0.2,test=0.2"))
    counts = split_dataset(plan, tmp_path / "out")
    assert counts.parts == {part.name: part.rows for part in plan.parts} == {"train": 6, "val": 2, "test": 2}
    assert [part.share for part in plan.parts] == [0.6, 0.2, 0.2] and plan.off == pytest.approx(0)
    folders = [tmp_path / "out" / name for name in ("train", "val", "test")]
    for folder in folders:
        assert verify_dataset(Place(str(folder)), 1).findings == ()
    merge_datasets(plan_merge([Place(str(folder)) for folder in folders]), tmp_path / "again")
    assert contents(tmp_path / "again") == contents(dataset)
    assert rows(tmp_path / "again") == rows(dataset)  # the times, too


def test_the_seed_decides_and_the_same_seed_decides_alike(dataset):
    found = {seed: parts_of(dataset, {"a": 0.5, "b": 0.5}, seed) for seed in range(4)}
    assert found[0] == parts_of(dataset, {"a": 0.5, "b": 0.5}, 0)
    assert len({tuple(sorted(part.items())) for part in found.values()}) > 1
    assert all(Counter(part.values()) == {"a": 5, "b": 5} for part in found.values())


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(dataset, tmp_path):
    plan = plan_split(Place(str(dataset)), {"a": 0.5, "b": 0.5})
    split_dataset(plan, tmp_path / "whole")

    def stop(counts):
        if counts.rows == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        split_dataset(plan, tmp_path / "out", stop)
    assert split_dataset(plan, tmp_path / "out").resumed == 5
    for name in ("a", "b"):
        assert contents(tmp_path / "out" / name) == contents(tmp_path / "whole" / name)
    with pytest.raises(SettingError, match="another --seed or --parts"):
        split_dataset(plan_split(Place(str(dataset)), {"a": 0.2, "b": 0.8}, 3), tmp_path / "out")


def test_what_was_taken_out_does_not_come_along(dataset, tmp_path):
    add_removed(open_place(dataset), [Tombstone("author", hidden("author", "Author 12"), "2026-01-02T03:04:05Z")])
    split_dataset(plan_split(Place(str(dataset)), {"all": 1.0}), tmp_path / "out")
    assert rows(tmp_path / "out" / "all")["pair-12"].reason == "removed"
    assert verify_dataset(Place(str(tmp_path / "out" / "all")), 1).findings == ()


def test_a_part_may_not_lie_in_the_dataset_but_beside_it(dataset):
    plan = plan_split(Place(str(dataset)), {"all": 1.0})
    with pytest.raises(SettingError, match="lie in one another"):
        split_dataset(plan, dataset)
    assert split_dataset(plan, dataset.parent).rows == 10


def test_an_empty_dataset_has_empty_parts(tmp_path):
    plan = plan_split(Place(str(write_whole(tmp_path / "d", []))), SHARES)
    assert split_dataset(plan, tmp_path / "out").rows == 0
    assert rows(tmp_path / "out" / "val") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train=0.8,../up=0.2", "is no name for a folder"),
        ("train=0.8,Train=0.2", "names a part twice"),
        ("train=lots", "cannot be read"),
        ("", "leaves nothing"),
        ("train=0", "leaves nothing"),
    ],
)
def test_parts_that_cannot_be_read_are_refused(text, words):
    with pytest.raises(SettingError, match=words):
        read_parts(text)


def test_shares_need_not_add_up():
    assert read_parts("a=8, b=1,c=1") == {"a": 0.8, "b": 0.1, "c": 0.1}
    assert read_parts("a,b") == {"a": 0.5, "b": 0.5}


def test_a_row_that_is_edited_meanwhile_is_not_lost(dataset, tmp_path):
    edit_rows(dataset, lambda row: replace(row, authentic_path=None) if row.key == "pair-10" else row)
    split_dataset(plan_split(Place(str(dataset)), {"all": 1.0}), tmp_path / "out")
    assert len(rows(tmp_path / "out" / "all")) == 10
