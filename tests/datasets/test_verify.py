"""What is wrong with a dataset or a store is found and named; what is whole is left in peace."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.datasets.edited import edit_rows
from tests.datasets.whole_dataset import failed, kept, picture, rejected, write_whole

from webiml.datasets.faults import Fault
from webiml.datasets.verify import verify_dataset
from webiml.datasets.verify_store import verify_store
from webiml.errors import SettingError
from webiml.store.link_writer import LinkWriter
from webiml.store.links import link_id, picture_name, write_generation
from webiml.store.place import Place, open_place
from webiml.store.removed import Tombstone, add_removed, hidden
from webiml.store.shards import write_tar
from webiml.types import Link, LinkRow

WHEN = "2026-01-02T03:04:05Z"


def dataset_of(path: Path, count: int, format: str = "folder") -> Path:
    """So many kept pairs, all whole, numbers from 10 on."""
    return write_whole(path, [kept(number) for number in range(10, 10 + count)], format)


def found(place: Path, quick: bool = False) -> set[tuple[str, str]]:
    """Key (or file) and fault of everything that is wrong."""
    verified = verify_dataset(Place(str(place)), 2, quick=quick)
    return {(finding.key, finding.fault.value) for finding in verified.findings}


@pytest.mark.parametrize("format", ["folder", "shards"])
@pytest.mark.parametrize("quick", [False, True])
def test_nothing_is_wrong_with_a_whole_dataset(tmp_path, format, quick):
    write_whole(tmp_path / "d", [kept(1), kept(2), rejected(3), failed(4)], format)
    seen = []
    verified = verify_dataset(Place(str(tmp_path / "d")), 1, quick=quick, on_row=lambda: seen.append(1))
    assert verified.findings == ()
    jsons = 3 if format == "shards" else 0
    assert (verified.shape, verified.rows, verified.files, len(seen)) == ("dataset", 4, 2 * 4 + 5 + jsons, 4)


# ---------------------------------------------------------------- damage to files


def flipped(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def swapped(file: Path) -> None:
    other = next(one for one in sorted(file.parent.iterdir()) if one != file)
    mine = file.read_bytes()
    file.write_bytes(other.read_bytes())
    other.write_bytes(mine)


DAMAGE: list[tuple[str, Callable[[Path], object], set[str], set[str]]] = [  # what, how, faults of it, of the quick look
    ("manipulated", flipped, {"other_bytes"}, set()),
    ("authentic", cut, {"other_bytes"}, set()),
    ("probability", cut, {"unreadable"}, set()),
    ("probability", flipped, {"unreadable"}, set()),
    ("masks", flipped, {"unreadable"}, set()),
    ("masks", Path.unlink, {"missing"}, {"missing"}),
    ("authentic", Path.unlink, {"missing"}, {"missing"}),
    ("probability", emptied, {"missing", "unreadable"}, {"missing"}),
    ("manipulated", lambda file: file.write_bytes(picture(99)), {"other_bytes"}, set()),
    ("masks", lambda file: file.write_bytes(file.read_bytes()[:-12] + b"\0" * 12), {"unreadable"}, set()),
]


def test_every_damage_to_a_file_is_found_where_it_is(tmp_path):
    dataset = dataset_of(tmp_path / "d", len(DAMAGE) + 1)
    wanted, quick = set(), set()
    for number, (folder, damage, faults, at_once) in enumerate(DAMAGE, 10):
        (file,) = (dataset / folder).glob(f"pair-{number}.*")
        damage(file)
        wanted |= {(f"pair-{number}", fault) for fault in faults}
        quick |= {(f"pair-{number}", fault) for fault in at_once}
    assert found(dataset) == wanted
    assert found(dataset, quick=True) == quick


@pytest.mark.parametrize(
    ("folder", "fault"), [("authentic", "other_bytes"), ("probability", "mask"), ("masks", "mask")]
)
def test_files_that_changed_places_are_found_with_both_pairs(tmp_path, folder, fault):
    dataset = dataset_of(tmp_path / "d", 2)
    swapped(next(iter(sorted((dataset / folder).iterdir()))))
    assert found(dataset) >= {("pair-10", fault), ("pair-11", fault)}


def test_a_file_that_no_row_has_is_a_stray(tmp_path):
    dataset = dataset_of(tmp_path / "d", 1)
    (dataset / "masks" / "pair-99.png").write_bytes(b"")
    (dataset / "authentic" / "pair-10.bak.png").write_bytes(b"")
    (dataset / "README.md").write_text("what a person wrote is no stray")
    assert found(dataset, quick=True) == {("masks/pair-99.png", "stray"), ("authentic/pair-10.bak.png", "stray")}


# ---------------------------------------------------------------- damage to rows


def test_every_edited_row_is_found(tmp_path):
    changes: dict[str, tuple[dict[str, object], set[str]]] = {
        "pair-10": ({"qes": 0.25}, {"score"}),
        "pair-11": ({"mask_area": 0.5, "components": 2}, {"score"}),
        "pair-12": ({"height": 25}, {"size"}),
        "pair-13": ({"status": "perhaps"}, {"word"}),
        "pair-14": ({"reason": "bad_luck"}, {"word"}),
        "pair-15": ({"kind": "elephant"}, {"word"}),
        "pair-16": ({"status": "rejected"}, {"word"}),
        "pair-17": ({"manipulated_sha256": "0" * 64}, {"other_bytes"}),
        "pair-18": ({"authentic_path": "../../etc/passwd.png"}, {"word", "unreadable"}),
        "pair-19": ({"authentic_path": "authentic/pair-20.png"}, {"word", "other_bytes"}),
        "pair-20": ({"alternative_kind": "SPG"}, {"missing"}),
        "pair-21": ({"status": "failed", "reason": "not_found"}, {"word"}),
        "pair-22": ({"manipulated_path": "manipulated/pair-22.\x1b[31m"}, {"word"}),
    }
    dataset = dataset_of(tmp_path / "d", len(changes) + 1)
    edit_rows(dataset, lambda row: replace(row, **changes.get(row.key, ({}, set()))[0]))  # type: ignore[arg-type]
    everything = found(dataset)
    mine = {(key, fault) for key, fault in everything if key in changes}
    assert mine == {(key, fault) for key, (_, faults) in changes.items() for fault in faults}
    # Of pair-22 no file can be named, so all that it has seems to be nobody's
    assert {(key.partition("/")[2], fault) for key, fault in everything - mine} == {("pair-22.png", "stray")}


def test_a_row_that_is_gone_leaves_strays_and_one_that_comes_twice_is_found(tmp_path):
    dataset = dataset_of(tmp_path / "d", 3)
    edit_rows(dataset, lambda row: None if row.key == "pair-11" else replace(row, key="pair-10"))
    assert ("pair-10", "order") in found(dataset, quick=True)
    assert ("masks/pair-11.png", "stray") in found(dataset, quick=True)


def test_what_was_taken_out_and_is_still_there_is_found(tmp_path):
    dataset = dataset_of(tmp_path / "d", 2)
    add_removed(open_place(dataset), [Tombstone("author", hidden("author", "author 11"), WHEN)])
    assert found(dataset) == {("pair-11", "removed")}


# ---------------------------------------------------------------- shards


def rewrite(shard: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    with tarfile.open(shard) as tar:
        members = {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]
    change(members)
    with open(shard, "wb") as file:
        write_tar(file, members.items())


def test_a_tar_holds_exactly_the_members_of_its_rows(tmp_path):
    dataset = dataset_of(tmp_path / "d", 6, "shards")

    def change(members: dict[str, bytes]) -> None:
        del members["pair-10.mask.png"]
        members["pair-99.mask.png"] = b""
        members["pair-11.json"] = members["pair-11.json"].replace(b"CC0", b"CC1")

    rewrite(dataset / "shard-000000.tar", change)
    (dataset / "shard-000001.tar").unlink()
    shutil.copy(dataset / "shard-000002.tar", dataset / "shard-000007.tar")
    quick = found(dataset, quick=True)
    assert quick >= {("pair-10", "missing"), ("pair-99.mask.png", "stray"), ("pair-12", "missing")}
    assert {key for key, fault in quick if fault == "stray"} >= {"pair-14.json", "pair-15.authentic.png"}
    assert not {fault for key, fault in quick} - {"missing", "stray"}
    assert found(dataset) == quick | {("pair-11", "shard")}


def test_a_tar_that_is_cut_short_is_found(tmp_path):
    dataset = dataset_of(tmp_path / "d", 2, "shards")
    cut_at = (dataset / "shard-000000.tar").stat().st_size // 2
    with open(dataset / "shard-000000.tar", "r+b") as file:
        file.truncate(cut_at)
    assert {fault for _, fault in found(dataset)} & {"unreadable", "missing"}


# ---------------------------------------------------------------- what cannot be looked at


def test_what_is_no_dataset_or_not_finished_is_refused(tmp_path):
    with pytest.raises(SettingError, match="is not a dataset"):
        verify_dataset(Place(str(tmp_path)))
    dataset = dataset_of(tmp_path / "d", 1)
    (dataset / ".webiml" / "finished").unlink()
    with pytest.raises(SettingError, match="is not finished"):
        verify_dataset(Place(str(dataset)))
    shutil.rmtree(dataset / ".webiml")  # without its working state it is complete
    assert found(dataset) == set()
    (dataset / "annotations.parquet").write_bytes(b"PAR1")
    with pytest.raises(SettingError, match="cannot be read"):
        verify_dataset(Place(str(dataset)))


# ---------------------------------------------------------------- stores


def link_row(number: int, **changes: object) -> tuple[LinkRow, bytes]:
    """A picture that was fetched."""
    data = picture(number)
    sha256 = hashlib.sha256(data).hexdigest()
    link = Link(f"n{number}", "g", "manipulated", f"https://example.org/{number}.png")
    row = LinkRow(
        *(link_id(link), link.name, link.group, link.role, link.url, "fetched"),
        **{"sha256": sha256, "bytes": len(data), "path": picture_name(sha256, ".png"), "attempts": 1} | changes,  # type: ignore[arg-type]
    )
    return row, data


@pytest.fixture
def store(tmp_path) -> Path:
    """Four pictures, a link that failed, and a second run in which one stayed the same."""
    where = tmp_path / "store"
    with LinkWriter.open(where) as writer:
        for number in range(4):
            writer.add(number, *link_row(number))
        gone, _ = link_row(4)
        writer.add(4, replace(gone, status="failed", reason="gone", sha256=None, bytes=None, path=None))
        writer.finish()
    with LinkWriter.open(where) as writer:
        writer.add(0, replace(link_row(0)[0], status="unchanged"))
        writer.finish()
    return where


def path_of(store: Path, number: int) -> Path:
    return store / str(link_row(number)[0].path)


def test_nothing_is_wrong_with_a_whole_store(store):
    for quick in (False, True):
        verified = verify_store(Place(str(store)), 1, quick=quick)
        assert (verified.findings, verified.shape, verified.rows, verified.files) == ((), "store", 6, 4)


def test_every_damage_to_a_store_is_found(store):
    flipped(path_of(store, 0))
    path_of(store, 1).unlink()
    cut(path_of(store, 2))
    stray = store / "pictures" / "ab" / f"ab{'0' * 62}.png"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"")
    (store / "pictures" / "notes.txt").write_text("mine")
    verified = verify_store(Place(str(store)), 2)
    name = {number: str(link_row(number)[0].path) for number in range(4)}
    of_files = {(one.key, one.fault) for one in verified.findings if not one.key.startswith("links/")}
    assert of_files == {
        (name[0], Fault.OTHER_BYTES),
        (name[2], Fault.OTHER_BYTES),
        (f"pictures/ab/{stray.name}", Fault.OTHER_BYTES),
        (f"pictures/ab/{stray.name}", Fault.STRAY),
        ("pictures/notes.txt", Fault.STRAY),
    }
    of_rows = [(one.key[:19], one.fault) for one in verified.findings if one.key.startswith("links/")]
    assert of_rows == [("links/000000.parque", Fault.MISSING), ("links/000000.parque", Fault.OTHER_BYTES)]


def test_every_edited_row_of_a_store_is_found(store):
    row = link_row(0)[0]
    wrong = [
        replace(row, status="perhaps"),
        replace(row, reason="gone"),
        replace(row, path="pictures/../../x.png"),
        replace(row, path=None, sha256=None),
        replace(row, path=link_row(1)[0].path),
        replace(row, bytes=1),
    ]
    write_generation(Place(str(store)), 2, wrong, set())
    (store / "links" / "000003.parquet").write_bytes(b"no table")
    faults = [one.fault for one in verify_store(Place(str(store)), quick=True).findings]
    assert faults.count(Fault.TABLE) == 1 and faults.count(Fault.OTHER_BYTES) == 1
    assert faults.count(Fault.WORD) == 6  # of `perhaps` two: what brought no picture has a reason


def test_the_pictures_of_a_run_that_goes_on_are_no_strays(store):
    with LinkWriter.open(store) as writer:
        writer.add(0, *link_row(7))
        assert verify_store(Place(str(store)), quick=True).findings == ()
        writer.finish()
    assert verify_store(Place(str(store)), quick=True).files == 5


def test_what_was_taken_out_of_a_store_and_is_still_there_is_found(store):
    url = str(link_row(1)[0].url)
    add_removed(open_place(store), [Tombstone("url", hidden("url", url), WHEN)])
    assert [one.fault for one in verify_store(Place(str(store)), quick=True).findings] == [Fault.REMOVED]
