"""What Corr-DINO learns from: both sides of a forged pair, the same for the same key, in crops that fit together."""

from pathlib import Path

import numpy as np
import pytest
import torch

from webiml.evidence.corr_dino_input import CELL, CHANNELS
from webiml.evidence.matching import MAPS
from webiml.settings import TrainSettings
from webiml.train.corr_dino import CorrDinoTask, ForgedMatch, crop
from webiml.train.samples import prepare, read
from webiml.train.segmentation import MISSING


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, small_pictures: Path, samples_here: None) -> Path:
    """Three samples of each split, made of small pictures."""
    folder = tmp_path_factory.mktemp("samples")
    for split in ("train", "val"):
        make = ForgedMatch((small_pictures,), split, seed=3)
        prepare(make, [f"{split}-{i:05d}" for i in range(3)], folder / split, make.settings, quiet=True)
    return folder


def task(folder: Path, size: int = 64) -> CorrDinoTask:
    return CorrDinoTask(TrainSettings(steps=1, batch=2, size=size, warmup=0), folder)


def test_both_sides_are_stored_on_one_grid(folder):
    for key in ("train-00000", "train-00001", "train-00002"):
        pair = read(folder / "train", key)
        for side in ("", "donor_"):
            stack, matching, mask = (pair[f"{side}{name}"] for name in ("stack", "matching", "mask"))
            assert stack.dtype == mask.dtype == np.uint8 and len(stack) == CHANNELS and len(matching) == len(MAPS)
            assert stack.shape[1:] == mask.shape == tuple(CELL * cells for cells in matching.shape[1:])
            assert set(np.unique(mask)) <= {0, MISSING, 255}


def test_a_sample_is_a_function_of_its_key(small_pictures):
    make = ForgedMatch((small_pictures,), "train", seed=3)
    first, again = make("train-00001"), make("train-00001")
    assert first and again
    for name, array in first.items():
        np.testing.assert_array_equal(array, again[name], err_msg=name)


def test_crops_depend_on_their_number_alone_and_fit_together(folder):
    one, other = task(folder), task(folder)
    for index in (0, 1, 2**40):
        sample = one.sample(index)
        assert sample["stack"].shape == (CHANNELS, 64, 64) and sample["mask"].shape == (64, 64)
        assert sample["matching"].shape == (len(MAPS), 8, 8)
        for name, array in other.sample(index).items():
            np.testing.assert_array_equal(sample[name], array)


def test_a_crop_of_the_matching_lies_where_that_of_the_picture_does():
    rng = np.random.default_rng(0)
    matching = rng.random((len(MAPS), 12, 10)).astype(np.float32)
    stack = np.kron(matching[:1], np.ones((1, CELL, CELL), np.float32))  # each cell has the value of its place
    mask = np.full(stack.shape[1:], 255, np.uint8)
    seen = set()
    for _ in range(40):
        sample = crop(stack, matching, mask, 64, rng)
        np.testing.assert_array_equal(sample["stack"][0, ::CELL, ::CELL], sample["matching"][0])
        seen.add(sample["matching"][0].tobytes())
    assert len(seen) > 15  # places and symmetries


def test_a_small_side_is_padded_with_what_is_marked():
    matching = np.ones((len(MAPS), 4, 10), np.float32)
    sample = crop(np.ones((1, 32, 80), np.uint8), matching, np.zeros((32, 80), np.uint8), 64, np.random.default_rng(1))
    assert sample["stack"].shape == (1, 64, 64) and sample["matching"].shape[1:] == (8, 8)
    assert (sample["mask"] == MISSING).sum() == 32 * 64


def test_gradients_reach_every_parameter(folder):
    learner = task(folder)
    batch = {
        name: torch.from_numpy(np.stack([learner.sample(i)[name] for i in (0, 1)]))
        for name in ("stack", "matching", "mask")
    }
    learner.loss(learner.net.train(), batch)["total"].backward()
    assert [name for name, parameter in learner.net.named_parameters() if parameter.grad is None] == []
