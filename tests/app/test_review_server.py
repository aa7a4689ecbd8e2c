"""What the page asks and gets, without a browser: masks that people draw, decisions, and requests that mean harm."""

import json
import os
import shutil
from collections.abc import MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from starlette.testclient import TestClient
from tests.app.review_client import client_of, pixels, rectangle, rectangle_mask, small
from tests.datasets.edited import edit_rows
from tests.datasets.small_dataset import HEIGHT, WIDTH, levels

from webiml.app.review.grid import grid_of
from webiml.app.review.open import open_cases
from webiml.app.review.server import review_app
from webiml.errors import SettingError
from webiml.store.dataset import read_member
from webiml.store.reviews import read_reviewed
from webiml.types import Row

CASE = "/api/case/pair-1"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A dataset that nobody changes."""
    return small(tmp_path_factory.mktemp("made") / "d")


@pytest.fixture(scope="module")
def onlooker(made) -> TestClient:
    """Of whom nothing is taken down."""
    return client_of(made)


@pytest.fixture
def folder(made, tmp_path) -> Path:
    return shutil.copytree(made, tmp_path / "d")


@pytest.fixture
def client(folder) -> TestClient:
    return client_of(folder)


def row_of(folder: Path, key: str) -> Row:
    return next(row for row in read_reviewed(folder) if row.key == key)


def stored_mask(folder: Path, key: str) -> np.ndarray:
    """(H, W) bool as every reader of the dataset gets it."""
    return pixels(read_member(folder, row_of(folder, key), "mask")) == 255


def answer(response, status: int = 200) -> dict:
    assert response.status_code == status, response.text
    return response.json()


def lines(folder: Path) -> list[dict]:
    path = folder / "reviews.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_the_page_learns_what_it_shows(onlooker):
    client = onlooker
    about = answer(client.get("/api/about"))
    assert (about["what"], about["title"], about["rows"], about["reviewer"]) == ("dataset", "d", 6, "Ann")
    assert about["filters"]["status"] == {"kept": 3, "rejected": 2, "failed": 1}
    assert (about["threshold"], about["decisions"]) == (0.5, 0)
    assert about["orders"][0] == "doubt" and len(about["reasons"]) == 6
    queue = answer(client.get("/api/queue"))
    assert (queue["total"], queue["decided"], queue["of"]) == (5, 0, 5)
    limited = answer(client.get("/api/queue", params={"limit": 0}))
    assert (limited["keys"], limited["total"]) == ([], 5)
    rows = answer(client.get("/api/rows", params={"keys": queue["keys"][:2]}))["rows"]
    assert [row["key"] for row in rows] == queue["keys"][:2]
    assert rows[0]["state"] == {"status": rows[0]["status"], "reason": rows[0]["reason"], "mask": None}
    assert (rows[0]["mine"], rows[0]["by"], rows[0]["score"]) == (None, [], None)
    case = answer(client.get(CASE))
    assert case["size"] == case["grid"] == [HEIGHT, WIDTH]
    assert (case["level"], case["draft"], case["problem"], case["decisions"]) == (128, None, "", [])
    failed = answer(client.get("/api/case/pair-5"))
    assert (failed["views"], failed["size"]) == ([], None) and failed["problem"]


@pytest.mark.parametrize("shape", ["folder", "shards"])
def test_every_view_that_is_named_is_there_at_the_size_of_the_grid(tmp_path, shape):
    client = client_of(small(tmp_path / "d", shape))
    for key in ("pair-1", "pair-4"):
        for view in answer(client.get(f"/api/case/{key}"))["views"]:
            response = client.get(f"/api/case/{key}/{view}")
            assert response.status_code == 200, response.text
            if view != "authentic":
                assert pixels(response.content).shape[:2] == (HEIGHT, WIDTH), view
            kept = "no-store" if view == "mask" else "private, max-age=300"
            assert response.headers["cache-control"] == kept
    assert np.array_equal(pixels(client.get(f"{CASE}/levels").content), levels(1))
    assert np.array_equal(pixels(client.get(f"{CASE}/mask").content) == 255, levels(1) >= 128)
    assert not pixels(client.get("/api/case/pair-4/base").content).any()
    for view in ("levels", "mask2", "truth", "aligned%2f..%2fmask", "__class__"):
        assert answer(client.get(f"/api/case/pair-4/{view}"), 404)["error"]


def test_an_accepted_mask_is_what_was_drawn_on_the_machine_s(folder, client):
    assert answer(client.post(f"{CASE}/draft", json=rectangle()))["count"] == 1
    assert answer(client.post(f"{CASE}/draft", json=rectangle(0, 3)))["count"] == 2
    wanted = (levels(1) >= 128) | rectangle_mask()
    wanted[30:34, 20:23] = False
    found = answer(client.post(f"{CASE}/decision", json={"verdict": "accept", "note": "mended"}))
    decision = found["decision"]
    assert np.array_equal(stored_mask(folder, "pair-1"), wanted)
    assert decision["mask_area"] == pytest.approx(wanted.mean()) and decision["components"] == 2
    assert (decision["note"], decision["threshold"], decision["reviewer"]) == ("mended", None, "Ann")
    assert found["state"] == {"status": "kept", "reason": None, "mask": decision["mask"]}
    assert np.array_equal(pixels(client.get(f"{CASE}/mask").content) == 255, wanted)
    assert answer(client.get(CASE))["draft"] is None  # it has become the mask
    assert [line["verdict"] for line in lines(folder)] == ["accept"]


def test_on_a_large_picture_each_pixel_of_the_grid_marks_all_that_lie_in_it(folder, client, monkeypatch):
    monkeypatch.setattr("webiml.app.review.pictures.grid_of", lambda size: grid_of(size, 1000))
    height, width = answer(client.get(CASE))["grid"]
    assert (height, width) == (27, 36)  # 48 x 64 pixels
    runs = [[row * width + 20, 6] for row in range(16, 20)]
    on_grid = np.zeros((height, width), bool)
    on_grid[16:20, 20:26] = True
    answer(client.post(f"{CASE}/draft", json={"stroke": {"value": 1, "runs": [n for run in runs for n in run]}}))
    answer(client.post(f"{CASE}/decision", json={"verdict": "accept"}))
    wanted = levels(1) >= 128
    for y, x in np.ndindex(HEIGHT, WIDTH):
        wanted[y, x] |= on_grid[y * height // HEIGHT, x * width // WIDTH]
    assert np.array_equal(stored_mask(folder, "pair-1"), wanted)
    shown = pixels(client.get(f"{CASE}/base").content) == 255
    assert shown.shape == (height, width) and np.array_equal(shown[15:], on_grid[15:])  # below the machine's part
    for view in ("aligned", "difference", "levels", "superpixels"):
        assert pixels(client.get(f"{CASE}/{view}").content).shape[:2] == (height, width)


def test_a_threshold_marks_what_the_probability_reaches(folder, client):
    found = answer(client.post(f"{CASE}/draft", json={"threshold": 60}))
    assert found == {"count": 0, "threshold": 60, "base": None}
    found = answer(client.post(f"{CASE}/decision", json={"verdict": "accept"}))
    assert found["decision"]["threshold"] == 60
    assert np.array_equal(stored_mask(folder, "pair-1"), levels(1) >= 60)
    found = answer(client.post("/api/case/pair-2/decision", json={"verdict": "accept", "threshold": 100}))
    assert np.array_equal(stored_mask(folder, "pair-2"), levels(2) >= 100)


def test_the_machine_s_own_mask_is_not_stored_again(folder, client):
    client.post(f"{CASE}/draft", json=rectangle())
    client.post(f"{CASE}/draft", json={"undo": True})
    found = answer(client.post(f"{CASE}/decision", json={"verdict": "accept", "threshold": 128}))
    assert (found["decision"]["mask"], found["state"]["mask"]) == (None, None)
    assert not (folder / "reviews").exists()


def test_a_draft_goes_on_from_what_somebody_drew_before(folder, client):
    client.post(f"{CASE}/draft", json=rectangle())
    answer(client.post(f"{CASE}/decision", json={"verdict": "accept"}))
    first = stored_mask(folder, "pair-1")
    bo = {"reviewer": "Bo"}
    answer(client.post(f"{CASE}/draft", json=bo | rectangle(0, 2)))
    answer(client.post(f"{CASE}/draft", json={"threshold": 60} | {"reviewer": "Cy"}))
    answer(client.post(f"{CASE}/decision", json={"verdict": "reject", "reason": "unclear", "reviewer": "Cy"}))
    assert np.array_equal(pixels(client.get(f"{CASE}/base", params=bo).content) == 255, first)
    answer(client.post(f"{CASE}/decision", json=bo | {"verdict": "accept"}))
    second = first.copy()
    second[30:34, 20:22] = False
    answer(client.post("/api/undo", json={"reviewer": "Cy"}))
    assert np.array_equal(stored_mask(folder, "pair-1"), second)


def test_accepting_without_drawing_means_the_mask_that_was_seen(folder, client):
    client.post(f"{CASE}/draft", json=rectangle())
    drawn = answer(client.post(f"{CASE}/decision", json={"verdict": "accept"}))["decision"]["mask"]
    bo = {"reviewer": "Bo", "verdict": "accept"}
    assert answer(client.post(f"{CASE}/decision", json=bo))["decision"]["mask"] == drawn
    assert answer(client.post(f"{CASE}/decision", json=bo | {"mask": None}))["state"]["mask"] is None
    assert answer(client.post(f"{CASE}/decision", json=bo | {"mask": drawn}))["state"]["mask"] == drawn
    assert "drawn" in answer(client.post(f"{CASE}/decision", json=bo | {"mask": "0" * 64}), 409)["error"]


def test_undo_gives_back_the_row_and_what_was_drawn(folder, client):
    client.post(f"{CASE}/draft", json=rectangle())
    found = answer(client.post(f"{CASE}/decision", json={"verdict": "accept"}))
    undone = answer(client.post("/api/undo", json={}))
    assert undone == {"key": "pair-1", "state": {"status": "kept", "reason": None, "mask": None}}
    draft = answer(client.get(CASE))["draft"]
    assert draft == {"threshold": None, "base": found["decision"]["mask"], "strokes": [], "count": 0}
    again = answer(client.post(f"{CASE}/decision", json={"verdict": "accept"}))
    assert again["decision"]["mask"] == found["decision"]["mask"]
    assert [line["verdict"] for line in lines(folder)] == ["accept", "undo", "accept"]
    assert answer(client.post("/api/undo", json={"reviewer": "Bo"}), 409)["error"]


def test_a_rejection_leaves_the_draft_and_names_its_reason(folder, client):
    client.post(f"{CASE}/draft", json=rectangle())
    found = answer(client.post(f"{CASE}/decision", json={"verdict": "reject", "reason": "not_a_pair"}))
    assert found["state"] == {"status": "rejected", "reason": "not_a_pair", "mask": None}
    assert answer(client.get(CASE))["draft"]["count"] == 1
    assert answer(client.delete(f"{CASE}/draft")) == {}
    assert answer(client.get(CASE))["draft"] is None
    assert row_of(folder, "pair-1").machine_status == "kept"


def test_what_cannot_be_decided_is_said(folder, client):
    accept = {"verdict": "accept"}
    assert "Nothing is marked" in answer(client.post("/api/case/pair-4/decision", json=accept), 409)["error"]
    assert "could not be read" in answer(client.post("/api/case/pair-5/decision", json=accept), 409)["error"]
    assert answer(client.post("/api/case/pair-5/draft", json=rectangle()), 409)["error"]
    assert lines(folder) == []
    client.post("/api/case/pair-4/draft", json=rectangle())  # on a pair on which the machine drew nothing
    answer(client.post("/api/case/pair-4/decision", json=accept))
    assert row_of(folder, "pair-4").status == "kept"


def test_two_people_see_one_another_at_once(folder, client):
    bo = client_of(folder, "Bo")  # another process would have its own Session, too
    accept = {"verdict": "accept"}
    answer(client.post(f"{CASE}/decision", json=accept))
    since = answer(client.get("/api/changes"))["next"]
    answer(bo.post(f"{CASE}/decision", json={"verdict": "reject", "reason": "unclear"}))
    changes = answer(client.get("/api/changes", params={"since": since}))
    assert [(one["reviewer"], one["verdict"]) for one in changes["decisions"]] == [("Bo", "reject")]
    assert answer(client.get("/api/changes", params={"since": changes["next"]}))["decisions"] == []
    [row] = answer(client.get("/api/rows", params={"keys": ["pair-1"]}))["rows"]
    assert row["state"] == {"status": "rejected", "reason": "disputed", "mask": None}
    assert row["by"] == [{"reviewer": "Ann", "verdict": "accept"}, {"reviewer": "Bo", "verdict": "reject"}]
    assert (row["mine"], answer(client.get("/api/queue"))["disputed"]) == ("accept", 1)
    answer(bo.post("/api/case/pair-0/decision", json=accept))
    answer(client.post("/api/case/pair-0/decision", json=accept))
    found = answer(client.get("/api/agreement"))
    assert (found["reviewers"], found["disputed"]) == ({"Ann": 2, "Bo": 2}, 1)
    assert (found["pairs"][0]["rows"], found["pairs"][0]["agreement"]) == (2, 0.5)
    assert (found["pairs"][0]["masks"], found["pairs"][0]["mask_iou"]) == (1, 1.0)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("draft", b""),
        ("draft", b"not json"),
        ("draft", b"[1, 2]"),
        ("draft", b'{"threshold": NaN}'),
        ("draft", b"\xff\xfe"),
        ("draft", b"[" * 100_000),
        ("draft", b"{}"),
        ("draft", b'{"stroke": {"value": 1, "runs": [0, 99999]}}'),
        ("draft", b'{"stroke": {"value": 1, "runs": [-1, 2]}}'),
        ("draft", b'{"stroke": {"value": 1, "runs": [1e400, 2]}}'),
        ("draft", b'{"stroke": {"value": 1, "runs": {"0": 1}}}'),
        ("draft", b'{"undo": true, "reviewer": 5}'),
        ("draft", b'{"undo": true, "reviewer": ""}'),
        ("draft", b'{"undo": true, "reviewer": "a\\u0000b"}'),
        ("draft", b'{"undo": true, "reviewer": "' + b"x" * 200 + b'"}'),
        ("decision", b"{}"),
        ("decision", b'{"verdict": "undo"}'),
        ("decision", b'{"verdict": ["accept"]}'),
        ("decision", b'{"verdict": "reject"}'),
        ("decision", b'{"verdict": "reject", "reason": "low_qes"}'),
        ("decision", b'{"verdict": "reject", "reason": {}}'),
        ("decision", b'{"verdict": "accept", "threshold": 0}'),
        ("decision", b'{"verdict": "accept", "threshold": "128"}'),
        ("decision", b'{"verdict": "accept", "mask": "../../x"}'),
        ("decision", b'{"verdict": "accept", "note": 1}'),
        ("decision", b'{"verdict": "reject", "reason": "unclear", "note": "' + b"x" * 3000 + b'"}'),
        ("decision", b'{"verdict": "reject", "reason": "unclear", "reviewer": "\\ud800"}'),
    ],
    ids=lambda value: str(value)[:60],
)
def test_bodies_that_are_wrong_are_refused_in_a_sentence(made, onlooker, path, body):
    response = onlooker.post(f"{CASE}/{path}", content=body)
    assert response.status_code in (400, 409), response.text
    assert len(response.json()["error"]) > 10
    assert lines(made) == [] and not (made / ".webiml" / "review").exists()


def test_a_note_with_half_a_character_is_kept_and_answered(folder, client):
    body = b'{"verdict": "reject", "reason": "unclear", "note": "\\ud800"}'
    assert answer(client.post(f"{CASE}/decision", content=body))["decision"]["note"] == "\\ud800"


def test_a_large_body_is_refused_before_it_is_all_read(client, monkeypatch):
    monkeypatch.setattr("webiml.app.review.requests.MAX_BODY", 100)
    assert "at most 100" in answer(client.post(f"{CASE}/draft", content=b"x" * 101), 413)["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/case/pair-9", 404),
        ("GET", "/api/case/..%2f..%2fetc", 404),
        ("GET", "/api/case/../../../etc/passwd", 404),
        ("GET", "/api/case/pair-9/mask", 404),
        ("POST", "/api/case/pair-9/draft", 404),
        ("POST", "/api/case/pair-9/decision", 404),
        ("DELETE", "/api/case/pair-9/draft", 404),
        ("GET", "/api/rows?keys=pair-1&keys=..%2fx", 404),
        ("GET", "/api/rows?" + "&".join(["keys=pair-1"] * 201), 400),
        ("GET", "/api/queue?order=__class__", 400),
        ("GET", "/api/queue?review=none", 400),
        ("GET", "/api/queue?reviewer=" + "x" * 200, 400),
        ("GET", "/api/changes?since=-1", 400),
        ("GET", "/api/queue?limit=1e3", 400),
        ("GET", "/api/changes?since=%D9%A1", 400),  # a digit of another alphabet
        ("GET", "/api/changes?since=99999999999999999999", 400),
        ("GET", "/static/../server.py", 404),
        ("GET", "/static/..%2fserver.py", 404),
        ("GET", "/static//etc/passwd", 404),
        ("GET", "/nothing", 404),
        ("POST", "/api/about", 405),
        ("PUT", "/api/case/pair-1/draft", 405),
    ],
)
def test_addresses_that_there_are_not_are_refused_in_a_sentence(onlooker, method, path, status):
    body = rectangle() | {"verdict": "accept"} if path.endswith("decision") else rectangle()
    response = onlooker.request(method, path, **({"json": body} if method == "POST" else {}))
    assert len(answer(response, status)["error"]) > 10


def test_what_nobody_foresaw_is_a_sentence_too(client, monkeypatch, caplog):
    def broken(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("webiml.app.review.session.Session.about", broken)
    with caplog.at_level("INFO", "webiml"):
        found = answer(client.get("/api/about"), 500)
    assert "secret" not in found["error"]
    assert [record.getMessage() for record in caplog.records if record.name == "webiml"] == ["review_failed"]


def test_damaged_files_of_a_dataset_are_said_and_the_rest_is_shown(folder, client):
    (folder / "probability" / "pair-1.png").write_bytes(b"\x89PNG damaged")
    assert answer(client.get(f"{CASE}/levels"), 404)["error"].startswith("This cannot be shown")
    assert client.get(f"{CASE}/manipulated").status_code == 200
    assert answer(client.post(f"{CASE}/decision", json={"verdict": "accept"}), 409)["error"]


def test_a_damaged_draft_is_told_and_can_be_dropped(folder, client):
    client.post(f"{CASE}/draft", json=rectangle())
    [path] = (folder / ".webiml" / "review").iterdir()
    path.write_bytes(b"{}\n")
    assert "drop it" in answer(client.get(CASE))["problem"]
    assert answer(client.post(f"{CASE}/draft", json=rectangle()), 409)["error"]
    answer(client.delete(f"{CASE}/draft"))
    assert answer(client.post(f"{CASE}/draft", json=rectangle()))["count"] == 1


def test_a_folder_with_nothing_to_review_is_told_in_words(tmp_path):
    with pytest.raises(SettingError, match="nothing to review"):
        open_cases(tmp_path)
    with pytest.raises(SettingError, match="not a folder"):
        open_cases(tmp_path / "none")
    with pytest.raises(SettingError, match="copy it first"):
        open_cases("s3://bucket/dataset")


def test_nothing_is_decided_about_a_table_that_was_written_anew(folder, client, tmp_path):
    client.post(f"{CASE}/draft", json=rectangle())
    os.replace(small(tmp_path / "other") / "annotations.parquet", folder / "annotations.parquet")
    for path, body in ((f"{CASE}/draft", rectangle()), (f"{CASE}/decision", {"verdict": "accept"}), ("/api/undo", {})):
        assert "start it again" in answer(client.post(path, json=body), 409)["error"]
    assert lines(folder) == []


def test_a_view_for_which_nobody_waits_any_more_is_not_made(folder, monkeypatch):
    made = []
    monkeypatch.setattr("webiml.app.review.session.Session.view", lambda *_: made.append(1) or (b"", "image/png"))
    app = review_app(open_cases(folder), "Ann")
    sent = []

    async def ask(message: str) -> None:
        async def receive() -> dict:
            return {"type": message, "body": b"", "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        path = f"{CASE}/difference"
        await app(
            {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], "app": app},
            receive,
            send,
        )

    anyio.run(ask, "http.disconnect")
    assert not made and sent[0]["status"] == 400
    anyio.run(ask, "http.request")
    assert made


def test_a_body_that_does_not_come_is_given_up(folder, monkeypatch):
    monkeypatch.setattr("webiml.app.review.requests.BODY_SECONDS", 0.05)
    app = review_app(open_cases(folder), "Ann")
    sent = []

    async def ask() -> None:
        async def receive() -> dict:
            await anyio.sleep_forever()
            raise AssertionError

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": f"{CASE}/draft", "query_string": b"", "headers": []}
        await app(scope, receive, send)

    anyio.run(ask)
    assert sent[0]["status"] == 408


def test_names_and_numbers_that_json_does_not_know_are_answered(tmp_path):
    strange = tmp_path / "d\udcff"  # a byte that is no UTF-8
    folder = small(tmp_path / "d")
    edit_rows(folder, lambda row: replace(row, qes=float("nan"), kind_probabilities=[float("inf")] * 4))
    try:
        folder.rename(strange)
    except OSError:
        pytest.skip("this file system takes names of UTF-8 only")
    client = client_of(strange)
    assert answer(client.get("/api/about"))["title"] == "d\\xff"
    assert answer(client.get("/api/rows", params={"keys": "pair-0"}))["rows"][0]["qes"] is None
    assert answer(client.get(CASE))["facts"]["kind_probabilities"] == [None] * 4
