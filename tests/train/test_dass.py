"""What DASS learns from: what the annotator sees, the same for the same key, in crops that invent no pixels."""

from pathlib import Path

import numpy as np
import pytest
import torch

from webiml.evidence.dass_input import CHANNELS
from webiml.settings import TrainSettings
from webiml.train.dass import DassTask, ForgedStack
from webiml.train.samples import prepare
from webiml.train.segmentation import MISSING


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, small_pictures: Path, samples_here: None) -> Path:
    """Three samples of each split, made of small pictures."""
    folder = tmp_path_factory.mktemp("samples")
    for split in ("train", "val"):
        make = ForgedStack((small_pictures,), split, seed=3)
        prepare(make, [f"{split}-{i:05d}" for i in range(3)], folder / split, make.settings, quiet=True)
    return folder


def task(folder: Path, size: int = 64) -> DassTask:
    return DassTask(TrainSettings(steps=1, batch=2, size=size, warmup=0), folder)


def test_a_stack_is_a_function_of_its_key(small_pictures):
    make = ForgedStack((small_pictures,), "train", seed=3)
    first, again, other = make("train-00001"), make("train-00001"), make("train-00002")
    assert first and again and other
    assert first["stack"].shape == (CHANNELS, *first["mask"].shape) and first["stack"].dtype == np.uint8
    assert set(np.unique(first["mask"])) <= {0, 255}
    np.testing.assert_array_equal(first["stack"], again["stack"])
    assert first["stack"].shape != other["stack"].shape or not np.array_equal(first["stack"], other["stack"])


def test_samples_are_crops_that_depend_on_their_number_alone(folder):
    one, other = task(folder), task(folder)
    for index in (0, 1, 2**40):
        sample = one.sample(index)
        assert sample["stack"].shape == (CHANNELS, 64, 64) and sample["mask"].shape == (64, 64)
        np.testing.assert_array_equal(sample["stack"], other.sample(index)["stack"])
    assert any(not np.array_equal(one.sample(0)["stack"], one.sample(i)["stack"]) for i in range(1, 4))


def test_a_small_pair_is_padded_with_what_is_marked(folder):
    sample = task(folder, size=1024).sample(0)
    assert sample["stack"].shape == (CHANNELS, 1024, 1024)
    beyond = sample["mask"] == MISSING
    assert beyond.any() and not beyond.all() and not sample["stack"][:, beyond].any()


def test_nothing_is_learned_beyond_the_picture(folder):
    learner = task(folder)
    stack = torch.zeros(2, CHANNELS, 64, 64, dtype=torch.uint8)
    beyond = learner.loss(learner.net, {"stack": stack, "mask": torch.full((2, 64, 64), MISSING, dtype=torch.uint8)})
    assert all(float(beyond[part].detach()) == 0 for part in ("entropy", "dice", "auxiliary"))
    inside = learner.loss(learner.net, {"stack": stack, "mask": torch.full((2, 64, 64), 255, dtype=torch.uint8)})
    assert float(inside["entropy"].detach()) > 0.1 and float(inside["dice"].detach()) > 0.1


def test_a_perfect_answer_scores_one(folder):
    class Told(torch.nn.Module):
        """Answers the truth of the samples in their order."""

        def __init__(self, truths: list[np.ndarray]) -> None:
            super().__init__()
            self.truths, self.weight = truths, torch.nn.Parameter(torch.zeros(1))

        def forward(self, _: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(self.truths.pop(0).astype(np.float32) - 128)[None, None]

    from webiml.train.samples import read

    learner = task(folder)
    samples = [read(folder / "val", key) for key in learner.validation]
    scores, picture = learner.validate(Told([sample["mask"] for sample in samples]))
    assert scores["iou"] == scores["score"] == 1
    assert picture is not None and picture.dtype == np.uint8 and picture.shape[2] == 3


def test_gradients_reach_every_parameter(folder):
    learner = task(folder)
    batch = {name: torch.from_numpy(np.stack([learner.sample(i)[name] for i in (0, 1)])) for name in ("stack", "mask")}
    learner.loss(learner.net.train(), batch)["total"].backward()
    assert [name for name, parameter in learner.net.named_parameters() if parameter.grad is None] == []
