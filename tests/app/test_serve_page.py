"""The page of the real `webiml serve` in a real browser: a picture is chosen, dropped or refused, by mouse and keys."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.localize.tiny_localizer import write_tiny

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
READY = "#result:not([hidden]):not(.old)"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server with a localizer for which red is manipulated."""
    localizer = write_tiny(tmp_path_factory.mktemp("localizer"))
    command = [sys.executable, "-m", "webiml", "serve", "--weights", str(localizer), "--workers", "1", "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """80x149, green, with a red area of 20x30 pixels, of which the localizer takes all but the corners: 596."""
    bgr = np.full((80, 149, 3), (60, 160, 60), np.uint8)
    bgr[10:30, 40:70] = (60, 60, 160)
    path = tmp_path_factory.mktemp("picture") / "it's <b>red.png"
    cv2.imwrite(str(path), bgr)
    return path


@pytest.fixture
def opened(page: Page, address: str) -> Iterator[Page]:
    """The page; that it complains of nothing, and asks nobody but its server, is checked at the end."""
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.goto(address)
    yield page
    host = urlsplit(address).netloc
    assert all(url.startswith(("blob:", "data:")) or urlsplit(url).netloc == host for url in asked), asked
    refused = ("status of 422", "status of 503", "net::ERR_FAILED")  # the browser's own lines about what was refused
    assert [text for text in complaints if not any(one in text for one in refused)] == []


def grey(path: Path) -> np.ndarray:
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return found if found.ndim == 2 else found[..., 0]  # what a browser writes has four channels


def choose(page: Page, path: Path, side: str = "manipulated") -> None:
    page.set_input_files(f"#file-{side}", path)
    page.wait_for_selector(READY)


def test_the_token_leaves_the_address(opened, address):
    assert "token=" in address and opened.url == address.split("?")[0]
    assert opened.evaluate("document.cookie") == ""  # no script can read it


def test_a_link_on_another_page_opens_it_too(page, address):
    page.goto(f"data:text/html,<a href='{address}'>the page</a>")
    page.click("a")
    page.wait_for_selector("#file-manipulated", state="attached")
    assert page.url == address.split("?")[0]


def test_a_picture_that_is_chosen_is_marked_and_explained(opened, picture):
    choose(opened, picture)
    assert opened.inner_text("#legend-words") == "Marked: 5.0 % of the picture, with a probability of 0.50 or more."
    assert 0 <= float(opened.inner_text("#number")) <= 1
    means_not = opened.inner_text("#means-not")
    assert "false alarms" in means_not and "authentic, where the score is low" in means_not
    assert "240 forged" not in opened.inner_text("#means")  # that is true of the localizer that ships alone
    assert opened.locator("#regions button").all_inner_texts() == ["30 x 20 at 40, 10\nprobability 1.00"]
    assert opened.inner_text("#name-manipulated") == picture.name and opened.locator("#name-manipulated b").count() == 0
    curl = opened.inner_text("#curl")
    assert "-F 'picture=@it'\\''s <b>red.png'" in curl and curl.endswith("/localize")
    pixels = opened.evaluate(
        "() => [...document.getElementById('canvas').getContext('2d').getImageData(0, 0, 149, 80).data]"
    )
    shown = np.array(pixels, np.uint8).reshape(80, 149, 4)
    assert shown[70, 10, :3].tolist() == [60, 160, 60]
    assert np.allclose(shown[20, 55, :3], [160 * 0.6 + 255 * 0.4, 60 * 0.6, 60 * 0.6 + 80 * 0.4], atol=1)


def test_what_is_saved_is_what_the_server_made(opened, picture, tmp_path):
    choose(opened, picture)
    saved = {}
    for name in ("save-mask", "save-map", "save-json"):
        with opened.expect_download() as download:
            opened.click(f"#{name}")
        saved[name] = tmp_path / name
        download.value.save_as(saved[name])
        assert download.value.suggested_filename.startswith("it")
    mask = grey(saved["save-mask"])
    want = np.zeros((80, 149), np.uint8)
    want[10:30, 40:70] = 255
    want[[10, 10, 29, 29], [40, 69, 40, 69]] = 0
    assert (mask == want).all()
    levels = grey(saved["save-map"])
    assert levels.shape == (80, 149) and levels[20, 55] > 250 and levels[70, 10] < 5
    assert json.loads(saved["save-json"].read_text())["components"] == 1


def test_another_threshold_marks_and_saves_accordingly(opened, tmp_path):
    bgr = np.full((40, 100, 3), (60, 60, 60), np.uint8)
    bgr[:, :50, 2] = 68  # sigmoid(8 / 8) = 0.73 left, 0.5 right of it
    cv2.imwrite(str(tmp_path / "half.png"), bgr)
    choose(opened, tmp_path / "half.png")
    assert opened.inner_text("#legend-words").startswith("Marked: 100 % of the picture")
    opened.locator("#threshold").fill("0.7")
    assert opened.inner_text("#threshold-words") == "0.70"
    # 38 x 48 pixels: at the frame of the picture and at the border of both halves the mean is lower
    assert opened.inner_text("#legend-words") == "Marked: 46 % of the picture, with a probability of 0.70 or more."
    assert "Those at 0.50." in opened.inner_text("#regions-words")
    assert "0.70" in (opened.get_attribute("#threshold", "aria-valuetext") or "")
    with opened.expect_download() as download:
        opened.click("#save-mask")
    assert download.value.suggested_filename == "half.mask-0.70.png"
    download.value.save_as(tmp_path / "mask.png")
    mask = grey(tmp_path / "mask.png")
    want = np.zeros((40, 100), np.uint8)
    want[1:39, 1:49] = 255
    assert (mask == want).all()
    opened.locator("#threshold").fill("0.99")
    assert opened.inner_text("#legend-words").startswith("Nothing is marked")


DROP = """async ([target, name, bytes]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name));
  for (const type of ["dragenter", "dragover", "drop"]) {
    const event = new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true});
    document.querySelector(target).dispatchEvent(event);
  }
}"""
PASTE = """async ([name, bytes]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name, {type: "image/png"}));
  document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true}));
}"""


def test_pictures_are_dropped_and_pasted_and_two_are_compared(opened, picture):
    data = list(picture.read_bytes())
    opened.evaluate(DROP, ["main", "dropped.png", data])
    opened.wait_for_selector(READY)
    assert opened.inner_text("#name-manipulated") == "dropped.png"
    opened.evaluate(PASTE, ["pasted.png", data])
    opened.locator("#curl", has_text="pasted.png").wait_for()
    opened.evaluate(DROP, ["#drop-authentic", "same.png", data])
    opened.locator("#curl", has_text="annotate").wait_for()
    assert "authentic=@same.png" in opened.inner_text("#curl")
    assert "same picture" in opened.inner_text("#headline")
    opened.click("#without")
    opened.locator("#curl", has_text="localize").wait_for()


def test_what_is_no_picture_is_a_sentence_and_the_next_one_works(opened, picture, tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("This is no picture.")
    choose(opened, picture)
    opened.set_input_files("#file-manipulated", text)
    opened.wait_for_selector("#problem:not([hidden])")
    assert "picture" in opened.inner_text("#problem") and opened.is_hidden("#result") and opened.is_hidden("#waiting")
    assert opened.is_hidden("#again")  # it would go no better
    choose(opened, picture)
    assert opened.is_hidden("#problem")


def test_what_may_go_well_later_can_be_tried_again(opened, picture):
    busy = json.dumps({"error": "64 requests are waiting already; send this one again later.", "reason": "queue_full"})
    opened.route("**/localize", lambda route: route.fulfill(status=503, content_type="application/json", body=busy))
    opened.set_input_files("#file-manipulated", picture)
    opened.wait_for_selector("#again:not([hidden])")
    assert opened.inner_text("#problem-words").startswith("64 requests are waiting already")
    opened.unroute("**/localize")
    opened.route("**/localize", lambda route: route.abort())
    opened.click("#again")
    opened.locator("#problem-words", has_text="Is webiml serve still running?").wait_for()
    opened.unroute("**/localize")
    opened.click("#again")
    opened.wait_for_selector(READY)


def test_a_picture_that_browsers_do_not_know_is_shown_as_the_server_drew_it(opened, picture, tmp_path):
    Image.open(picture).save(tmp_path / "red.tif")
    choose(opened, tmp_path / "red.tif")
    assert opened.locator("#views label").all_inner_texts() == ["Marked", "Probability", "Confidence"]
    assert opened.is_disabled("#threshold") and opened.is_hidden("#thumb-manipulated")
    shown = opened.evaluate("[...document.getElementById('canvas').getContext('2d').getImageData(55, 20, 1, 1).data]")
    assert shown[0] > 190 > 60 > shown[1]  # red, tinted


def test_the_keyboard_reaches_everything_and_everything_has_a_name(opened, picture):
    opened.focus("a")
    opened.keyboard.press("Tab")
    opened.locator("#file-manipulated:focus").wait_for(state="attached")
    with opened.expect_file_chooser() as chooser:
        opened.locator("#file-manipulated").press("Enter")
    chooser.value.set_files(picture)
    opened.wait_for_selector(READY)
    opened.focus("a")
    seen: dict[str, str] = {}
    for _ in range(40):
        opened.keyboard.press("Tab")
        about = opened.evaluate(
            "() => { const e = document.activeElement; return e === document.body ? null : [e.id || e.value ||"
            " e.textContent, e.matches(':focus-visible') && getComputedStyle(e.closest('label') ?? e).outlineStyle]; }"
        )
        if about is None or about[0] in seen:
            break
        seen[about[0]] = about[1]
    wanted = {"file-manipulated", "file-authentic", "overlay", "threshold", "save-mask", "save-json", "copy"}
    assert wanted <= seen.keys() and any(text.startswith("30 x 20") for text in seen)
    assert set(seen.values()) == {"solid"}  # where the focus is can be seen
    unnamed = [
        line for line in opened.locator("body").aria_snapshot().splitlines()
        if line.strip() in ("- button", "- textbox", "- radio", "- slider", "- img", "- link", "- progressbar")
    ]  # fmt: skip
    assert unnamed == []
    assert opened.inner_text("#said").startswith("The answer is there. Score")
    opened.focus("input[name=view]:checked")
    opened.keyboard.press("ArrowRight")
    assert opened.inner_text("#legend-words") == "How likely each pixel is manipulated."
    opened.focus("#regions button")
    opened.keyboard.press("Enter")
    assert opened.get_attribute("#regions button", "aria-pressed") == "true"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_looks_right_light_and_dark_and_fits_a_telephone(browser: Browser, address, tmp_path, scheme, request):
    """With WEBIML_DOCS_PICTURES=1 these become the pictures of docs/serve.md, by the localizer that ships."""
    for_docs = os.environ.get("WEBIML_DOCS_PICTURES") == "1"
    if for_docs:
        address = request.getfixturevalue("shipped")
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(address)
    choose(page, ROOT / "examples" / "pairs" / "no-diving" / "1.jpg")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(251, 251, 250)") == (scheme == "light")
    path = (ROOT / "docs" / "pictures" if for_docs else tmp_path) / f"serve-{scheme}.png"
    page.screenshot(path=path)
    if for_docs:
        Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)  # a third of the bytes
    shot = cv2.imread(str(path))
    assert shot is not None and shot.std() > 20
    page.set_viewport_size({"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    context.close()


@pytest.fixture
def shipped() -> Iterator[str]:
    command = [sys.executable, "-m", "webiml", "serve", "--workers", "1", "--quiet", "--port", "8000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
