"""The course of the learning rate, and which weights decay."""

import pytest
from torch import nn

from webiml.settings import TrainSettings
from webiml.train.optimizer import adamw, learning_rate

COSINE = TrainSettings(steps=110, warmup=10, lr=0.1)


@pytest.mark.parametrize(
    ("step", "share"), [(0, 0.1), (4, 0.5), (9, 1.0), (10, 1.0), (60, 0.505), (110, 0.01)], ids=str
)
def test_rate_rises_and_falls_by_half_a_cosine(step, share):
    assert learning_rate(COSINE, step) == pytest.approx(0.1 * share)


def test_rate_falls_by_a_power():
    poly = TrainSettings(steps=100, warmup=0, lr=1.0, schedule="poly")
    assert learning_rate(poly, 0) == pytest.approx(1.0)
    assert learning_rate(poly, 75) == pytest.approx(0.01 + 0.99 * 0.25**0.9)
    assert learning_rate(poly, 100) == pytest.approx(0.01)


def test_only_weights_of_two_dimensions_or_more_decay():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    groups = adamw(net, TrainSettings(weight_decay=0.3)).param_groups
    assert [(len(group["params"]), group["weight_decay"]) for group in groups] == [(1, 0.3), (3, 0.0)]


def test_a_module_that_learns_at_a_pace_of_its_own():
    net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 3)))
    net[1].pace = 0.25  # pyright: ignore[reportArgumentType, reportAttributeAccessIssue]
    groups = adamw(net, TrainSettings(lr=0.1, weight_decay=0.5)).param_groups
    found = [(group["pace"], group["weight_decay"], [tuple(p.shape) for p in group["params"]]) for group in groups]
    assert found == [(1.0, 0.5, [(2, 2)]), (1.0, 0.0, [(2,)]), (0.25, 0.5, [(3, 2)]), (0.25, 0.0, [(3,)])]
