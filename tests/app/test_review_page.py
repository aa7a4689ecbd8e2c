"""The review page in a real Chromium, over the real command: keys, clicks, strokes, two people, a killed server."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from tests.app.review_pairs import HEIGHT, INNER, OUTER, WIDTH, Review, make_dataset, reviewing

pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
from playwright.sync_api import Browser, Page, expect  # after the check

SAMPLE = """([place, height, width]) => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
  const canvas = document.querySelectorAll("#stage canvas")[place];
  const transform = canvas.getContext("2d").getTransform();
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {willReadFrequently: true});
  copy.drawImage(canvas, 0, 0);
  const {data} = copy.getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Uint8Array(3 * height * width);
  for (let at = 0; at < height * width; at += 1) {
    const x = Math.floor(transform.a * (at % width + 0.5) + transform.e);
    const y = Math.floor(transform.d * (Math.floor(at / width) + 0.5) + transform.f);
    if (x >= 0 && y >= 0 && x < canvas.width && y < canvas.height) {
      seen.set(data.subarray(4 * (y * canvas.width + x), 4 * (y * canvas.width + x) + 3), 3 * at);
    }
  }
  done(btoa(String.fromCharCode(...seen)));
})))"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About which nobody has decided: whoever does takes a copy."""
    return make_dataset(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def review(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Review]:
    with reviewing(shutil.copytree(dataset, tmp_path_factory.mktemp("review") / "dataset")) as running:
        yield running


def watched(page: Page) -> list[str]:
    """What must not happen on a page, as it happens: faults of its scripts, refused or foreign things."""
    seen: list[str] = []
    page.on("console", lambda message: seen.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("request", lambda asked: seen.append(asked.url) if urlsplit(asked.url).hostname != "127.0.0.1" else None)
    return seen


def opened(page: Page, server: Review, key: str, reviewer: str, **more: str) -> list[str]:
    """Opens the page at a pair, as somebody of that name; answers what goes wrong on it from now on."""
    seen = watched(page)
    page.goto(server.address(key=key, reviewer=reviewer, **({"review": "all"} | more)))
    at(page, key)
    return seen


def at(page: Page, key: str) -> None:
    """Waits until the pair is on the screen with its mask."""
    expect(page.locator("body")).to_have_attribute("data-shown", key)


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def said(page: Page, words: str) -> None:
    expect(page.locator("#said")).to_contain_text(words)


def pixels(page: Page, place: int = 0) -> np.ndarray:
    """What a pane shows at the middle of each pixel of the picture, (H, W, 3); 0 where that is off the screen."""
    seen = base64.b64decode(page.evaluate(SAMPLE, [place, HEIGHT, WIDTH]))
    return np.frombuffer(seen, np.uint8).reshape(HEIGHT, WIDTH, 3).astype(int)


def shown_mask(page: Page) -> np.ndarray:
    """(H, W) bool: where the overlay is tinted. Without a tool: its cross would be seen, too."""
    press(page, "2", "m", "m")
    said(page, "Mask: hidden")
    plain = pixels(page)
    press(page, "m")
    said(page, "Mask: outline")
    return (pixels(page) != plain).any(axis=2)


def stored_mask(review: Review, sha256: str) -> np.ndarray:
    return np.asarray(Image.open(review.folder / "reviews" / f"{sha256}.png")) == 255


def machine_mask() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[INNER] = True
    return mask


def place_of(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where on the screen a point of the picture lies, in the first pane."""
    found = page.evaluate(
        """([x, y]) => {
          const canvas = document.querySelector("#stage canvas");
          const transform = canvas.getContext("2d").getTransform();
          const box = canvas.getBoundingClientRect();
          return [box.left + transform.a * x + transform.e, box.top + transform.d * y + transform.f];
        }""",
        [x, y],
    )
    return found[0], found[1]


def drag(page: Page, *points: tuple[float, float]) -> None:
    page.mouse.move(*place_of(page, *points[0]))
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*place_of(page, *point))
    page.mouse.up()


def test_the_queue_begins_with_the_most_doubtful_pair_and_keys_decide(page, review):
    seen = watched(page)
    page.goto(review.address(reviewer="Keys"))
    at(page, "p0")  # a QES of 0.52: nearest to 0.5
    press(page, "Enter")
    at(page, "p1")
    press(page, "r", "2")
    at(page, "p2")
    said(page, "Rejected: pair 1, no pair.")
    first, second = review.lines("Keys")
    assert [first[name] for name in ("key", "verdict", "mask")] == ["p0", "accept", None]
    assert [second[name] for name in ("key", "verdict", "reason")] == ["p1", "reject", "not_a_pair"]
    assert (second["before"]["status"], second["after"]["reason"]) == ("rejected", "not_a_pair")
    expect(page.locator("#progress-words")).to_have_text("2 of 7 decided")
    mark = page.locator(".row .mark.accept")
    expect(mark).to_have_text("✓")
    expect(mark).to_have_css("background-color", "rgba(0, 0, 0, 0)")  # a sign, not a button that hides the name

    press(page, "u")
    at(page, "p1")
    said(page, "Taken back: pair 1.")
    assert review.lines("Keys")[2]["undoes"] == second["id"]
    expect(page.locator("#progress-words")).to_have_text("1 of 7 decided")
    press(page, "p")
    at(page, "p0")
    expect(page.locator("#history")).to_contain_text("Keys accepted")
    press(page, "ArrowRight", "n")
    at(page, "p2")
    assert not seen


def test_buttons_and_a_note_decide_as_keys_do(page, review):
    seen = opened(page, review, "p4", "Mouse")
    page.get_by_label("Note to the decision").fill("see the edge")
    page.get_by_role("button", name="Reject r").click()
    page.get_by_role("button", name="cannot be told").click()
    at(page, "p5")
    said(page, "Rejected: pair 4")
    (line,) = review.lines("Mouse")
    assert (line["key"], line["reason"], line["note"]) == ("p4", "unclear", "see the edge")
    page.get_by_role("button", name="Undo u").click()
    at(page, "p4")
    expect(page.locator("#history li").first).to_contain_text("Mouse took a decision back")
    assert not seen


def test_a_brush_stroke_becomes_the_mask_that_was_shown(page, review):
    seen = opened(page, review, "p3", "Brush")
    press(page, "2", "b")
    drag(page, (8, 8), (20, 8), (20, 50.5))
    said(page, "Saved, with 1 stroke")
    press(page, "e")
    page.locator("#size").evaluate("(size) => { size.value = 3; size.dispatchEvent(new Event('input')); }")
    drag(page, (40, 30), (90, 30))
    said(page, "Saved, with 2 strokes")
    press(page, "Escape")
    page.mouse.move(5, 5)
    shown = shown_mask(page)
    press(page, "Enter")
    at(page, "p4")
    said(page, "Accepted: pair 3.")
    (line,) = review.lines("Brush")
    stored = stored_mask(review, line["mask"])
    assert np.array_equal(stored, shown)
    assert stored[8, 8:20].all() and stored[8:50, 20].all()  # marked on the way of the brush
    assert not stored[30, 40:90].any() and stored[36, 40:60].all()  # cleared on that of the eraser, beside it not
    assert line["after"] == {"status": "kept", "reason": None, "mask": line["mask"]}
    assert not seen

    press(page, "p")
    at(page, "p3")
    assert np.array_equal(shown_mask(page), stored)  # as a reader sees the pair from now on


def test_every_tool_works_without_a_mouse(page, review):
    seen = opened(page, review, "p5", "Hands")
    before = machine_mask()
    press(page, "2", "b")
    page.keyboard.press("ArrowLeft")  # the cross: from the middle of the picture
    page.keyboard.down("Space")
    for _ in range(6):
        page.keyboard.press("ArrowUp")
    page.keyboard.up("Space")
    said(page, "Saved, with 1 stroke")
    press(page, "Escape")
    after = shown_mask(page)
    assert after[before].all() and (after & ~before).any()

    press(page, "z")
    said(page, "Stroke taken back. Saved, with 0 strokes")
    assert np.array_equal(shown_mask(page), before)
    press(page, "l", "ArrowDown", "Space", *["ArrowRight"] * 8, "Space", *["ArrowDown"] * 8, "Space", "Enter")
    said(page, "Marked. Saved, with 1 stroke")
    press(page, "Escape")
    triangle = shown_mask(page) & ~before
    assert triangle.any() and (shown_mask(page)[before]).all()
    press(page, "x")
    said(page, "What was drawn is dropped")
    at(page, "p5")
    assert np.array_equal(shown_mask(page), before)
    assert review.lines("Hands") == []
    assert not seen


def test_a_polygon_clears_and_a_region_is_marked_and_cleared(page, review):
    seen = opened(page, review, "p1", "Shapes")
    press(page, "2", "x", "l")
    for x, y in ((10, 10), (24, 10), (24, 20)):
        page.mouse.click(*place_of(page, x, y))
    press(page, "Enter")
    said(page, "with 1 stroke")
    page.mouse.click(*place_of(page, 14, 11))
    page.mouse.click(*place_of(page, 18, 11))
    page.mouse.click(*place_of(page, 18, 14))
    press(page, "Shift+Enter")
    said(page, "Cleared. Saved, with 2 strokes")
    press(page, "c")
    page.mouse.move(5, 5)
    press(page, "Escape")
    shown = shown_mask(page)
    assert shown[11, 12] and shown[15, 21] and not shown[12, 17] and not shown[18, 12]

    base = shown
    press(page, "c")
    expect(page.locator("#said")).to_contain_text("Region")
    expect(page.locator("body")).to_have_attribute("data-regions", "1")
    page.mouse.click(*place_of(page, 80, 50))
    said(page, "Marked. Saved, with 3 strokes")
    press(page, "Escape")
    page.mouse.move(5, 5)
    shown = shown_mask(page)
    assert shown[50, 80] and 4 < (shown & ~base).sum() < 1500 and shown[base].all()
    press(page, "c")
    page.mouse.click(*place_of(page, 80, 50))
    said(page, "Cleared. Saved, with 4 strokes")
    press(page, "Escape")
    page.mouse.move(5, 5)
    assert not shown_mask(page)[50, 80]
    assert not seen


def test_the_threshold_moves_the_mask_and_is_kept(page, review):
    seen = opened(page, review, "p4", "Level")
    for _ in range(5):
        press(page, "[")
    expect(page.locator("#threshold-words")).to_have_text("0.35")  # 88 of 255
    wide = np.zeros((HEIGHT, WIDTH), bool)
    wide[OUTER] = True
    assert np.array_equal(shown_mask(page), wide)
    press(page, "Enter")
    at(page, "p5")
    (line,) = wait_for_lines(page, review, "Level", 1)
    assert line["threshold"] == 88 and np.array_equal(stored_mask(review, line["mask"]), wide)
    assert not seen


def wait_for_lines(page: Page, review: Review, reviewer: str, count: int) -> list[dict]:
    for _ in range(100):
        if len(lines := review.lines(reviewer)) >= count:
            return lines
        page.wait_for_timeout(20)
    raise AssertionError("the decision did not reach the disk")


def test_panes_zoom_and_move_together_and_blink(page, review):
    seen = opened(page, review, "p1", "Looks")
    press(page, "m", "m")
    outside = ~machine_mask()
    outside[[0, -1]] = outside[:, [0, -1]] = False
    fitted = [pixels(page, place) for place in (0, 1)]
    page.mouse.move(*place_of(page, 20, 20))
    page.mouse.wheel(0, -300)
    press(page, "Shift+ArrowRight")
    zoomed = [pixels(page, place) for place in (0, 1)]
    seen_now = (zoomed[0].sum(axis=2) > 0) & outside
    assert 50 < seen_now.sum() < outside.sum()  # a part of the picture, larger
    assert np.abs(zoomed[0] - zoomed[1])[seen_now].mean() < 6  # of both the same part: they are equal outside
    press(page, "0")
    assert np.array_equal(pixels(page, 0), fitted[0])

    press(page, "2")
    manipulated = pixels(page)
    page.keyboard.down("Space")
    page.wait_for_timeout(400)
    authentic = pixels(page)
    page.keyboard.up("Space")
    assert np.abs(authentic - manipulated)[INNER].mean() > 20 > 6 > np.abs(authentic - manipulated)[outside].mean()
    assert np.array_equal(pixels(page), manipulated)
    press(page, "Space")
    expect(page.locator("#blink")).to_have_attribute("aria-pressed", "true")
    press(page, "Space")
    expect(page.locator("#blink")).to_have_attribute("aria-pressed", "false")
    for key, view in (("3", "difference"), ("4", "correlation"), ("5", "probability"), ("7", "regions"), ("1", "side")):
        press(page, key)
        expect(page.locator("body")).to_have_attribute("data-view", view)
        assert pixels(page).std() > 5, view
    assert not seen


def test_filters_search_and_order_choose_the_queue(page, review):
    seen = opened(page, review, "p0", "Finds")
    words = page.locator("#queue-words")
    expect(words).to_have_text("1 of 8 rows")
    press(page, "f")
    page.locator("#kind").select_option("SDG")
    expect(words).to_have_text("1 of 2 rows")
    at(page, "p2")
    page.locator("#kind").select_option("")
    page.locator("#source").select_option("thread-a")
    expect(words).to_have_text("1 of 2 rows")
    page.locator("#source").select_option("")
    page.locator("#order").select_option("qes")
    page.locator("#descending").check()
    at(page, "p5")
    press(page, "Escape")
    page.locator("#stage").focus()
    press(page, "/")
    page.keyboard.type("pair 4")
    expect(words).to_have_text("1 of 1 row")
    at(page, "p4")
    page.reload()
    at(page, "p4")  # the address keeps the choice
    expect(page.locator("#queue-words")).to_have_text("1 of 1 row")
    page.locator("#stage").focus()
    press(page, "f")
    page.get_by_role("button", name="Show everything").click()
    expect(words).to_contain_text("of 8 rows")
    page.locator("#stage").focus()
    press(page, "g")
    page.keyboard.type("q")
    press(page, "Enter")
    expect(page.locator("#problem")).to_contain_text("an address")  # a failed row says why
    expect(page.locator("#accept")).to_be_disabled()
    assert not seen


def test_two_people_do_not_overwrite_one_another(page, review, browser: Browser):
    opened(page, review, "p2", "Cid", review="todo")
    other = browser.new_context()
    other.set_default_timeout(15_000)
    second = other.new_page()
    opened(second, review, "p2", "Dora")
    press(second, "b")
    drag(second, (6, 6), (9, 6))
    said(second, "Saved, with 1 stroke")
    press(page, "r", "1")
    said(page, "Rejected: pair 2")
    said(second, "Cid rejected p2 (the mask is wrong).")  # told at once, and the draft is still there
    expect(second.locator("#history")).to_contain_text("Cid rejected")
    expect(second.locator("#stroke-undo")).to_be_enabled()
    press(second, "a")
    said(second, "Accepted: pair 2.")
    said(page, "Dora accepted p2.")
    assert [line["verdict"] for name in ("Cid", "Dora") for line in review.lines(name)] == ["reject", "accept"]
    assert review.lines("Dora")[0]["after"]["reason"] == "disputed"
    expect(second.locator(".row .disputed")).to_have_count(1)
    press(page, "k")
    expect(page.locator("#agreement-body")).to_contain_text("Cid, Dora")
    expect(page.locator("#agreement-body")).to_contain_text("1 disputed")
    other.close()


def test_a_killed_server_costs_the_open_stroke_alone(page, dataset, tmp_path):
    with reviewing(shutil.copytree(dataset, tmp_path / "dataset")) as review:
        opened(page, review, "p1", "Ann")
        press(page, "2", "b")
        drag(page, (8, 8), (20, 8))
        said(page, "Saved, with 1 stroke")
        page.mouse.move(*place_of(page, 60, 55))
        page.mouse.down()
        page.mouse.move(*place_of(page, 80, 55))
        review.end(signal.SIGKILL)  # within a stroke
        page.mouse.up()
        expect(page.locator("#warning")).to_contain_text("The server does not answer")
        page.goto("about:blank")
        review.start()
        opened(page, review, "p1", "Ann")
        shown = shown_mask(page)
        assert shown[8, 8:20].all() and not shown[55].any()
        press(page, "Enter")
        at(page, "p2")
        (line,) = wait_for_lines(page, review, "Ann", 1)
        assert np.array_equal(stored_mask(review, line["mask"]), shown)


def test_a_stroke_that_could_not_be_sent_is_sent_again(page, review):
    opened(page, review, "p0", "Late")
    press(page, "2", "b")
    page.context.set_offline(True)
    drag(page, (8, 8), (20, 8))
    expect(page.locator("#warning")).to_contain_text("Not saved yet: The server does not answer")
    page.context.set_offline(False)
    expect(page.locator("#warning")).to_be_hidden()
    press(page, "a")
    at(page, "p1")
    (line,) = wait_for_lines(page, review, "Late", 1)
    assert stored_mask(review, line["mask"])[8, 8:20].all()


def test_everything_can_be_reached_by_tab_and_has_a_name(page, review):
    seen = opened(page, review, "p0", "Tabs")
    press(page, "f", "b")
    page.locator("#stage").focus()
    press(page, "b")
    page.locator("body").evaluate("() => document.activeElement.blur()")
    wanted = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, [tabindex='0']")]
          .filter((one) => one.checkVisibility() && !one.disabled).map((one) => one.id || one.dataset.tool)"""
    )
    reached = []
    for _ in range(len(wanted) + 5):
        press(page, "Tab")
        reached.append(
            page.evaluate("() => document.activeElement.id || document.activeElement.dataset.tool || 'none'")
        )
    assert len(wanted) > 25 and set(wanted) <= set(reached), set(wanted) - set(reached)
    for tree in (page.locator("body").aria_snapshot(),):
        for role in ("button", "textbox", "combobox", "slider", "checkbox", "searchbox", "listbox", "progressbar"):
            assert f"- {role}\n" not in tree and f"- {role}:" not in tree, f"a {role} without a name"
    page.locator("#stage").focus()
    press(page, "?")
    expect(page.get_by_role("dialog")).to_contain_text("take the last stroke back")
    press(page, "Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert not seen


@pytest.fixture(scope="module")
def pictured(review: Review, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Review]:
    """What the screenshots show: the small dataset, or the example pairs for the documentation."""
    if os.environ.get("WEBIML_DOCS_PICTURES") != "1":
        yield review
        return
    folder = tmp_path_factory.mktemp("pictured") / "dataset"
    command = [sys.executable, "-m", "webiml", "annotate", repository / "examples" / "pairs", "--out", folder]
    subprocess.run([*map(str, command), "--quiet"], check=True)
    with reviewing(folder) as running:
        yield running


def screenshot(page: Page, name: str, repository: Path, folder: Path) -> np.ndarray:
    """What is on the screen, (H, W, 3) uint8; where the documentation is made, its picture as well."""
    path = folder / name
    page.screenshot(path=path)
    picture = Image.open(path).convert("RGB")
    if os.environ.get("WEBIML_DOCS_PICTURES") == "1":
        few = picture.quantize(256, dither=Image.Dither.FLOYDSTEINBERG)
        few.save(repository / "docs" / "pictures" / name, optimize=True)
    return np.asarray(picture)


def test_both_colour_schemes_and_an_open_polygon_are_drawn(page, pictured, repository, tmp_path):
    names = {path.stem for path in (pictured.folder / "probability").iterdir()}
    key, other, corners = "p0", "p3", [(10, 10), (30, 10), (30, 30)]
    if "violet-eyes" in names:
        key, other, corners = "violet-eyes", "empty-pier", [(205, 205), (350, 208), (318, 262), (240, 325)]
    seen = opened(page, pictured, key, "Ann")
    light = screenshot(page, "review-light.png", repository, tmp_path)
    page.emulate_media(color_scheme="dark")
    press(page, "5")
    expect(page.locator("body")).to_have_attribute("data-view", "probability")
    dark = screenshot(page, "review-dark.png", repository, tmp_path)
    assert light[:40].mean() > 200 > 80 > dark[:40].mean()
    assert min(len(np.unique(drawn.astype(np.uint32) @ [1, 256, 65536])) for drawn in (light, dark)) > 500

    page.emulate_media(color_scheme="light")
    press(page, "g")
    page.keyboard.type(other)
    press(page, "Enter")
    at(page, other)
    press(page, "2", "l")
    page.mouse.move(*place_of(page, *corners[0]))
    page.mouse.wheel(0, -200)
    before = page.locator("#stage").screenshot()
    for corner in corners:
        page.mouse.click(*place_of(page, *corner))
    assert page.locator("#stage").screenshot() != before
    screenshot(page, "review-mask.png", repository, tmp_path)
    press(page, "Escape")  # the open polygon is given up, the tool stays
    expect(page.locator("[data-tool=polygon]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#stroke-undo")).to_be_disabled()
    assert not seen
