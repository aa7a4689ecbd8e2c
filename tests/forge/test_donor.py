"""What an SDG pair shares: that a thing may stay where it stood."""

from pathlib import Path

import numpy as np
import pytest

from webiml.forge import donor
from webiml.forge.pictures import Place, SourcePicture
from webiml.forge.scene import Scene


def flat(height: int, width: int) -> Scene:
    grey = np.full((height, width, 3), 90, np.uint8)
    picture = SourcePicture("grey", "grey", "", "", "", "", "", width, height, Place(Path("grey.png")))
    return Scene(picture, grey, None, np.zeros((height, width), np.uint8), np.eye(3))


@pytest.mark.parametrize("seed", range(12))
def test_a_thing_that_stays_lands_where_it_stood(seed, monkeypatch):
    """Donor 80 x 120 in a scene 160 x 240: twice the size, by up to 7 % more or less, and at most a little moved."""
    thing = np.zeros((80, 120), bool)
    thing[20:60, 30:90] = True
    monkeypatch.setattr(donor, "pick_thing", lambda *given: thing)
    pasted = donor._in_place(flat(80, 120), flat(160, 240), np.random.default_rng(seed))
    _, inside = pasted.onto(np.zeros((160, 240, 3), np.uint8))
    y, x = np.argwhere(inside).mean(axis=0)
    assert abs(y - 79.5) < 16 and abs(x - 119.5) < 20
    assert 0.85 * 9600 < inside.sum() < 1.35 * 9600
    assert pasted.operation == "in_place"
