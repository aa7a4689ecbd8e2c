"""A run that is killed again and again ends as one that is left in peace; and the soak would see it if it did not."""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))  # scripts, not a package

import soak  # pyright: ignore[reportMissingImports]

if not hasattr(soak.os, "killpg"):
    pytest.skip("a group of processes cannot be killed here", allow_module_level=True)


def test_a_killed_run_ends_as_one_that_is_left_in_peace(tmp_path, capsys):
    assert soak.main(["--rows", "200", "--kills", "5", "--workers", "1", "--work", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "equal but for times" in printed and "worker_died" in printed
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    table = pq.read_table(calm / "annotations.parquet").to_pylist()
    assert len(table) == 200 and {row["status"] for row in table} == {"kept", "failed"}

    tar = killed / "shard-000003.tar"
    data = bytearray(tar.read_bytes())
    data[600] ^= 1
    tar.write_bytes(data)
    (killed / "stray").write_bytes(b"")
    journal = killed / soak.JOURNAL
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join([*lines[1:], lines[0]]))
    assert soak.differences(calm, killed) == ["stray", ".webiml/journal.jsonl", "shard-000003.tar"]


def test_times_alone_may_differ(tmp_path):
    for name, at, qes in (("one", 1, 0.5), ("later", 2, 0.5), ("other", 1, 0.6)):
        (tmp_path / name).mkdir()
        pq.write_table(pa.table({"annotated_at": [at], "qes": [qes]}), tmp_path / name / "annotations.parquet")
    assert soak.differences(tmp_path / "one", tmp_path / "later") == []
    assert soak.differences(tmp_path / "one", tmp_path / "other") == ["annotations.parquet"]
