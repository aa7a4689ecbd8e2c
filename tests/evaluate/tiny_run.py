"""A real evaluation of five small pictures, for tests of what is made of one."""

from pathlib import Path

import numpy as np
from tests.evaluate.conftest import SIZE, marked, write_mask, write_picture
from tests.localize.tiny_localizer import write_tiny

from webiml.evaluate.benchmarks.items import Benchmark, Expected, Item
from webiml.evaluate.plan import Plan, plan
from webiml.evaluate.run import Evaluated, evaluate
from webiml.settings import EvaluateRun, EvaluateSettings

HOSTILE = "<script>alert('x')</script>\x1b[31m | $\\x$ a_b & 100%"
"""A name that HTML, a terminal, Markdown and LaTeX each have to be kept from."""

SQUARE = np.zeros(SIZE, bool)
SQUARE[10:30, 10:30] = True  # 400 pixels; the localizer marks 472 of a red square there: F1 800 / 872


def tiny_run(root: Path) -> tuple[Evaluated, Plan]:
    """`right` is found to the pixel, `near` with F1 800/872; in `alarm`, authentic, 472 of 8000 pixels are marked,
    in `plain` none; `page` is no picture (failed) and the mask of `gone` does not exist (skipped)."""
    data = root / "data"
    for name, side in (("right", 20), ("near", 20), ("alarm", 20), ("plain", 0), ("gone", 20)):
        write_picture(data / f"{name}.png", side)
    for name, mask in (("right", marked(20)), ("near", SQUARE), ("page", SQUARE)):
        write_mask(data / f"{name}-mask.png", mask)
    (data / "page.png").write_text("<!DOCTYPE html>")

    def item(key: str, mask: bool, name: str = "", kind: str = "") -> Item:
        truth = data / f"{key}-mask.png" if mask else None
        return Item(key, name or f"{key}.png", data / f"{key}.png", truth, kind=kind, root=data)

    items = [item("alarm", False), item("gone", True), item("near", True, HOSTILE, "splice <b>")]
    items += [item("page", True, kind="copy_move"), item("plain", False), item("right", True, kind="copy_move")]
    expected = Expected(manipulated=5, authentic=2, source="a paper & its <list>")
    benchmark = Benchmark("set_1", "Set 1", data, tuple(items), "Tp and Gt", verified=False, expected=expected)
    run = EvaluateRun(cache=root / "cache", workers=1)
    planned = plan([benchmark], EvaluateSettings(weights=str(write_tiny(root / "weights"))), run)
    return evaluate(planned, root / "out", run), planned
