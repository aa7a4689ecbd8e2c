"""Several pairs at once in one worker: in order, bounded, one bad pair costs itself, and the maps are the same."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_driver import DifferenceAnnotator, make_pair
from PIL import Image

from webiml.errors import SettingError
from webiml.settings import AnnotateRun


def annotated(folder: Path, batch: int, annotator: str) -> dict[str, Any]:
    """What batch_driver says, of a process of its own: it is kept to one thread, as a worker is."""
    driver = Path(__file__).with_name("batch_driver.py")
    command = [sys.executable, str(driver), str(folder), str(batch), annotator]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_results_come_in_order_though_the_first_is_slow_and_one_fails(tmp_path):
    orders = [DifferenceAnnotator.SLOW, 0, DifferenceAnnotator.RAISE, *[0] * 9]
    for place, order in enumerate(orders):
        make_pair(tmp_path, f"p{place:02d}", order)
    said = annotated(tmp_path, 3, "difference")
    assert said["keys"] == [f"p{place:02d}" for place in range(12)]
    assert said["reasons"] == [None, None, "internal_error", *[None] * 9]
    assert said["same"] == [True] * 12
    assert said["furthest"] == 6  # twice the batch, of 12


def test_networks_draw_the_same_maps_for_several_pairs_at_once(tmp_path, picture):
    for place, name in enumerate(("canyon", "coffee")):
        authentic = picture(name, 160)[:96, :128]
        manipulated = authentic.copy()
        manipulated[30:70, 40:90] = picture("boards", 200)[:40, :50]
        for side, array in enumerate((authentic, manipulated)):
            Image.fromarray(np.ascontiguousarray(array)).save(tmp_path / f"{place}-{side}.png")
    said = annotated(tmp_path, 2, "learned")
    assert len(said["levels_apart"]) == 2 and max(said["levels_apart"]) <= 1  # of 255: rounding


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"batch": 0, "runner": "ray"}, "--batch must lie between 1 and 256, got 0"),
        ({"batch": 257, "runner": "ray"}, "--batch must lie between 1 and 256, got 257"),
        ({"batch": 2}, "--batch only matters on a cluster: add --runner ray"),
    ],
    ids=["none", "too-many", "on-this-machine"],
)
def test_a_batch_that_makes_no_sense_is_refused(settings, words):
    with pytest.raises(SettingError, match=words):
        AnnotateRun(**settings)
    assert AnnotateRun(batch=256, runner="ray").batch == 256
