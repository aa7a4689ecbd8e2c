"""`webiml review` as a user starts it."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest
from tests.app.review_pairs import make_dataset
from tests.cli.serving import ask, end, first_line, started


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("reviewed"))


def test_it_says_where_it_is_wants_its_token_and_ends_well(dataset):
    with started("review", dataset, "--no-browser", "--reviewer", "ada") as process:
        line = first_line(process)
        found = re.search(r": (http://127\.0\.0\.1:\d+/)\?token=([\w-]{43})   \(Ctrl-C ends it\)$", line)
        assert found and line.startswith(f"Review of {dataset}"), line
        address, token = found.groups()
        assert ask(address, "/api/about")[0] == 401
        status, _, about = ask(address, "/api/about", Authorization=f"Bearer {token}")
        assert (status, about["what"], about["rows"], about["reviewer"]) == (200, "dataset", 8, "ada")
        status, headers, page = ask(address, "/", Authorization=f"Bearer {token}")
        assert status == 200 and "<title>" in page and "default-src 'none'" in headers["content-security-policy"]
        decision = {"reviewer": "ada", "verdict": "accept"}
        assert ask(address, "/api/case/p0/decision", decision, Authorization=f"Bearer {token}")[0] == 200
        assert ask(address, "/api/case/p1/decision", decision)[0] == 401
        code, out, errors = end(process, signal.SIGINT)
    assert (code, out, errors) == (0, f"1 decision was added to {dataset / 'reviews.jsonl'}.\n", "")


def test_it_goes_on_where_it_was_told_and_sigterm_ends_it(dataset):
    with started("review", dataset, "--no-browser", "--quiet", "--host", "::1") as process:
        line = first_line(process)
        if not line:
            pytest.skip("this machine has no IPv6")
        address, token = line.split("?token=")
        assert address.startswith("http://[::1]:")
        assert ask(address, "/api/about", Authorization=f"Bearer {token}")[0] == 200
        assert end(process, signal.SIGTERM) == (0, "", "")


def test_for_a_program_it_is_one_object(dataset):
    with started("review", dataset, "--json") as process:
        said = json.loads(first_line(process))
        assert said["url"] == f"{said['address']}?token={said['token']}"
        assert end(process, signal.SIGINT) == (0, "", "")


def test_what_cannot_be_reviewed_is_a_sentence(webiml_here, dataset, tmp_path):
    empty = webiml_here("review", tmp_path)
    assert empty.returncode == 2 and "nothing to review" in empty.stderr
    elsewhere = webiml_here("review", "s3://bucket/dataset")
    assert elsewhere.returncode == 2 and elsewhere.stderr.startswith("s3://bucket/dataset must be a folder")
    missing = webiml_here("review", tmp_path / "missing")
    assert missing.returncode == 2 and "is not a folder" in missing.stderr
    nameless = webiml_here("review", dataset, "--reviewer", "a\tb,c")
    assert nameless.returncode == 2 and "reviewer's name" in nameless.stderr
    far = webiml_here("review", dataset, "--host", "0.0.0.0")
    assert far.returncode == 2 and "--allow-host" in far.stderr
