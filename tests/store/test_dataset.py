from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from store_samples import SETTINGS, contents, make_finished, open_writer, stop_clock, write_dataset

from webiml.errors import BadImage, OutputError, SettingError
from webiml.store.dataset import dataset_info, read_member, read_rows
from webiml.store.dataset_writer import finished_keys
from webiml.types import Finished, Reason, Row

SHAPES = pytest.mark.parametrize("shape", ["folder", "shards"])


def test_a_folder_holds_the_bytes_as_given_under_their_roles(tmp_path):
    write_dataset(tmp_path, "abF")
    assert set(contents(tmp_path)) == {
        "annotations.parquet",
        *("authentic/a.jpg", "manipulated/a.png", "masks/a.png", "probability/a.png"),
        *("authentic/b.jpg", "manipulated/b.png", "masks/b.png", "probability/b.png"),
    }
    assert contents(tmp_path)["masks/b.png"] == b"b mask.png"


def test_shards_hold_sorted_samples_and_failed_rows_are_in_the_table_only(tmp_path):
    write_dataset(tmp_path, "FcabdeG", format="shards")
    names = {}
    for shard in sorted(tmp_path.glob("*.tar")):
        with tarfile.open(shard) as tar:
            names[shard.name] = tar.getnames()
    roles = ("authentic.jpg", "manipulated.png", "mask.png", "probability.png", "json")
    assert names == {
        "shard-000000.tar": [f"c.{role}" for role in roles],
        "shard-000001.tar": [f"{key}.{role}" for key in "ab" for role in roles],
        "shard-000002.tar": [f"{key}.{role}" for key in "de" for role in roles],
    }
    shards = {row.key: row.shard for row in read_rows(tmp_path)}
    assert shards == {
        **{"F": None, "G": None, "a": "shard-000001.tar", "b": "shard-000001.tar", "c": "shard-000000.tar"},
        **{"d": "shard-000002.tar", "e": "shard-000002.tar"},
    }
    assert list(shards) == sorted("FcabdeG")
    assert not list((tmp_path / ".webiml" / "staging").iterdir())


def test_a_tar_names_no_machine_and_no_time(tmp_path):
    write_dataset(tmp_path, "a", format="shards")
    with tarfile.open(tmp_path / "shard-000000.tar") as tar:
        owners = {(m.mtime, m.uid, m.gid, m.mode, m.uname, m.gname) for m in tar}
        member = tar.extractfile("a.json")
        assert member is not None
        record = json.load(member)
    assert owners == {(0, 0, 0, 0o644, "", "")}
    assert record["shard"] == "shard-000000.tar" and record["manipulated_path"] == "a.manipulated.png"
    assert "annotated_at" not in record


@SHAPES
def test_a_key_of_120_characters_is_stored_and_read(tmp_path, shape):
    key = "k" * 120
    with open_writer(tmp_path, format=shape) as writer:
        writer.add(make_finished(key))
        writer.finish()
    (row,) = read_rows(tmp_path)
    assert read_member(tmp_path, row, "probability") == f"{key} probability.png".encode()


@SHAPES
def test_a_row_comes_back_as_it_was_stored(tmp_path, shape):
    given = make_finished(
        "a",
        "rejected",
        reason="low_qes",
        detail="0.30, not above 0.5",
        kind="SPG",
        kind_confidence=0.1 + 0.2,
        transform=[1.0, 0.5, -3.25, 0.0, 1.0, 1e-9, 0.0, 0.0, 1.0],
        qes=1 / 3,
        components=2,
        height=10,
        width=20,
        license="CC0",
        extra={"mask": "m/ä.png", "": "no name"},
    )
    with open_writer(tmp_path, format=shape) as writer:
        stored = writer.add(given)
        writer.add(make_finished("b", "failed", extra={"other": "x"}))
        writer.finish()
    row, failed = read_rows(tmp_path)
    assert row == (stored if shape == "folder" else Row(**{**fields(stored), "shard": "shard-000000.tar"}))
    assert row.annotated_at == "2026-01-02T03:04:00Z"
    assert (row.settings_hash, row.package_version) == ("0" * 16, "1.2.3")
    assert row.kind_confidence == given.row.kind_confidence and row.extra == given.row.extra
    assert failed.authentic_path is None and failed.shard is None and failed.extra == {"other": "x"}
    roles = ("authentic", "manipulated", "mask", "probability")
    assert [read_member(tmp_path, row, role) for role in roles] == list(given.files.values())
    with pytest.raises(BadImage) as error:
        read_member(tmp_path, failed, "authentic")
    assert error.value.reason is Reason.NOT_FOUND


def fields(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__}


def test_the_table_states_its_schema_settings_and_version(tmp_path):
    write_dataset(tmp_path, "a")
    metadata = pq.read_schema(tmp_path / "annotations.parquet").metadata or {}
    assert metadata[b"webiml.schema"] == b"1" and json.loads(metadata[b"webiml.settings"]) == SETTINGS
    assert metadata[b"webiml.package_version"] == b"1.2.3"
    schema = pq.read_schema(tmp_path / "annotations.parquet")
    assert str(schema.field("annotated_at").type) == "timestamp[ms, tz=UTC]"
    info = dataset_info(tmp_path)
    (tmp_path / "annotations.parquet").unlink()
    assert dataset_info(tmp_path) == info and info.format == "folder"


def test_text_that_no_table_can_hold_is_spelled_out(tmp_path):
    with open_writer(tmp_path) as writer:
        writer.add(Finished(Row(key="a", name="x\udcff", status="failed", extra={"n\ud800": "\udc80"})))
        writer.finish()
    (row,) = read_rows(tmp_path)
    assert row.name == "x\\udcff" and row.extra == {"n\\ud800": "\\udc80"}


@pytest.mark.parametrize("key", ["", ".", "..", ".x", "a/b", "a\\b", "a\n", "a" * 121, "ä"])
def test_an_unsafe_key_never_becomes_a_file_name(tmp_path, key):
    with open_writer(tmp_path) as writer, pytest.raises(ValueError, match="not safe"):
        writer.add(make_finished(key))


@pytest.mark.parametrize(
    "name", ["../mask.png", "authentic/x.jpg", "mask.jpg", "other.png", "authentic.", "mask.png\n"]
)
def test_an_unknown_file_of_a_pair_is_refused(tmp_path, name):
    with open_writer(tmp_path) as writer, pytest.raises(ValueError, match="not a file of a pair"):
        writer.add(Finished(Row(key="a", name="a", status="kept"), {name: b""}))


@SHAPES
def test_more_than_a_group_of_rows_stays_sorted(tmp_path, shape):
    keys = [f"k{number:04d}" for number in range(1100)]
    with open_writer(tmp_path, format=shape) as writer:
        for key in reversed(keys):
            writer.add(make_finished(key, "failed"))
        writer.finish()
    assert [row.key for row in read_rows(tmp_path)] == keys
    assert pq.ParquetFile(tmp_path / "annotations.parquet").num_row_groups == 2


# Going on with a dataset


@SHAPES
def test_nothing_new_changes_nothing(tmp_path, shape):
    write_dataset(tmp_path, "abcF", format=shape)
    files = [tmp_path, *tmp_path.rglob("*.[pjt]*")]
    before = {file: file.stat().st_mtime_ns for file in files}
    stop_clock(9)
    with open_writer(tmp_path, format=shape) as writer:
        assert writer.done == set("abcF")
        assert writer.finish() is False
    assert {file: file.stat().st_mtime_ns for file in files} == before


@SHAPES
def test_new_inputs_are_added_and_old_files_stay(tmp_path, shape):
    write_dataset(tmp_path, "bcd", format=shape)
    before = contents(tmp_path)
    stop_clock(9)
    write_dataset(tmp_path, "abcdeF", format=shape)
    after = contents(tmp_path)
    assert {name: after[name] for name in before if name != "annotations.parquet"} == {
        name: data for name, data in before.items() if name != "annotations.parquet"
    }
    times = {row.key: str(row.annotated_at)[-3:] for row in read_rows(tmp_path)}
    assert times == {"F": "09Z", "a": "09Z", "b": "00Z", "c": "00Z", "d": "00Z", "e": "09Z"}


def test_a_lost_table_is_written_again(tmp_path):
    write_dataset(tmp_path, "ab")
    before = contents(tmp_path)
    (tmp_path / "annotations.parquet").unlink()
    write_dataset(tmp_path, "ab")
    assert contents(tmp_path) == before


@SHAPES
def test_a_journal_cut_at_any_byte_loses_only_the_cut_line(tmp_path, shape):
    with open_writer(tmp_path, format=shape, shard_pairs=2) as writer:
        for key in "abc":
            writer.add(make_finished(key))
    journal = tmp_path / ".webiml" / "journal.jsonl"
    whole = journal.read_bytes()
    start = whole[:-1].rindex(b"\n") + 1
    write_dataset(tmp_path / "whole", "abcd", format=shape)
    for cut in {start, start + 1, (start + len(whole)) // 2, len(whole) - 2, len(whole) - 1}:
        journal.write_bytes(whole[:cut])
        assert finished_keys(tmp_path) == {"a", "b"}
    for tail in (b"", b'{"row"', b"\0" * 100, b"[]\n", b'{"row": {"key": "../x"}, "sizes": {}}\n' + whole[start:]):
        journal.write_bytes(whole[:start] + tail)
        with open_writer(tmp_path, format=shape) as writer:
            assert writer.done == {"a", "b"}
            writer.add(make_finished("c"))
        assert finished_keys(tmp_path) == {"a", "b", "c"}
    write_dataset(tmp_path, "abcd", format=shape)
    expected = contents(tmp_path / "whole")
    assert {name: data for name, data in contents(tmp_path).items() if not name.startswith("whole/")} == expected


def test_what_a_kill_left_is_swept_and_what_a_person_put_there_stays(tmp_path):
    write_dataset(tmp_path / "folder", "a")
    write_dataset(tmp_path / "shards", "a", format="shards")
    names = ["folder/masks/.b.png", "folder/.annotations.parquet", "shards/.shard-000001.tar", "shards/.webiml/.probe"]
    left = [tmp_path / f"{name}.webiml-tmp" for name in names] + [tmp_path / "shards/.webiml/staging/b.mask.png"]
    note = tmp_path / "folder" / "masks" / "note.txt"
    for file in [*left, note]:
        file.write_bytes(b"half")
    write_dataset(tmp_path / "folder", "a")
    write_dataset(tmp_path / "shards", "a", format="shards")
    assert [file for file in left if file.exists()] == [] and note.exists()


# Refusals


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"settings": {"method": "prior", "min_qes": 0.6}}, ["min_qes is 0.5 there and 0.6 now"]),
        ({"settings": {"method": "prior"}}, ["min_qes is 0.5 there and not set now"]),
        ({"format": "shards"}, ["format is folder there and shards now"]),
        ({"settings_hash": "1" * 16}, ["settings_hash is 0000000000000000 there and 1111111111111111 now"]),
        (
            {"format": "shards", "settings": {"method": "x", "min_qes": 0.6}},
            ["format is", "method is prior there and x now", "min_qes is"],
        ),
    ],
)
def test_other_settings_are_refused_by_name_and_value(tmp_path, changes, words):
    write_dataset(tmp_path, "a")
    before = contents(tmp_path)
    with pytest.raises(SettingError) as error, open_writer(tmp_path, **changes):
        pytest.fail("it was opened")
    assert all(word in str(error.value) for word in words)
    assert contents(tmp_path) == before


def test_the_size_of_shards_matters_to_shards_only(tmp_path):
    write_dataset(tmp_path / "folder", "a", shard_pairs=2)
    write_dataset(tmp_path / "folder", "a", shard_pairs=3)
    write_dataset(tmp_path / "shards", "a", format="shards", shard_pairs=2)
    with pytest.raises(SettingError, match="shard_pairs is 2 there and 3 now"):
        write_dataset(tmp_path / "shards", "a", format="shards", shard_pairs=3)


def test_a_newer_schema_is_refused(tmp_path):
    write_dataset(tmp_path, "a")
    file = tmp_path / ".webiml" / "dataset.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema": 2}))
    with pytest.raises(SettingError, match="dataset schema is 2 there and 1 now"):
        write_dataset(tmp_path, "a")


def test_a_folder_that_holds_something_else_is_not_touched(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(SettingError, match="not empty"):
        write_dataset(tmp_path, "a")
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_copy_without_its_state_can_be_read_but_not_added_to(tmp_path):
    write_dataset(tmp_path, "a")
    for file in (tmp_path / ".webiml").iterdir():
        file.unlink()
    (tmp_path / ".webiml").rmdir()
    (row,) = read_rows(tmp_path)
    assert read_member(tmp_path, row, "mask") == b"a mask.png" and dataset_info(tmp_path).settings == SETTINGS
    with pytest.raises(SettingError, match="working state"):
        write_dataset(tmp_path, "b")


def test_a_file_in_place_of_the_folder_is_a_wrong_setting_and_below_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match="is a file"):
        write_dataset(tmp_path / "file", "a")
    with pytest.raises(OutputError, match="another --out"):
        write_dataset(tmp_path / "file" / "below", "a")


def test_an_empty_disk_root_counts_as_empty(tmp_path):
    (tmp_path / "lost+found").mkdir()
    write_dataset(tmp_path, "a")
    assert finished_keys(tmp_path) == {"a"}


def test_no_dataset_no_rows(tmp_path):
    assert finished_keys(tmp_path / "nowhere") == frozenset()
    with pytest.raises(SettingError, match="not a dataset"):
        next(read_rows(tmp_path))
    with pytest.raises(SettingError, match="not a dataset"):
        dataset_info(tmp_path)
    (tmp_path / "annotations.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(SettingError, match="cannot be read"):
        next(read_rows(tmp_path))


def test_a_second_writer_is_refused_until_the_first_is_gone_even_by_a_kill(tmp_path):
    here = Path(__file__).parent
    hold = "import sys, time; from pathlib import Path; from store_samples import open_writer\n"
    hold += "with open_writer(Path(sys.argv[1])): print('open', flush=True); time.sleep(60)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[1] / "src")])}
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], stdout=subprocess.PIPE, env=environment, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "open\n"
        with pytest.raises(SettingError, match="Another run is writing"):
            write_dataset(tmp_path, "a")
        other.send_signal(signal.SIGKILL)
        other.wait()
    write_dataset(tmp_path, "a")


# What a row or a tar says is not trusted


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../secret", "authentic/../../secret", "a\\..\\secret", "C:secret", "a\0"]
)
def test_no_path_of_a_row_leads_out_of_the_dataset(tmp_path, path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "set").mkdir()
    with pytest.raises(BadImage) as error:
        read_member(tmp_path / "set", Row(key="a", name="a", status="kept", authentic_path=path), "authentic")
    assert error.value.reason is Reason.OUTSIDE_FOLDER


@pytest.mark.parametrize("shard", ["../shard-000000.tar", "/shard-000000.tar", "x.tar", "shard-000000.tar/../x"])
def test_no_shard_of_a_row_leads_out_of_the_dataset(tmp_path, shard):
    row = Row(key="a", name="a", status="kept", authentic_path="a.authentic.jpg", shard=shard)
    with pytest.raises(BadImage) as error:
        read_member(tmp_path, row, "authentic")
    assert error.value.reason is Reason.OUTSIDE_FOLDER


def test_a_damaged_or_lying_tar_is_refused(tmp_path):
    row = Row(key="a", name="a", status="kept", authentic_path="a.authentic.jpg", shard="shard-000000.tar")
    shard = tmp_path / "shard-000000.tar"
    header = tarfile.TarInfo("a.authentic.jpg")
    header.size = 1 << 40
    link = tarfile.TarInfo("a.authentic.jpg")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    linked = io.BytesIO()
    with tarfile.open(fileobj=linked, mode="w") as tar:
        tar.addfile(link)
    for data in (b"", b"not a tar" * 200, header.tobuf() + b"x" * 512, linked.getvalue()):
        shard.write_bytes(data)
        with pytest.raises(BadImage):
            read_member(tmp_path, row, "authentic")
