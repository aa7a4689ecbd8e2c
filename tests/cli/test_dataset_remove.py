"""`webiml dataset remove` as a user runs it: real processes, real files, a real server."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from tests.collect.web_server import WebServer
from tests.collect.web_server import sha256 as sha256_of
from tests.datasets.removal_places import contents, traces

from webiml.store.dataset import read_rows
from webiml.store.place import Place
from webiml.store.removal import FILE_NAME, Plan, write_plan


@pytest.fixture(scope="module")
def annotated(webiml, made_pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of the pairs edited, other, page (failed) and same, with its page."""
    out = tmp_path_factory.mktemp("annotated") / "dataset"
    done = webiml("annotate", made_pairs, "--out", out, "--method", "prior", "--pictures")
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def dataset(annotated: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return Path(shutil.copytree(annotated, tmp_path / "dataset"))


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_what_would_go_is_listed_and_nothing_is_written(webiml_here, dataset, pairs):
    before = contents(dataset)
    done = webiml_here("dataset", "remove", dataset, "--sha256", digest(pairs / "edited" / "1.png"), "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"dataset {dataset}   pairs 1   pictures 1",
        "keys      edited",
        "anew      report.html",
        "tombstone each place would refuse 1 thing from now on",
        "next      without --dry-run the same command takes this out; now nothing was",
    ]
    assert contents(dataset) == before


def test_nothing_goes_that_nobody_agreed_to(webiml, dataset):
    before = contents(dataset)
    done = webiml("dataset", "remove", dataset, "--key", "edited", stdin=-3)  # no terminal to ask at
    assert done.returncode == 2 and "then give --yes" in done.stderr
    assert contents(dataset) == before


def test_a_pair_goes_the_page_is_drawn_again_and_annotate_does_not_bring_it_back(webiml, dataset, pairs, tmp_path):
    data = (pairs / "edited" / "1.png").read_bytes()
    assert webiml("dataset", "card", dataset, "--name", "My cats").returncode == 0
    page = (dataset / "report.html").read_text()
    done = webiml("dataset", "remove", dataset, "--sha256", digest(pairs / "edited" / "1.png"), "--yes", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    summary = json.loads(done.stdout)
    assert (summary["matched"], summary["tombstones"], summary["not_redrawn"]) == (True, 1, [])
    assert (summary["places"][0]["rows"], summary["places"][0]["keys"], summary["places"][0]["report"]) == (
        *(1, ["edited"], True),
    )
    anew = (dataset / "report.html").read_text()
    assert "edited" in page and "<img" in anew
    assert anew.count("data:image") < page.count("data:image")

    assert "pretty_name: My cats" in (dataset / "README.md").read_text()
    assert webiml("dataset", "verify", dataset).returncode == 0
    before = contents(dataset)
    shutil.copytree(pairs / "edited", pairs / "under-another-name")
    done = webiml("annotate", pairs, "--out", dataset, "--method", "prior", "--pictures", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["inputs"], summary["resumed"], summary["reasons"]["removed"]) == (5, 4, 2)
    rows = {row.key: row for row in read_rows(dataset)}
    for key in ("edited", "under-another-name"):
        assert (rows[key].name, rows[key].reason, rows[key].manipulated_sha256) == (key, "removed", None)
    assert traces(dataset, [data, hashlib.sha256(data).hexdigest().encode()]) == []
    pictures = {name for name in contents(dataset) if name.endswith((".png", ".jpg"))}
    assert pictures == {name for name in before if name.endswith((".png", ".jpg"))}
    assert webiml("dataset", "verify", dataset).returncode == 0


def test_nothing_found_is_said_and_no_fault(webiml_here, dataset):
    done = webiml_here("dataset", "remove", dataset, "--author", "Jane Doe", "--yes")
    assert done.returncode == 0
    assert "nothing was found\n" in done.stdout and "tombstone each place refuses 1 thing" in done.stdout
    done = webiml_here("dataset", "remove", dataset, "--key", "no-such-key")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "nothing was found, and nothing was changed")
    assert webiml_here("dataset", "remove", dataset, "--key", "no-such-key", "--quiet").stdout == ""


def test_a_wrong_call_is_one_sentence(webiml_here, dataset, tmp_path):
    for arguments, words in (
        ((), "Give a store, a dataset or an export"),
        ((dataset,), "Say what is to be taken out"),
        ((dataset, "--sha256", "12"), "no SHA-256"),
        ((tmp_path / "nothing", "--key", "a"), "holds none"),
    ):
        done = webiml_here("dataset", "remove", *arguments)
        assert (done.returncode, done.stdout) == (2, "") and words in done.stderr and "Traceback" not in done.stderr


def test_other_commands_wait_until_a_removal_that_was_stopped_is_ended(webiml_here, dataset, pairs):
    plan = Plan("dataset", (str(dataset),), True, (), (), (), keys=("edited",), finished=True, report="pictures")
    write_plan(Place(str(dataset)), plan)
    done = webiml_here("annotate", pairs, "--out", dataset, "--method", "prior")
    assert done.returncode == 2 and f"run webiml dataset remove {dataset} first" in done.stderr
    done = webiml_here("dataset", "remove", dataset)
    assert done.returncode == 0 and "(ends a removal that was stopped)" in done.stdout
    assert not (dataset / FILE_NAME).exists()
    assert webiml_here("annotate", pairs, "--out", dataset, "--method", "prior").returncode == 0


def test_collect_does_not_bring_it_back(webiml, tmp_path):
    def links(file_name: str, server: WebServer, *rows: tuple[str, str, str]) -> Path:
        with open(tmp_path / file_name, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["group", "role", "name", "url", "author"])
            writer.writerow(["g", "authentic", "0", server.url("/picture/0.jpg"), "Ann"])
            for name, path, author in rows:
                writer.writerow(["g", "manipulated", name, server.url(path), author])
        return tmp_path / file_name

    store = tmp_path / "store"
    here = ("--out", store, "--contact", "tests@example.org", "--allow-private", "--host-rate", "0", "--quiet")
    with WebServer() as server:
        first = links("first.csv", server, ("1", "/picture/1.jpg", "Bob"), ("2", "/picture/2.jpg", "Carol"))
        done = webiml("collect", first, *here)
        assert done.returncode == 0, done.stderr
        done = webiml("dataset", "remove", store, "--author", "bob", "--yes", "--json")
        assert json.loads(done.stdout)["places"][0]["rows"] == 1
        server.requests.clear()
        assert webiml("collect", first, *here, "--refresh").returncode == 0
        again = [("1", "/picture/1.jpg", "Bob"), ("other", "/picture/1.jpg?a", "Zoe"), ("3", "/picture/3.jpg", "BOB")]
        assert webiml("collect", links("again.csv", server, *again), *here).returncode == 0
        assert [path for path in server.paths() if path.startswith(("/picture/1.jpg", "/picture/3.jpg"))] == [
            "/picture/1.jpg?a"  # nobody could know; its bytes are refused
        ]
    assert traces(store, [sha256_of("1.jpg").encode(), b"number 1", b"bob", b"/picture/1.jpg", b"zoe"]) == []
    assert len(list((store / "pictures").rglob("*.jpg"))) == 2
