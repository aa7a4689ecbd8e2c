"""What the pair classifier learns from: forged pairs, their true crop boxes, and looks that can be turned."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from webiml.forge.forged_pair import ForgedPair
from webiml.geometry import fit
from webiml.nets.pair_classifier import BOX, KINDS, OUTPUTS, PairClassifier
from webiml.settings import TrainSettings
from webiml.train import forged
from webiml.train.pair_classifier import (
    LABELS,
    ForgedInput,
    Look,
    PairClassifierTask,
    assembled,
    compact,
    cropped,
    expanded,
    labels,
    temperature,
    unlikelihood,
)
from webiml.train.samples import prepare, read
from webiml.types import Kind


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, small_pictures: Path, samples_here: None) -> Path:
    """Four samples of each split, made of small pictures."""
    folder = tmp_path_factory.mktemp("samples")
    for split in ("train", "val"):
        make = ForgedInput((small_pictures,), split, seed=5)
        keys = prepare(make, [f"{split}-{i:05d}" for i in range(4)], folder / split, make.settings, quiet=True)
        look = Look(folder / split, "tiny")
        prepare(look, keys, folder / f"{split}-looks", look.settings, quiet=True)
    return folder


@pytest.fixture(scope="module")
def task(folder: Path) -> PairClassifierTask:
    return PairClassifierTask(TrainSettings(steps=1, batch=4, warmup=0), folder)


def plain_pair(kind: Kind = Kind.SPG) -> ForgedPair:
    """Both pictures alike, every pixel another; the mask in the middle."""
    rows, columns = np.mgrid[:200, :300]
    rgb = np.stack([rows, columns % 256, columns // 256], axis=2).astype(np.uint8)
    mask = np.zeros((200, 300), bool)
    mask[80:120, 120:180] = kind is Kind.SPG
    return ForgedPair("one", kind, rgb, rgb, mask, None, (np.eye(3),), (), ())


def batch_of(task: PairClassifierTask, count: int) -> dict[str, torch.Tensor]:
    samples = [task.sample(index) for index in range(count)]
    return {name: torch.from_numpy(np.stack([sample[name] for sample in samples])) for name in samples[0]}


# The right half of a picture of 100 x 200 (H x W), shown at twice its size.
RIGHT_HALF = fit.resize_map(2.0) @ np.array([[1, 0, -100], [0, 1, 0], [0, 0, 1.0]])
TURN = np.array([[0.995, -0.0998, 0], [0.0998, 0.995, 0], [0, 0, 1]])  # by 0.1


@pytest.mark.parametrize(
    ("kind", "transform", "box", "defined", "same"),
    [
        (Kind.SPG, np.eye(3), (0, 0, 2, 2), 1, 0),  # the manipulated one is 200 x 400: twice as far each way
        (Kind.SPG, fit.resize_map(2.0), (0, 0, 1, 1), 1, 1),
        (Kind.IDENTICAL, RIGHT_HALF, (0.5, 0, 1.5, 1), 1, 0),
        (Kind.SPG, fit.resize_map(2.0) @ fit.mirror_map(200), None, 0, 0),
        (Kind.SPG, TURN @ fit.resize_map(2.0), None, 0, 0),
        (Kind.SDG, None, (0, 0, 1, 1), 0, 0),
        (Kind.UNRELATED, None, (0, 0, 1, 1), 0, 0),
    ],
    ids=["larger", "resized", "right-half", "mirrored", "turned", "object", "nothing"],
)
def test_crop_box(kind, transform, box, defined, same):
    found = labels(kind, transform, (100, 200), (200, 400))
    assert KINDS[int(found["kind"])] is kind
    assert (float(found["has_box"]), float(found["same_frame"])) == (defined, same)
    if box is not None:
        np.testing.assert_allclose(found["box"], box, atol=1e-6)


@pytest.mark.parametrize("kind", [Kind.SPG, Kind.IDENTICAL])
def test_a_crop_keeps_transform_mask_and_kind_true(kind):
    sizes = set()
    for seed in range(40):
        authentic, manipulated, transform = cropped(plain_pair(kind), np.random.default_rng(seed))
        assert transform is not None
        sizes.add((authentic.shape[:2], manipulated.shape[:2]))
        y, x = np.argwhere(np.ones(authentic.shape[:2], bool))[:: authentic.shape[1] + 7].T
        u, v = fit.apply(transform, np.column_stack([x, y])).round().astype(int).T
        inside = (u >= 0) & (v >= 0) & (u < manipulated.shape[1]) & (v < manipulated.shape[0])
        assert inside.any()
        np.testing.assert_array_equal(authentic[y[inside], x[inside]], manipulated[v[inside], u[inside]])
        if kind is Kind.SPG:  # the edit can still be seen
            pixels = manipulated.astype(int)
            column = pixels[..., 1] + 256 * pixels[..., 2]
            assert ((pixels[..., 0] >= 80) & (pixels[..., 0] < 120) & (column >= 120) & (column < 180)).any()
    assert len(sizes) > 10


def test_pairs_of_two_scenes_are_not_cropped():
    pair = replace(plain_pair(Kind.SDG), transforms=(np.eye(3),))
    for seed in range(20):
        authentic, manipulated, transform = cropped(pair, np.random.default_rng(seed))
        assert authentic is pair.authentic and manipulated is pair.manipulated and transform is None


def test_an_input_is_a_function_of_its_key(small_pictures):
    make = ForgedInput((small_pictures,), "train", seed=5)
    first, again, other = make("train-00001"), make("train-00001"), make("train-00002")
    assert first and again and other
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
    assert not np.array_equal(first["manipulated"], other["manipulated"])
    assert make.settings != ForgedInput((small_pictures,), "train", seed=6).settings


def test_what_is_kept_of_an_input_comes_back():
    rng = np.random.default_rng(0)
    inputs = {name: rng.random((3, 4, 4), dtype=np.float32) for name in PairClassifier.inputs}
    back = expanded(compact(inputs))
    for name, value in inputs.items():
        np.testing.assert_allclose(back[name], value, atol=0.5 / 255 + 1e-6)
        assert back[name].dtype == np.float32


def test_more_pairs_can_follow(folder, small_pictures, tmp_path):
    shutil.copytree(folder / "val", tmp_path / "val")
    make = ForgedInput((small_pictures,), "val", seed=5)
    before = Look(tmp_path / "val", "tiny").settings
    assert prepare(make, [f"val-{i:05d}" for i in range(5)], tmp_path / "val", make.settings, quiet=True)
    assert Look(tmp_path / "val", "tiny").settings == before
    other = ForgedInput((small_pictures,), "val", seed=6)
    prepare(other, ["val-00000"], tmp_path / "other", other.settings, quiet=True)
    assert Look(tmp_path / "other", "tiny").settings != before


def test_a_pair_whose_probe_gave_less_than_half_is_of_doubtful_kind(small_pictures, monkeypatch):
    pair = plain_pair()
    mask = np.zeros((200, 300), bool)
    mask[:, :180] = True
    monkeypatch.setattr(forged, "forge_pair", lambda *given, **named: replace(pair, mask=mask))
    assert ForgedInput((small_pictures,), "train", seed=5)("one") is None


def test_an_identical_pair_weighs_less():
    logits = torch.zeros(2, 4)
    logits[0, KINDS.index(Kind.SPG)] = 3.0  # right with 0.870, cross-entropy 0.139
    truth = torch.tensor([KINDS.index(Kind.SPG), KINDS.index(Kind.IDENTICAL)])  # the other is left at ln 4
    right = -np.log(np.exp(3) / (np.exp(3) + 3))
    assert float(unlikelihood(logits, truth)) == pytest.approx((right + 0.3 * np.log(4)) / 1.3, rel=1e-5)


def test_samples_depend_on_their_number_alone(folder, task):
    other = PairClassifierTask(TrainSettings(steps=1, batch=4, warmup=0), folder)
    for index in (0, 1, 2**40):
        one, again = task.sample(index), other.sample(index)
        assert set(one) == {"there", "here", "features", "framing", *LABELS}
        for name, value in one.items():
            np.testing.assert_array_equal(value, again[name])
    assert len({task.sample(index)["here"].tobytes() for index in range(20)}) > 8  # four pairs, and turned ones


def test_a_look_is_what_the_whole_network_would_see(folder, task):
    whole = assembled("tiny", task.net)
    key = task.validation[0]
    stored = expanded(read(folder / "val", key))
    with torch.no_grad():
        direct = whole(**{name: torch.from_numpy(value[None]) for name, value in stored.items()})
        task.net.eval()
        kept, truth = task.outputs(task.net, "val")
    assert kept.shape == (4, OUTPUTS) and set(truth) == set(LABELS)
    np.testing.assert_allclose(kept[0].numpy(), direct[0].numpy(), atol=0.01)  # kept as float16


def test_a_box_is_learned_only_where_it_is_defined(task):
    batch = batch_of(task, 4)
    batch["has_box"] = torch.tensor([1.0, 0, 0, 0])
    found = torch.zeros(4, OUTPUTS)
    found[:, BOX] = batch["box"]
    found[0, BOX] += torch.tensor([0.11, 0, 0, 0])
    found[1:, BOX] += 100.0
    loss = task.loss(lambda *_: found, batch)
    assert float(loss["box"]) == pytest.approx((0.11 - 0.01) / 4, abs=1e-5)  # Smooth-L1: |d| - beta / 2, mean over four
    assert float(loss["total"]) == pytest.approx(sum(float(loss[name]) for name in ("kind", "aligned", "box")))


def test_a_network_learns_the_kinds_of_a_few_pairs(folder):
    task = PairClassifierTask(TrainSettings(steps=1, batch=4, warmup=0), folder)
    batch = batch_of(task, 16)
    net = task.net.eval()  # without dropout: it shall know them by heart
    optimizer = torch.optim.AdamW(net.parameters(), 5e-3)
    first = float(task.loss(net, batch)["total"].detach())
    for _ in range(60):
        optimizer.zero_grad()
        task.loss(net, batch)["total"].backward()
        optimizer.step()
    assert float(task.loss(net, batch)["total"].detach()) < 0.4 * first


def test_validation_counts_and_shows_what_is_wrong(task):
    """Outputs that are right about all kinds but that of the first pair."""
    _, truth = task.outputs(task.net.eval(), "val")
    logits = 8.0 * torch.nn.functional.one_hot(truth["kind"], len(KINDS)).float()
    logits[0] = logits[0].roll(1)
    found = torch.cat([logits, 20 * truth["same_frame"][:, None] - 10, truth["box"] + 0.03], dim=1)

    class Known(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.place, self.number = torch.nn.Parameter(torch.zeros(1)), 0

        def forward(self, *_: torch.Tensor) -> torch.Tensor:
            self.number += 1
            return found[self.number - 1 : self.number]

    scores, picture = task.validate(Known())
    assert scores["kind"] == 0.75 and scores["aligned"] == 1.0
    assert scores["score"] == pytest.approx(-2.0, abs=0.01)  # one of four costs 8 nats
    if truth["has_box"].any():
        assert scores["box_error"] == pytest.approx(0.03, abs=1e-5)
    assert picture is not None and picture.shape == (160, 320, 3) and picture.dtype == np.uint8


@pytest.mark.parametrize("sure", [0.5, 1.0, 2.0])
def test_temperature_makes_odds_what_they_are(sure):
    """Three of four are right, so the odds shall be 3 to 1: what says ln 3 times `sure` is divided by `sure`."""
    logits = torch.tensor([[np.log(3) * sure, 0.0, -99.0, -99.0]] * 100)
    truth = torch.tensor([0] * 75 + [1] * 25)
    assert temperature(logits, truth) == pytest.approx(sure, rel=0.02)
