"""A torch network as a function of pictures, and what torch counts of it."""

import numpy as np
import pytest
import torch
from torch import nn

from webiml.errors import SettingError
from webiml.nets.localizer import Deployed
from webiml.nets.web_iml import PRESETS, WebIml
from webiml.train.own_net_cost import as_function, flops, parameters


def test_a_map_has_the_size_of_its_picture_and_lies_between_0_and_1():
    look = as_function("own", nn.Conv2d(3, 1, 3, padding=1))
    found = look(np.full((50, 70, 3), 200, np.uint8))
    assert found.shape == (50, 70) and found.dtype == np.float32 and 0 < found.min() <= found.max() < 1


def test_operations_and_parameters_by_hand():
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1, bias=False))
    look = as_function("own", net)
    assert parameters(net) == 3 * 8 * 9 + 8 + 8
    # sides are rounded up to 64 and 96, the multiples of 32 that a network sees
    assert flops(look, np.zeros((50, 70, 3), np.uint8)) == 2 * 64 * 96 * (8 * 27 + 8)


def test_the_exported_network_counts_as_that_of_torch(repository):
    from webiml.evaluate.onnx_cost import operations_of

    model = (repository / "src" / "webiml" / "weights" / "web_iml.onnx").read_bytes()
    found = operations_of(model, {"picture": np.zeros((1, 96, 64, 3), np.uint8)})
    deployed = Deployed(WebIml(PRESETS["tiny"])).eval()

    def look(rgb: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return deployed(torch.from_numpy(rgb)[None])[0].numpy()

    assert found.products == flops(look, np.zeros((96, 64, 3), np.uint8))


@pytest.mark.parametrize(
    ("net", "says"),
    [(nn.Conv2d(3, 2, 1), r"gives \(1, 2, 64, 128\)"), (nn.Linear(7, 7), "fails on a picture of")],
    ids=["two channels", "no pictures"],
)
def test_what_is_no_localizer_is_a_sentence(net, says):
    with pytest.raises(SettingError, match=says):
        as_function("own", net)
