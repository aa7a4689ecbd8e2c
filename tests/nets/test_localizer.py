"""A localizer as it ships: what stands around the network, by numbers worked out by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from webiml.nets.localizer import Deployed


class RedIsManipulated(nn.Module):
    """Logits: 2 where red is full, -2 where it is 0; remembers what sizes it was given."""

    def __init__(self, stride: object = None) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []
        if stride is not None:
            self.stride = stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(tuple(x.shape))
        return 4 * x[:, :1] - 2


class WithAnswers(RedIsManipulated):
    """Its confidence is what is green, and its score what is blue at the first pixel."""

    def answers(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return self(x), x[:, 1:2], x[:, 2, 0, 0]


def picture(height: int = 20, width: int = 30) -> torch.Tensor:
    return torch.zeros((1, height, width, 3), dtype=torch.uint8)


def sigmoid(x: float) -> float:
    return 1 / (1 + np.exp(-x))


def numbers(found: tuple[torch.Tensor, ...]) -> list[np.ndarray]:
    return [one.numpy() for one in found]


def test_a_plain_network_is_as_sure_as_its_probability_and_scores_its_worst_spot():
    given = picture()
    given[0, 11:, 21:, 0] = 255  # a corner of nine by nine
    probability, confidence, score = numbers(Deployed(RedIsManipulated())(given))
    assert probability.shape == confidence.shape == (1, 20, 30) and score.shape == (1,)
    assert probability[0, 11, 21] == pytest.approx(sigmoid(2)) and probability[0, 10, 21] == pytest.approx(sigmoid(-2))
    np.testing.assert_allclose(confidence, sigmoid(2), rtol=1e-6)
    assert score[0] == pytest.approx(sigmoid(2), abs=1e-6)


def test_a_smaller_spot_scores_less():
    given = picture()
    given[0, 5, 5, 0] = 255
    score = Deployed(RedIsManipulated())(given)[2]
    assert score.item() == pytest.approx((sigmoid(2) + 80 * sigmoid(-2)) / 81, abs=1e-6)


def test_curves_change_the_logits_they_are_of():
    given = picture()
    given[0, :, :15, 0] = 255
    deployed = Deployed(RedIsManipulated())
    deployed.pixel.copy_(torch.tensor([0.5, 1.0]))  # 2 and -2 become 2 and 0
    deployed.certain.copy_(torch.tensor([3.0, -1.0]))  # of 2 and 0: 5 and -1
    deployed.score_curve.copy_(torch.tensor([2.0, 0.0, 0.5]))  # of 2: 4.5
    probability, confidence, score = numbers(deployed(given))
    np.testing.assert_allclose(probability[0, 3, [14, 15]], [sigmoid(2), 0.5], rtol=1e-5)
    np.testing.assert_allclose(confidence[0, 3, [14, 15]], [sigmoid(5), sigmoid(-1)], rtol=1e-5)
    np.testing.assert_allclose(score, sigmoid(4.5), rtol=1e-4)


def test_the_score_also_counts_how_much_is_marked():
    given = picture()
    given[0, :, :15, 0] = 255  # half of it
    deployed = Deployed(WithAnswers())
    deployed.pixel.copy_(torch.tensor([0.5, 1.0]))  # 2 and -2 become 2 and 0
    deployed.score_curve.copy_(torch.tensor([0.0, 3.0, 0.5]))
    area = (sigmoid(2) + 0.5) / 2
    np.testing.assert_allclose(deployed(given)[2], sigmoid(3 * np.log(area) + 0.5), rtol=1e-5)


def test_a_network_with_answers_is_asked_for_them():
    given = picture()
    given[..., 1], given[0, 4, 4, 1], given[0, 0, 0, 2] = 51, 255, 102
    deployed = Deployed(WithAnswers())
    deployed.certain.copy_(torch.tensor([10.0, -1.0]))
    deployed.score_curve.copy_(torch.tensor([5.0, 0.0, 1.0]))
    probability, confidence, score = numbers(deployed(given))
    np.testing.assert_allclose(probability, sigmoid(-2), rtol=1e-5)
    np.testing.assert_allclose(confidence[0, 4, [4, 5]], [sigmoid(9), sigmoid(1)], rtol=1e-5)
    np.testing.assert_allclose(score, sigmoid(3), rtol=1e-5)


@pytest.mark.parametrize(
    ("stride", "size", "seen"),
    [(None, (33, 64), (64, 64)), (8, (33, 64), (40, 64)), (1, (33, 65), (33, 65)), ((2, 2), (16, 17), (32, 32))],
    ids=["its-own-is-unknown", "eight", "none-needed", "a-pair-is-no-stride"],
)
def test_pictures_are_padded_to_the_stride_and_answers_cropped(stride, size, seen):
    for net in (RedIsManipulated(stride), WithAnswers(stride)):
        probability, confidence, _ = Deployed(net)(picture(*size))
        assert probability.shape == confidence.shape == (1, *size)
        assert net.seen == [(1, 3, *seen)]


def test_what_is_added_repeats_the_edge():
    class Kept(RedIsManipulated):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.given = x
            return super().forward(x)

    net, given = Kept(8), picture(17, 30)
    given[0, 16, 29] = torch.tensor([255, 51, 102], dtype=torch.uint8)
    Deployed(net)(given)
    assert torch.allclose(net.given[0, :, 16:, 29:], torch.tensor([1.0, 0.2, 0.4])[:, None, None].expand(3, 8, 3))


def test_two_pictures_are_two_answers():
    batch = torch.cat([picture(), picture()])
    batch[1, ..., 0] = 255
    score = Deployed(RedIsManipulated())(batch)[2]
    assert score.tolist() == pytest.approx([sigmoid(-2), sigmoid(2)])


def test_curves_are_no_weights_of_the_network():
    deployed = Deployed(nn.Conv2d(3, 1, 1))
    assert sorted(deployed.net.state_dict()) == ["bias", "weight"]
    assert deployed.pixel.tolist() == deployed.certain.tolist() == [1, 0] and deployed.score_curve.tolist() == [1, 0, 0]
