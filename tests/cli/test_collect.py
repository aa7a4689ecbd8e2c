"""`webiml collect` as a user runs it, against a real server."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.collect.web_server import WebServer

from webiml.store.links import generations, read_generation, read_links
from webiml.store.place import open_place

HERE = ["--contact", "tests@example.org", "--allow-private", "--host-rate", "0"]


def table(path: Path, server: WebServer, paths: list[tuple[str, str]]) -> Path:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "authentic_url", "manipulated_url", "license", "score"])
        for at, (authentic, manipulated) in enumerate(paths):
            writer.writerow([f"pair{at}", server.url(authentic), server.url(manipulated), "CC0-1.0", at])
    return path


def test_links_become_a_store_and_the_store_a_dataset(tmp_path, webiml):
    with WebServer() as server:
        pairs = [("/picture/1.jpg", "/picture/2.jpg"), ("/picture/1.jpg", "/picture/3.png"), ("/status/404", "/page")]
        links = table(tmp_path / "links.csv", server, pairs)
        done = webiml("collect", links, "--out", tmp_path / "store", *HERE, "--json", "--quiet")
        assert done.returncode == 0, done.stderr
        summary = json.loads(done.stdout)
        assert server.paths().count("/picture/1.jpg") == 1
    assert (summary["links"], summary["fetched"], summary["failed"]) == (5, 3, 2)
    assert summary["reasons"] == {"gone": 1, "not_an_image": 1} and summary["table"] == "links/000000.parquet"
    done = webiml("annotate", tmp_path / "store", "--out", tmp_path / "dataset", "--no-pictures", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["inputs"] == 3 and summary["failed"] == 1 and summary["reasons"]["not_fetched"] == 1


def test_a_person_reads_a_table_and_what_to_do_next(tmp_path, webiml):
    with WebServer() as server:
        links = table(tmp_path / "links.csv", server, [("/picture/1.jpg", "/status/410")])
        done = webiml("collect", links, "--out", tmp_path / "store", *HERE)
        assert done.returncode == 0
        assert "links 2   fetched 1   failed 1" in done.stdout and "gone 1" in done.stdout
        assert f"webiml annotate {tmp_path / 'store'} --out dataset" in done.stdout
        again = webiml("collect", links, "--out", tmp_path / "store", *HERE, "--strict")
    assert again.returncode == 0 and "nothing to do" in again.stdout


def test_strict_makes_a_failed_link_exit_1(tmp_path, webiml_here):
    with WebServer() as server:
        links = table(tmp_path / "links.csv", server, [("/picture/1.jpg", "/status/410")])
        assert webiml_here("collect", links, "--out", tmp_path / "store", *HERE, "--strict").returncode == 1


def test_a_dry_run_asks_for_nothing_and_writes_nothing(tmp_path, webiml_here):
    with WebServer() as server:
        links = table(tmp_path / "links.csv", server, [("/picture/1.jpg", "/picture/2.jpg")])
        done = webiml_here("collect", links, "--out", tmp_path / "store", *HERE[:2], "--dry-run", "--json")
        assert not server.requests
    planned = json.loads(done.stdout)
    assert (planned["links"], planned["to_ask"], planned["hosts"]) == (2, 2, {"127.0.0.1": 2})
    assert planned["seconds"] == 0.4  # two requests at five a second
    assert not (tmp_path / "store").exists()


def test_a_private_address_is_refused_unless_allowed(tmp_path, webiml_here):
    with WebServer() as server:
        links = table(tmp_path / "links.csv", server, [("/picture/1.jpg", "/picture/2.jpg")])
        done = webiml_here("collect", links, "--out", tmp_path / "store", *HERE[:2], "--json")
        assert not server.requests
    assert json.loads(done.stdout)["reasons"] == {"private_address": 2}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "Give --contact"),
        (["--contact", "a@b.c", "--retry", "slowness"], "knows no reason 'slowness'"),
        (["--contact", "a@b.c", "--retry", "gone", "--refresh"], "not both"),
        (["--contact", "a@b.c", "--connections", "0"], "--connections must lie between"),
        (["--contact", "a@b.c", "--reader", "nothing"], "must look like package.module:function"),
        (["--contact", "a@b.c", "--dataset", "d"], "is for a manifest"),
        (["--contact", "a\nb"], "must be one line"),
    ],
    ids=["contact", "reason", "both", "limit", "reader", "dataset", "line"],
)
def test_a_wrong_setting_is_one_sentence_before_anything_is_asked(tmp_path, webiml_here, flags, words):
    (tmp_path / "links.csv").write_text("url,group,name\nhttp://127.0.0.1:9/1.jpg,1,1\n")
    done = webiml_here("collect", tmp_path / "links.csv", "--out", tmp_path / "store", *flags)
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "store").exists()


def test_an_output_that_is_something_else_or_cannot_be_written_is_refused(tmp_path, webiml_here):
    (tmp_path / "links.csv").write_text("url,group,name\nhttp://127.0.0.1:9/1.jpg,1,1\n")
    done = webiml_here("collect", tmp_path / "links.csv", "--out", tmp_path, *HERE)
    assert done.returncode == 2 and "is not a store of webiml" in done.stderr
    done = webiml_here("collect", tmp_path / "links.csv", "--out", tmp_path / "links.csv" / "store", *HERE)
    assert done.returncode == 3, done.stderr


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_stopped_in_the_middle_it_goes_on_and_asks_for_nothing_twice(tmp_path, webiml, how):
    with WebServer() as server:
        paths = [(f"/picture/{n}.jpg", f"/slow/0.03/{n + 1000}.jpg") for n in range(80)]
        links = table(tmp_path / "links.csv", server, paths)
        whole = webiml("collect", links, "--out", tmp_path / "whole", *HERE, "--quiet")
        assert whole.returncode == 0, whole.stderr
        server.requests.clear()
        command = [sys.executable, "-m", "webiml", "collect", str(links), "--out", str(tmp_path / "store"), *HERE]
        command += ["--host-connections", "2", "--quiet"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            while len(server.paths()) < 60 and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(how)
            _, errors = process.communicate(timeout=30)
            assert process.returncode == (130 if how == signal.SIGINT else -9), errors
            assert "Traceback" not in errors
        asked = set(server.paths())
        assert len(asked) < 160
        done = webiml("collect", links, "--out", tmp_path / "store", *HERE, "--json", "--quiet")
        summary = json.loads(done.stdout)
        twice = len(server.paths()) - len(set(server.paths()))
    assert twice <= 2  # those that were on their way when it was stopped
    assert summary["resumed"] >= len(asked) - 2 and summary["fetched"] == 160
    assert generations(open_place(tmp_path / "store")) == [0]

    def timeless(store: Path) -> list[dict[str, object]]:
        rows = read_generation(open_place(store), 0)
        return [{name: getattr(row, name) for name in row.__slots__ if name != "fetched_at"} for row in rows]

    assert timeless(tmp_path / "store") == timeless(tmp_path / "whole")


def test_a_full_disk_stops_with_3_and_the_same_command_resumes(tmp_path, webiml):
    with WebServer() as server:
        links = table(tmp_path / "links.csv", server, [(f"/picture/{n}.jpg", f"/picture/{n}.png") for n in range(20)])
        limited = (
            "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000));"
            "from webiml.cli.main import main; main()"
        )
        command = [sys.executable, "-c", limited, "collect", str(links), "--out", str(tmp_path / "store"), *HERE]
        full = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ})
        assert full.returncode == 3 and "Free space and run the same command again" in full.stderr, full.stderr
        assert "Traceback" not in full.stderr
        done = webiml("collect", links, "--out", tmp_path / "store", *HERE, "--json", "--quiet")
        assert json.loads(done.stdout)["fetched"] == 40 and json.loads(done.stdout)["resumed"] > 0
        assert len(server.paths()) <= 40 + 40  # the journal was full before all had been asked for


def test_a_reader_of_ones_own_is_a_function(tmp_path, webiml):
    with WebServer() as server:
        (tmp_path / "my_source.py").write_text(
            "from webiml.types import Link\n"
            "def lines(path):\n"
            "    for at, url in enumerate(path.read_text().split()):\n"
            "        yield Link(str(at), 'g', 'authentic' if at == 0 else 'manipulated', url)\n"
        )
        (tmp_path / "links.txt").write_text(f"{server.url('/picture/1.jpg')}\n{server.url('/picture/2.jpg')}\n")
        flags = ["--reader", "my_source:lines", *HERE, "--json"]
        done = webiml("collect", tmp_path / "links.txt", "--out", tmp_path / "store", *flags, cwd=tmp_path)
    assert json.loads(done.stdout)["fetched"] == 2, done.stderr
    assert [row.role for row in read_links(open_place(tmp_path / "store"))] == ["authentic", "manipulated"]


def test_a_store_on_s3_is_written_and_annotated(tmp_path, webiml_here, pairs, s3):
    done = webiml_here("collect", pairs, "--out", f"{s3}/store", "--json")
    assert json.loads(done.stdout)["fetched"] == 7, done.stderr  # of eight files one is a page
    flags = ["--method", "prior", "--no-pictures", "--workers", "1", "--json"]
    done = webiml_here("annotate", f"{s3}/store", "--out", tmp_path / "dataset", *flags)
    assert done.returncode == 0 and json.loads(done.stdout)["inputs"] == 4, done.stderr
    for key in ("edited", "other", "same"):
        for role, name in (("authentic", "0.png"), ("manipulated", "1.png")):
            assert (tmp_path / "dataset" / role / f"{key}.png").read_bytes() == (pairs / key / name).read_bytes()
    lost = webiml_here("annotate", "s3://no-such-bucket-of-ours/store", "--out", tmp_path / "lost")
    assert lost.returncode == 2 and "Traceback" not in lost.stderr and "s3://no-such-bucket-of-ours" in lost.stderr


def test_an_object_store_without_keys_or_that_does_not_answer_is_one_sentence(tmp_path, webiml):
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    none = dict.fromkeys(keys, "") | {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}
    for environment, words, code in (
        (none, "There are no keys for s3://bucket/store", 2),
        (keys, "Could not connect", 1),
    ):
        environment = {**environment, "AWS_MAX_ATTEMPTS": "1"}
        done = webiml("annotate", "s3://bucket/store", "--out", tmp_path / "dataset", env=environment)
        assert done.returncode == code and words in done.stderr, done.stderr
        assert "Traceback" not in done.stderr and "unforeseen" not in done.stderr
