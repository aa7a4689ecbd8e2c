"""A store: what was added is there, newest first of all, also after a kill; here and on a real S3-compatible server."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from webiml.errors import BadImage, SettingError
from webiml.store.link_writer import LinkWriter
from webiml.store.links import (
    generations,
    is_store,
    link_id,
    picture_name,
    read_generation,
    read_links,
    read_picture,
)
from webiml.store.place import Place, open_place
from webiml.types import Link, LinkRow


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "local":
        return open_place(tmp_path / "store")
    return open_place(request.getfixturevalue("s3") + "/store")


def fetched(name: str, data: bytes | None = None, **more: object) -> LinkRow:
    link = Link(name, "g", "manipulated", f"http://a/{name}")
    known = {} if data is None else {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    if data is not None:
        known["path"] = picture_name(known["sha256"], ".jpg")
    row = {"status": "fetched" if data is not None else "failed", "attempts": 1, **known, **more}
    return LinkRow(link_id(link), name, "g", "manipulated", link.url, **row)  # type: ignore[arg-type]


def write(place: Place, *rows: tuple[int, LinkRow, bytes | None]) -> int | None:
    with LinkWriter.open(place) as writer:
        for row in rows:
            writer.add(*row)
        return writer.finish()


def test_a_generation_is_in_the_order_of_its_source_and_its_pictures_are_there(place):
    rows = [(1, fetched("b", b"B", extra={"score": "7"}), b"B"), (0, fetched("a", reason="gone"), None)]
    assert write(place, *rows) == 0
    assert is_store(place) and generations(place) == [0]
    assert list(read_generation(place, 0)) == [rows[1][1], rows[0][1]]
    path = rows[0][1].path
    assert path == f"pictures/df/{hashlib.sha256(b'B').hexdigest()}.jpg"
    assert read_picture(place, path, hashlib.sha256(b"B").hexdigest()) == b"B"


def test_the_newest_row_of_a_link_counts_in_the_order_in_which_links_came_first(place):
    write(place, (0, fetched("a", reason="timeout"), None), (1, fetched("b", b"B"), b"B"))
    write(place, (0, fetched("c", b"C"), b"C"), (1, fetched("a", b"A"), b"A"))
    assert [(row.name, row.status) for row in read_links(place)] == [
        ("a", "fetched"),
        ("b", "fetched"),
        ("c", "fetched"),
    ]
    with LinkWriter.open(place) as writer:
        assert writer.known.state(fetched("a").link) == ("fetched", None)
        assert writer.known.state(fetched("z").link) is None
        row = writer.known.row(fetched("b").link)
        assert row is not None and row.sha256 == hashlib.sha256(b"B").hexdigest()


def test_a_run_with_nothing_to_do_writes_no_generation(place):
    write(place, (0, fetched("a", b"A"), b"A"))
    assert write(place) is None
    assert generations(place) == [0]


def test_what_was_added_before_a_stop_is_taken_up(place):
    with LinkWriter.open(place) as writer:
        writer.add(0, fetched("a", b"A"), b"A")
        writer.checkpoint()
    assert generations(place) == []
    with LinkWriter.open(place) as writer:
        assert writer.done == 1 and writer.has(fetched("a").link) and not writer.has(fetched("b").link)
        same = writer.same_address("http://a/a")
        assert same is not None and same.name == "a"
        writer.add(1, fetched("b", b"B"), b"B")
        assert writer.finish() == 0
    assert [row.name for row in read_generation(place, 0)] == ["a", "b"]
    assert not [name for name in place.names(".webiml") if "journal" in name]


def test_equal_bytes_are_stored_once(place):
    write(place, (0, fetched("a", b"A"), b"A"), (1, fetched("b", b"A"), b"A"))
    assert len(list(place.names("pictures"))) == 1


def test_rows_after_the_last_checkpoint_count_only_with_their_bytes(tmp_path):
    place = open_place(tmp_path / "store")
    with LinkWriter.open(place) as writer:
        writer.add(0, fetched("a", b"A"), b"A")
        begun = writer.begin_checkpoint()
        writer.add(1, fetched("b", b"B"), b"B")  # meanwhile
        begun.sync()
        writer.end_checkpoint(begun)
        writer.add(2, fetched("c", b"C"), b"C")
        writer.add(3, fetched("d", reason="gone"), None)
    for name in (b"A", b"C"):  # as a power cut may leave files that were not made safe, and a safe one
        sha256 = hashlib.sha256(name).hexdigest()
        (tmp_path / "store" / picture_name(sha256, ".jpg")).write_bytes(b"")
    with LinkWriter.open(place) as writer:
        assert [writer.has(fetched(name).link) for name in "abcd"] == [True, True, False, False]


@pytest.mark.parametrize("tail", [b'{"at": 5, "row": {"lin', b"\0\0\0", b'{"at": 1}\n'], ids=["cut", "zeros", "other"])
def test_a_journal_that_was_cut_short_goes_on_where_it_is_whole(tmp_path, tail):
    place = open_place(tmp_path / "store")
    with LinkWriter.open(place) as writer:
        writer.add(0, fetched("a", b"A"), b"A")
    with open(tmp_path / "store" / ".webiml" / "journal.jsonl", "ab") as file:
        file.write(tail)
    assert write(place, (1, fetched("b", b"B"), b"B")) == 0
    assert [row.name for row in read_generation(place, 0)] == ["a", "b"]


def test_killed_between_its_table_and_the_end_a_generation_is_not_written_twice(tmp_path):
    place = open_place(tmp_path / "store")
    with LinkWriter.open(place) as writer:
        writer.add(0, fetched("a", b"A"), b"A")
        journal = (tmp_path / "store" / ".webiml" / "journal.jsonl").read_bytes()
        writer.finish()
    (tmp_path / "store" / ".webiml" / "journal.jsonl").write_bytes(journal)
    with LinkWriter.open(place) as writer:
        assert writer.generation == 1 and writer.done == 0
    assert not (tmp_path / "store" / ".webiml" / "journal.jsonl").exists()


_KILLED = """
import os, sys
sys.path.insert(0, sys.argv[2])
from tests.store.test_links import fetched
from webiml.store.link_writer import LinkWriter
step, stop = 0, int(sys.argv[3])
def wrap(call):
    def stopping(*args, **kwargs):
        global step
        step += 1
        if step == stop:
            os.kill(os.getpid(), 9)
        return call(*args, **kwargs)
    return stopping
for name in ("fsync", "replace", "mkdir", "unlink", "open"):
    setattr(os, name, wrap(getattr(os, name)))
with LinkWriter.open(sys.argv[1]) as writer:
    for at, name in enumerate("abcd"):
        if not writer.has(fetched(name).link) and writer.known.state(fetched(name).link) is None:
            data = name.encode() if name != "c" else None
            writer.add(at, fetched(name, data), data)
            print(name, flush=True)
        if at == 1:
            writer.checkpoint()
    writer.finish()
"""


def test_killed_at_any_step_it_goes_on_to_the_same_bytes_and_does_nothing_twice(tmp_path, repository):
    """Every eleventh step of a run of four links, each in a process of its own."""

    def run(store: Path, stop: int) -> tuple[int, str]:
        command = [sys.executable, "-c", _KILLED, str(store), str(repository), str(stop)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ})
        assert done.returncode in (0, -9), done.stderr
        return done.returncode, done.stdout

    def contents(store: Path) -> dict[str, bytes]:
        return {name: open_place(store).read(name) for name in open_place(store).names() if "lock" not in name}

    assert run(tmp_path / "whole", 0)[0] == 0
    expected = contents(tmp_path / "whole")
    stop, stopped = 2, 0
    while True:
        store = tmp_path / f"stopped-{stop}"
        code, first = run(store, stop)
        if code == 0:
            break
        stopped += 1
        code, second = run(store, 0)
        assert code == 0 and contents(store) == expected, f"step {stop}"
        assert not set(first.split()) & set(second.split()), f"step {stop}: a link was done twice"
        stop += 11
    assert stopped >= 4


def test_a_full_disk_is_one_sentence_and_the_row_does_not_count(tmp_path):
    script = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from tests.store.test_links import fetched\n"
        "from webiml.errors import OutputError\n"
        "from webiml.store.link_writer import LinkWriter\n"
        "with LinkWriter.open(sys.argv[1]) as writer:\n"
        "    writer.add(0, fetched('a', b'A'), b'A')\n"
        "    try:\n"
        "        writer.add(1, fetched('b', b'B' * 5000), b'B' * 5000)\n"
        "    except OutputError as error:\n"
        "        print(error, writer.done)\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, "-c", script, str(tmp_path / "store"), root]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "Free space and run the same command again" in done.stdout and done.stdout.endswith("1\n"), done.stderr
    assert not list((tmp_path / "store").rglob("*webiml-tmp"))


def test_what_lies_there_and_is_no_store_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SettingError, match="not empty and is not a store"), LinkWriter.open(tmp_path):
        pass
    with pytest.raises(SettingError, match="is a file"), LinkWriter.open(tmp_path / "notes.txt"):
        pass
    with pytest.raises(SettingError, match="not a store"):
        list(read_links(open_place(tmp_path)))
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_second_writer_is_refused_while_the_first_runs(tmp_path):
    with (
        LinkWriter.open(tmp_path / "store"),
        pytest.raises(SettingError, match="Another run is writing"),
        LinkWriter.open(tmp_path / "store"),
    ):
        pass


def test_bytes_that_were_changed_are_not_handed_out(tmp_path):
    place = open_place(tmp_path / "store")
    row = fetched("a", b"A")
    write(place, (0, row, b"A"))
    assert row.path and row.sha256
    (tmp_path / "store" / row.path).write_bytes(b"X")
    with pytest.raises(BadImage) as caught:
        read_picture(place, row.path, row.sha256)
    assert caught.value.reason == "other_bytes"


def test_a_table_of_something_else_is_refused(tmp_path):
    place = open_place(tmp_path / "store")
    write(place, (0, fetched("a", b"A"), b"A"))
    place.write("links/000000.parquet", json.dumps({}).encode())
    with pytest.raises(SettingError, match="cannot be read as a table"):
        list(read_links(place))
