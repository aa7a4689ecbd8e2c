"""What an SDG pair shares: a thing that may stay where it stood, or be bent."""

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


@pytest.mark.parametrize("seed", range(6))
def test_what_a_bent_thing_shows_is_found_again_in_the_donor(seed):
    """A disc on a ramp of grey: bent, it is no disc any more; unbent, it is that disc, and shows the disc's greys."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:120, :160]
    disc = (y - 60) ** 2 + (x - 80) ** 2 < 35**2
    ramp = np.dstack([x, y, x + y]).astype(np.uint8)
    straight = donor.DonorPaste(ramp, disc, (np.eye(3),), "hard", 0.0, 1, "paste_1")
    bent = donor._bent(straight, rng)
    painted, mask = bent.onto(np.zeros((120, 160, 3), np.uint8))
    assert (mask ^ disc).sum() > 0.05 * disc.sum()
    found = bent.donor_mask((120, 160))
    assert (found & disc).sum() > 0.97 * (found | disc).sum()
    came_from = painted[mask][:, :2].astype(int)  # each pixel's colour is the place that it shows
    assert disc[came_from[:, 1], came_from[:, 0]].mean() > 0.97
    assert bent.operation == "bent_paste_1"
