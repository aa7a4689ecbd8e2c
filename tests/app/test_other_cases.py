"""Results of `webiml localize` and an evaluation as cases for a person: which come first, and what can be shown."""

import json
import math
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient
from tests.app.review_pairs import reviewing
from tests.evaluate.conftest import SIZE, marked, write_mask, write_picture
from tests.localize.tiny_localizer import write_tiny

from webiml.app.review.cases import Role, What
from webiml.app.review.evaluation_cases import EvaluationCases, is_evaluation
from webiml.app.review.localization_cases import LocalizationCases, is_results
from webiml.app.review.open import open_cases
from webiml.app.review.server import review_app
from webiml.cli import main
from webiml.errors import BadImage, SettingError
from webiml.images.decode import decode
from webiml.localize.folder import read_results
from webiml.store.reviews import State
from webiml.types import Reason

SQUARE = np.zeros(SIZE, bool)
SQUARE[10:30, 10:30] = True  # the localizer marks 472 pixels of a red square there, so F1 is 800 / 872

WITHOUT: dict[What, list[tuple[str, Role]]] = {
    "localizations": [("page", "manipulated"), ("red", "authentic"), ("red", "truth")],
    "evaluation": [("alarm", "truth"), ("odd", "manipulated"), ("near", "authentic"), ("near", "confidence")],
}
"""Cases, and pictures that they do not have."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A localizer with probability = sigmoid((red - green) / 8) after a 3x3 mean, and its largest as the score."""
    return write_tiny(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def localized(tmp_path_factory, weights) -> Path:
    """A folder with photos/ and their results/: a red square (score 1), no square (score 0), and no picture."""
    root = tmp_path_factory.mktemp("localized")
    write_picture(root / "photos" / "red.png", 20)
    write_picture(root / "photos" / "plain.png", 0)
    (root / "photos" / "page.png").write_text("<html>Not found</html>")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        flags = ["--weights", str(weights), "--workers", "1", "--threshold", "0.6", "--no-pictures", "--quiet"]
        assert main.run(["localize", "photos", "--out", "results", *flags]) == 0
    return root


@pytest.fixture
def results(localized, tmp_path) -> Path:
    """A copy of the results, their photos beside them."""
    return Path(shutil.copytree(localized, tmp_path / "copy")) / "results"


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, weights) -> Path:
    """A folder with data/ and its result/: found but for an edge, missed, marked although authentic, plain, a mask of
    another size (skipped) and no picture (failed)."""
    root = tmp_path_factory.mktemp("evaluated")
    for name, side in (("near", 20), ("missed", 0), ("alarm", 20), ("plain", 0), ("odd", 20)):
        write_picture(root / "data" / f"{name}.png", side)
    (root / "data" / "page.png").write_text("<html>Not found</html>")
    write_mask(root / "data" / "square.png", SQUARE)
    write_mask(root / "data" / "small.png", SQUARE[:40])
    lines = ["image,mask,kind", "near.png,square.png,splice", "missed.png,square.png,splice", "alarm.png,,"]
    lines += ["plain.png,,", "odd.png,small.png,splice", "page.png,square.png,"]
    (root / "data" / "items.csv").write_text("\n".join(lines) + "\n")
    flags = ["--weights", str(weights), "--cache", str(root / "cache"), "--workers", "1", "--no-pictures", "--quiet"]
    assert (
        main.run(["evaluate", "--data", str(root / "data" / "items.csv"), "--out", str(root / "result"), *flags]) == 0
    )
    return root


@pytest.fixture
def result(evaluated, tmp_path) -> Path:
    """A copy of the result alone; its pictures lie where they were."""
    return Path(shutil.copytree(evaluated / "result", tmp_path / "result"))


def by_key(cases, column: str) -> dict:
    return dict(zip(cases.table.columns["key"], cases.table.columns[column], strict=True))


# ---------------------------------------------------------------- results of webiml localize


def test_a_score_near_one_half_is_doubtful_and_a_picture_that_failed_comes_last(localized):
    cases = LocalizationCases.open(localized / "results")
    assert (cases.what, cases.title, cases.folder, cases.min_qes) == (
        "localizations", "results", localized / "results", None,
    )  # fmt: skip
    corner = 1 / (1 + math.exp(60 * 4 / 9 / 8))  # of `plain`, where five of nine pixels lie outside
    assert by_key(cases, "doubt") == {"plain": pytest.approx(0.5 - corner), "red": pytest.approx(0.5), "page": None}
    assert by_key(cases, "score")["red"] == pytest.approx(1) and by_key(cases, "area")["red"] == 472 / 8000
    assert by_key(cases, "reason") == {"page": "not_an_image", "plain": None, "red": None}
    assert all(len(cases.column(name)) == len(cases.table) for name in cases.orders) and cases.orders[0] == "doubt"
    assert {len(column) for column in cases.table.columns.values()} == {3}


def test_a_localized_picture_is_shown_with_its_maps_and_facts(localized, monkeypatch):
    monkeypatch.chdir(localized)
    cases = LocalizationCases.open(Path("results"))
    assert cases.machine("red") == State("localized") and cases.machine("page") == State("failed", "not_an_image")
    assert cases.roles_of("red") == cases.roles and cases.roles_of("page") == ()
    assert cases.size("red") == SIZE and cases.size("page") is None
    assert cases.picture("red", "manipulated")[15, 15].tolist() == [220, 60, 60]
    assert cases.level("red") == 153  # 255 * 0.6
    assert np.array_equal(cases.picture("red", "probability") >= 153, marked(20))
    assert cases.picture("red", "confidence").shape == SIZE
    facts = json.loads(json.dumps(cases.facts("red"), allow_nan=False))
    assert (facts["name"], facts["threshold"], facts["components"]) == ("photos/red.png", 0.6, 1)
    with pytest.raises(KeyError):
        cases.machine("other")
    for key, role in WITHOUT[cases.what]:
        with pytest.raises(BadImage):
            cases.picture(key, role)


def test_a_relative_path_is_found_from_any_folder(localized, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert LocalizationCases.open(localized / "results").picture("red", "manipulated").shape == (*SIZE, 3)


def test_a_picture_that_changed_or_moved_is_not_shown(results):
    photos = results.parent / "photos"
    write_picture(photos / "red.png", 10)
    (photos / "plain.png").unlink()
    cases = LocalizationCases.open(results)
    with pytest.raises(BadImage, match="has changed since it was localized") as changed:
        cases.picture("red", "manipulated")
    with pytest.raises(BadImage, match="not there any more") as moved:
        cases.picture("plain", "manipulated")
    assert (changed.value.reason, moved.value.reason) == (Reason.OTHER_BYTES, Reason.NOT_FOUND)
    assert cases.picture("red", "probability").shape == SIZE  # which is that of the picture as it was


def test_a_file_of_which_only_the_path_is_known_is_never_read_out(results, tmp_path):
    (tmp_path / "secret.png").write_bytes((results.parent / "photos" / "red.png").read_bytes() + b"\0")
    lines = (results / "results.jsonl").read_text().replace("photos/red.png", str(tmp_path / "secret.png"))
    (results / "results.jsonl").write_text(lines)
    with pytest.raises(BadImage, match="other_bytes"):
        LocalizationCases.open(results).picture("red", "manipulated")


def test_a_map_of_another_size_is_refused(results):
    cv2.imwrite(str(results / "probability" / "red.png"), np.zeros((80, 99), np.uint8))
    with pytest.raises(BadImage, match="another size"):
        LocalizationCases.open(results).picture("red", "probability")


@pytest.mark.parametrize("what", [{"threshold": "high", "max_megapixels": 1}, {"threshold": 0.5}, []])
def test_settings_that_cannot_be_are_refused(results, what):
    (results / ".webiml" / "localize.json").write_text(json.dumps(what))
    with pytest.raises(SettingError):
        LocalizationCases.open(results)


# ---------------------------------------------------------------- an evaluation


def test_what_went_worst_comes_first(evaluated):
    cases = EvaluationCases.open(evaluated / "result")
    assert (cases.what, cases.title, cases.folder) == ("evaluation", "result: tiny", evaluated / "result")
    assert by_key(cases, "doubt") == {
        "missed": 0, "near": pytest.approx(800 / 872), "alarm": 1 - 472 / 8000, "plain": 1, "odd": None, "page": None,
    }  # fmt: skip
    assert by_key(cases, "marked")["alarm"] == 472 / 8000
    assert by_key(cases, "kind") == {
        "missed": "splice", "near": "splice", "odd": "splice", "page": "manipulated", "alarm": "authentic",
        "plain": "authentic",
    }  # fmt: skip
    assert {key for key, word in by_key(cases, "status").items() if word == "failed"} == {"odd", "page"}
    assert cases.machine("odd") == State("failed", "mask_size") and cases.machine("near") == State("scored")
    assert set(by_key(cases, "source").values()) == {"data-items"}
    assert all(len(cases.column(name)) == len(cases.table) for name in cases.orders)


def test_a_scored_picture_is_shown_with_truth_and_map(evaluated):
    cases = EvaluationCases.open(evaluated / "result")
    assert cases.size("near") == SIZE and cases.level("near") == 128
    assert cases.roles_of("near") == ("manipulated", "truth", "probability")
    assert cases.picture("near", "manipulated")[15, 15].tolist() == [220, 60, 60]
    assert np.array_equal(cases.picture("near", "truth"), SQUARE * np.uint8(255))
    assert np.array_equal(cases.picture("near", "probability") >= 128, marked(20))
    assert json.loads(json.dumps(cases.facts("near"), allow_nan=False))["f1"] == pytest.approx(800 / 872)
    for key, role in WITHOUT[cases.what]:
        with pytest.raises(BadImage):
            cases.picture(key, role)
    with pytest.raises(KeyError):
        cases.facts("other")


def test_pictures_masks_and_maps_that_changed_or_went_are_said_and_cost_nothing_else(evaluated, tmp_path):
    shutil.copytree(evaluated, tmp_path / "own")
    result, data = tmp_path / "own" / "result", tmp_path / "own" / "data"
    about = result / ".webiml" / "evaluate.json"
    about.write_text(about.read_text().replace(str(evaluated), str(tmp_path / "own")))
    write_picture(data / "near.png", 10)
    write_mask(data / "square.png", ~SQUARE)
    (data / "alarm.png").unlink()
    shutil.rmtree(tmp_path / "own" / "cache")
    cases = EvaluationCases.open(result)
    gone: list[tuple[str, Role, str]] = [
        ("near", "manipulated", "picture of near.png has changed"),
        ("missed", "truth", "mask of missed.png has changed"),
        ("alarm", "manipulated", "no such file"),
        ("near", "probability", "no longer in the cache"),
    ]
    for key, role, words in gone:
        with pytest.raises(BadImage, match=words):
            cases.picture(key, role)
    assert cases.picture("plain", "manipulated").shape == (*SIZE, 3)


def without_places(result: Path) -> None:
    shutil.rmtree(result / ".webiml")


def with_another_run(result: Path) -> None:
    about = result / ".webiml" / "evaluate.json"
    about.write_text(about.read_text().replace('"date": "20', '"date": "19'))


def with_nonsense(result: Path) -> None:
    (result / ".webiml" / "evaluate.json").write_text('{"fingerprint": 1, "date": [], "maps": "../up"}')


@pytest.mark.parametrize("spoil", [without_places, with_another_run, with_nonsense])
def test_an_evaluation_that_does_not_say_where_its_pictures_lie_still_opens(result, spoil):
    spoil(result)
    cases = EvaluationCases.open(result)
    assert by_key(cases, "doubt")["missed"] == 0
    with pytest.raises(BadImage, match="evaluate again to look at them"):
        cases.picture("near", "manipulated")


def test_a_benchmark_that_moved_is_a_sentence_on_each_case(result, tmp_path):
    about = result / ".webiml" / "evaluate.json"
    found = json.loads(about.read_text())
    assert list(found["data"]) == ["data-items"] and Path(found["data"]["data-items"]).is_absolute()
    about.write_text(json.dumps(found | {"data": {"data-items": str(tmp_path / "elsewhere")}}))
    cases = EvaluationCases.open(result)
    for _ in range(2):
        with pytest.raises(BadImage, match="elsewhere does not exist"):
            cases.picture("near", "manipulated")
    assert cases.picture("near", "probability").shape == SIZE  # out of the cache


def test_maps_that_were_not_kept_are_missed_alone(result):
    about = result / ".webiml" / "evaluate.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"maps": None}))
    cases = EvaluationCases.open(result)
    with pytest.raises(BadImage, match="without a digest are not kept"):
        cases.picture("near", "probability")
    assert cases.picture("near", "manipulated").shape == (*SIZE, 3)


def test_saved_maps_and_two_benchmarks_with_equal_keys(evaluated, tmp_path):
    maps = tmp_path / "maps"
    maps.mkdir()
    for name, mask in (("near", SQUARE), ("alarm", SQUARE), ("plain", ~SQUARE)):
        write_mask(maps / f"{name}.png", mask)
    table = evaluated / "data" / "three.csv"
    table.write_text("image,mask\nnear.png,square.png\nalarm.png,\nplain.png,\n")
    flags = ["--predictions", str(maps), "--invert", "--workers", "1", "--no-pictures", "--quiet"]
    out = tmp_path / "out"
    assert main.run(["evaluate", "--data", str(table), str(table), "--out", str(out), *flags]) == 0
    cases = EvaluationCases.open(out)
    assert sorted(by_key(cases, "f1"))[:2] == ["data-three-2-alarm", "data-three-2-near"]
    for name in ("data-three", "data-three-2"):
        assert np.array_equal(cases.picture(f"{name}-near", "probability") >= 128, ~SQUARE)
        assert cases.picture(f"{name}-near", "truth").shape == SIZE
    (maps / "near.png").unlink()
    cases = EvaluationCases.open(out)
    with pytest.raises(BadImage, match="has no map for 1 of 1 pictures, such as near"):
        cases.picture("data-three-near", "probability")
    assert cases.picture("data-three-plain", "probability")[15, 15] == 255


def test_one_folder_is_one_kind(localized, evaluated, tmp_path):
    assert is_results(localized / "results") and not is_evaluation(localized / "results")
    assert is_evaluation(evaluated / "result") and not is_results(evaluated / "result")
    assert not is_results(tmp_path) and not is_evaluation(tmp_path)


# ---------------------------------------------------------------- through the server of the page


def served(path: Path) -> TestClient:
    return TestClient(review_app(open_cases(path), "ann"))


def pixels(client: TestClient, key: str, view: str) -> np.ndarray:
    answer = client.get(f"/api/case/{key}/{view}")
    assert answer.status_code == 200, answer.text
    return decode(answer.content, 10**6).rgb


def test_localizations_are_judged_on_the_page(results, monkeypatch):
    monkeypatch.chdir(results.parent)
    client = served(results)
    about = client.get("/api/about").json()
    assert (about["what"], about["rows"], about["threshold"]) == ("localizations", 3, None)
    assert client.get("/api/queue").json()["keys"] == ["plain", "red"]  # nothing to judge of what failed
    case = client.get("/api/case/red").json()
    assert case["views"] == ["manipulated", "confidence", "levels", "mask", "superpixels"] and case["grid"] == [80, 100]
    assert np.array_equal(pixels(client, "red", "mask")[..., 0] == 255, marked(20))
    assert pixels(client, "red", "manipulated")[15, 15].tolist() == [220, 60, 60]
    kept = client.post("/api/case/red/decision", json={"verdict": "accept"}).json()
    assert kept["state"] == {"status": "kept", "reason": None, "mask": None}
    nothing = client.post("/api/case/plain/decision", json={"verdict": "accept"})
    assert nothing.json()["state"]["status"] == "kept"  # an empty mask is right of a picture that nobody touched
    assert client.post("/api/case/page/decision", json={"verdict": "accept"}).status_code == 409
    lines = [json.loads(line) for line in (results / "reviews.jsonl").read_text().splitlines()]
    assert [(line["key"], line["before"]["status"], line["after"]["status"]) for line in lines] == [
        ("red", "localized", "kept"), ("plain", "localized", "kept"),
    ]  # fmt: skip
    row = next(row for row in read_results(results) if row.key == "red")
    assert row.status == "localized"  # the machine's own row stays


def test_an_evaluation_is_judged_on_the_page_worst_first(result):
    client = served(result)
    about = client.get("/api/about").json()
    assert about["what"] == "evaluation" and about["filters"]["kind"] == {"authentic": 2, "splice": 3, "manipulated": 1}
    assert client.get("/api/queue").json()["keys"] == ["missed", "near", "alarm", "plain"]
    order = {"order": "marked", "descending": "1", "kind": "authentic"}
    assert client.get("/api/queue", params=order).json()["keys"] == ["alarm", "plain"]
    assert client.get("/api/case/near").json()["views"] == ["manipulated", "truth", "levels", "mask", "superpixels"]
    assert np.array_equal(pixels(client, "near", "truth")[..., 0] == 255, SQUARE)
    body = {"verdict": "reject", "reason": "wrong_mask", "note": "the truth is too small"}
    assert client.post("/api/case/near/decision", json=body).json()["state"]["reason"] == "wrong_mask"
    assert client.get("/api/queue").json()["keys"] == ["missed", "alarm", "plain"]


def test_an_evaluation_that_people_judged_is_not_overwritten(result, evaluated, weights, capsys):
    (result / "reviews.jsonl").write_text("")
    data = ["--data", str(evaluated / "data" / "items.csv"), "--weights", str(weights)]
    assert main.run(["evaluate", *data, "--out", str(result)]) == 2
    assert "holds what people decided" in capsys.readouterr().err


def test_what_cannot_be_shown_is_one_sentence(result):
    without_places(result)
    client = served(result)
    answer = client.get("/api/case/near/manipulated")
    assert answer.status_code == 404
    assert re.fullmatch(r"This cannot be shown: .* \(.*\): evaluate again to look at them\.", answer.json()["error"])
    assert client.get("/api/case/near").json()["facts"]["f1"] == pytest.approx(800 / 872)


@pytest.mark.parametrize("what", ["results", "result"])
def test_a_browser_shows_them_and_keys_decide(page, what, request):
    sync = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with reviewing(request.getfixturevalue(what)) as review:
        faults: list[str] = []
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.goto(review.address(reviewer="Ann", review="all"))
        page.wait_for_selector("body[data-shown]")
        for name in ("view-overlay", "view-probability", "view-other"):
            sync.expect(page.locator(f"#{name}")).to_be_visible()
        for name in ("view-difference", "view-correlation", "blink"):  # there is no authentic picture
            sync.expect(page.locator(f"#{name}")).to_be_hidden()
        key = page.locator("body").get_attribute("data-shown")
        for view in ("2", "5", "6", "1"):
            page.keyboard.press(view)
        page.keyboard.press("r")
        page.keyboard.press("1")
        sync.expect(page.locator("#said")).to_contain_text("Rejected")
        (line,) = review.lines("Ann")
        assert (line["key"], line["verdict"], line["reason"]) == (key, "reject", "wrong_mask")
        assert not faults
