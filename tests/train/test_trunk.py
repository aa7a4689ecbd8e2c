"""What the trunk learns from: points that show the same thing, and matches that are counted as right."""

import numpy as np
import pytest
import torch

from webiml.settings import TrainSettings
from webiml.train.samples import prepare
from webiml.train.trunk import (
    CELL,
    POINTS,
    SIZE,
    ForgedPoints,
    TrunkTask,
    best_matches,
    corresponding,
    seen,
    whole,
)  # fmt: skip


def test_points_lead_from_the_donor_mask_into_the_mask():
    donor, mask = np.zeros((40, 60), bool), np.zeros((50, 50), bool)
    donor[10:20, 10:30] = True
    mask[15:35, 5:15] = True
    shift = np.array([[1.0, 0, -5], [0, 1, 5], [0, 0, 1]])  # lands on rows 15 to 25, columns 5 to 25
    far = np.array([[1.0, 0, 500], [0, 1, 0], [0, 0, 1]])
    points = corresponding(donor, mask, [shift, far], np.random.default_rng(0))
    assert points.shape == (POINTS, 4)
    np.testing.assert_allclose(points[:, 2:] - points[:, :2], [[-5, 5]] * POINTS)
    assert points[:, 2].min() >= 5 and points[:, 2].max() < 15 and points[:, 1].max() < 20
    assert corresponding(donor, mask, [far], np.random.default_rng(0)).shape == (0, 4)
    assert corresponding(np.zeros_like(donor), mask, [shift], np.random.default_rng(0)).shape == (0, 4)


def test_a_picture_is_seen_in_sides_that_the_trunk_takes():
    small, factors = seen(np.zeros((300, 768, 3), np.uint8))
    assert small.shape == (3, 144, 384)
    np.testing.assert_allclose(factors, [0.5, 0.48])
    assert whole(small).shape == (3, SIZE, SIZE)


def test_the_best_match_of_a_place_is_where_it_came_from():
    rng = np.random.default_rng(2)
    there = rng.normal(size=(32, 6, 8)).astype(np.float32)
    there /= np.linalg.norm(there, axis=0)
    here = np.roll(there, (1, 2), axis=(1, 2))  # down and right
    points = np.array([[3.5, 2.5, 5.5, 3.5], [0.5, 0.5, 2.5, 1.5]], np.float32)
    likeness, matches = best_matches(here, there, points)
    np.testing.assert_allclose(matches, points[:, :2])
    assert likeness.shape == (6, 8) and likeness.min() > 0.9


@pytest.fixture(scope="module")
def folder(tmp_path_factory, small_pictures, samples_here):
    folder = tmp_path_factory.mktemp("points")
    for split in ("train", "val"):
        make = ForgedPoints((small_pictures,), split, seed=3)
        prepare(make, [f"{split}-{i:03d}" for i in range(6)], folder / split, {}, quiet=True)
    return folder


def test_the_right_place_gets_likelier(folder):
    task = TrunkTask(TrainSettings(steps=4, batch=1, warmup=0), folder)
    sample = task.sample(0)
    assert sample["authentic"].shape == (3, SIZE, SIZE) and sample["points"].shape == (POINTS, 4)
    assert sample["points"].min() >= -1 and sample["points"].max() <= SIZE / CELL
    batch = {name: torch.from_numpy(array[None]) for name, array in sample.items()}
    learning = [parameter for parameter in task.net.parameters() if parameter.requires_grad]
    assert 0 < len(learning) < len(list(task.net.parameters()))
    optimizer, losses = torch.optim.Adam(learning, lr=1e-3), []
    for _ in range(4):
        optimizer.zero_grad()
        losses.append(task.loss(task.net, batch)["total"])
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < losses[0] - 0.1
    scores, shown = task.validate(task.net)
    assert 0 <= scores["right"] <= 1 and 0 <= scores["auc"] == scores["score"] <= 1
    assert shown is not None and shown.shape[1:] == (4 * 240, 3)
