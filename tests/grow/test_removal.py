"""What is taken out stays out of what grows, also of a generation that was stopped and is finished later."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from tests.datasets.stub_annotator import RandomAnnotator
from tests.grow.growing import Folder, contents

from webiml.datasets.remove import remove
from webiml.grow.run import Tick, grow
from webiml.store.dataset import read_rows
from webiml.store.removed_rows import Asked

BOB = Asked(author=("Bob",))


class Stopped(Exception):
    pass


def stop(what: str, total: int, done: int = 0) -> Tick:
    if what == "hash pictures":
        raise Stopped
    return lambda words="", done=None: None


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A first generation that was stopped when its pairs were annotated; one of them is Bob's."""
    folder = Folder(tmp_path_factory.mktemp("stopped") / "here")
    folder.add("g1", "cat", 1, 11)
    folder.add("g2", "dog of me", 2, 12, author="Bob")
    with pytest.raises(Stopped):
        grow(folder.settings(), stop, annotator=RandomAnnotator)
    return folder


@pytest.mark.parametrize("named", [True, False], ids=["generations", "the-store-alone"])
def test_what_was_taken_out_of_a_stopped_generation_or_of_its_store_does_not_come_with_it(stopped, tmp_path, named):
    shutil.copytree(stopped.folder, tmp_path / "here")
    here = Folder.__new__(Folder)
    here.folder, here.pictures = tmp_path / "here", tmp_path / "here" / "pictures"
    bobs = hashlib.sha256((here.folder / here.picture(12)).read_bytes()).hexdigest()
    work = here.generations / ".webiml" / "next"
    assert remove([here.folder / "store", *([here.generations] if named else [])], BOB).matched
    if named:
        assert not traces(work, bobs)
    [one] = here.grow().generations
    assert one.resumed
    assert {row.key[:3]: row.reason for row in read_rows(one.folder)}["dog"] == "removed"
    assert (one.folder / "removed.jsonl").exists()
    assert not traces(here.folder / "store", bobs) and not traces(here.generations, bobs)

    again = remove([here.generations, here.folder / "store"], Asked(key=("cat",)))  # of what is finished
    assert [Path(place.place).name for place in again.places if place.rows] == ["000000", "store"]
    assert here.grow().generations == []


def traces(folder: Path, bobs: str) -> list[str]:
    """Files that hold Bob's picture, his name, or what the picture is called."""
    held = contents(folder).items()
    words = (b"Bob", b"dog of", bobs.encode())
    return [
        name
        for name, (data, _) in held
        if hashlib.sha256(data).hexdigest() == bobs or any(word in data for word in words)
    ]
