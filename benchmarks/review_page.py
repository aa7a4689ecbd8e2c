"""Does the review page keep up with a person, and does it grow slow? A script drives Chromium by keys alone.

    python benchmarks/review_page.py [--rows 3000] [--pairs 1000] [--large 10000] [--look 2.5] [--out review_page.json]

    start    seconds from the start of `webiml review` to its address, to the queue and to the first pair on the screen,
             on a dataset of --large rows; the browser is open already, as a person's is
    keys     --pairs pairs of a dataset of --rows rows, accepted and rejected in turn, after a look at the overlay and a
             blink at each: seconds from the key that decides until the next pair is drawn with its mask, of the first
             100 and of the last 100, and the memory of the page's scripts
    pace     20 pairs that are looked at for --look seconds each, a quarter of them mended by a stroke: pairs a minute

A script pressed the keys, not a person. What it says of people is how much of a minute the page leaves them.
`benchmarks/review.py` measures the server alone, and writes the datasets.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from machine import machine
from playwright.sync_api import Page, expect, sync_playwright
from review import write_dataset

MEGAPIXELS = 0.4  # of a pair: a picture as it is found on the web
WATCH = """() => {
  let pressed = 0;
  window.seconds = [];
  document.addEventListener("keydown", (event) => (pressed = performance.now()), true);
  new MutationObserver(() => {
    if (document.body.dataset.shown && pressed) {
      window.seconds.push((performance.now() - pressed) / 1000);
      pressed = 0;
    }
  }).observe(document.body, { attributes: true, attributeFilter: ["data-shown"] });
}"""


@contextmanager
def reviewing(folder: Path) -> Iterator[tuple[str, float]]:
    """The address of `webiml review` over this dataset, and seconds until it was printed."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "webiml", "review", str(folder), "--no-browser", "--json", "--reviewer", "script"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"], time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait(30)


def open_page(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator("body")).to_have_attribute("data-shown", next_key(page), timeout=30_000)


def next_key(page: Page) -> str:
    """The key of the pair that the page is at, which stands in its address."""
    page.wait_for_url("**key=pair-*")
    return page.url.partition("key=")[2].partition("&")[0]


def decide(page: Page, keys: list[str]) -> None:
    """Presses the keys and waits until another pair is drawn."""
    before = page.evaluate("() => document.body.dataset.shown")
    for key in keys:
        page.keyboard.press(key)
    expect(page.locator(f"body[data-shown]:not([data-shown='{before}'])")).to_have_count(1, timeout=30_000)


def heap(page: Page) -> float:
    """MiB that the page's scripts hold after a collection."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return metrics["JSHeapUsedSize"] / 2**20


def measure_start(page: Page, folder: Path, times: int = 3) -> dict[str, float]:
    """Medians of some starts; the first one, which finds nothing in memory, is left out."""
    found = []
    for _ in range(times + 1):
        begun = time.perf_counter()
        with reviewing(folder) as (address, printed):
            page.goto(address)
            expect(page.locator("#queue .row .about").first).to_contain_text("QES")
            queue = time.perf_counter() - begun
            expect(page.locator("body")).to_have_attribute("data-shown", next_key(page), timeout=30_000)
            found.append((printed, queue, time.perf_counter() - begun))
            page.goto("about:blank")
    printed, queue, drawn = (round(statistics.median(column), 2) for column in zip(*found[1:], strict=True))
    return {"address_s": printed, "queue_s": queue, "first_pair_s": drawn}


def measure_keys(page: Page, address: str, pairs: int) -> dict[str, Any]:
    open_page(page, address)
    page.evaluate(WATCH)
    held = [heap(page)]
    for number in range(pairs):
        decide(page, ["2", "Space", "Space", "1", *(["r", "1"] if number % 2 else ["Enter"])])
        if number in (99, pairs - 1):
            held.append(heap(page))
    seconds = page.evaluate("() => window.seconds")
    return {
        "pairs": pairs,
        "first_100": spread(seconds[:100]),
        "last_100": spread(seconds[-100:]),
        "heap_mib": [round(one, 1) for one in held],
        "row_elements": page.locator("#queue .row").count(),
    }


def measure_pace(page: Page, address: str, look: float, pairs: int = 20) -> dict[str, float]:
    open_page(page, address)
    begun = time.perf_counter()
    for number in range(pairs):
        page.wait_for_timeout(look * 1000)
        if number % 4 == 3:
            for key in ("b", "ArrowLeft"):
                page.keyboard.press(key)
            page.keyboard.down("Space")
            for _ in range(5):
                page.keyboard.press("ArrowUp")
            page.keyboard.up("Space")
        decide(page, ["r", "1"] if number % 2 else ["Enter"])
    minutes = (time.perf_counter() - begun) / 60
    return {
        "look_s": look,
        "pairs_a_minute": round(pairs / minutes, 1),
        "without_looks_s": round(60 * minutes / pairs - look, 2),
    }


def spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "median_s": round(statistics.median(ordered), 3),
        "p95_s": round(ordered[max(0, round(0.95 * len(ordered)) - 1)], 3),
        "slowest_s": round(ordered[-1], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--large", type=int, default=10_000)
    parser.add_argument("--look", type=float, default=2.5)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    path = os.environ.get("WEBIML_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    found: dict[str, Any] = {"machine": machine(), "rows": arguments.rows, "large": arguments.large}
    print(found["machine"])
    with tempfile.TemporaryDirectory() as work, sync_playwright() as driver:
        shown = min(arguments.rows, arguments.pairs + 100)
        folder = write_dataset(Path(work) / "rows", arguments.rows, MEGAPIXELS, shown)
        large = write_dataset(Path(work) / "large", arguments.large, MEGAPIXELS, 10)
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        found["start"] = measure_start(page, large)
        print("start", found["start"], flush=True)
        with reviewing(folder) as (address, _):
            found["keys"] = measure_keys(page, address, arguments.pairs)
            print("keys", found["keys"], flush=True)
            found["pace"] = measure_pace(page, f"{address}#review=todo", arguments.look)
            print("pace", found["pace"])
        browser.close()
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
