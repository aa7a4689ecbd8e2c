"""Corr-DINO: shapes, gradients, precision, no hidden state, one answer in torch and in ONNX."""

import copy

import numpy as np
import onnxruntime
import pytest
import torch

from webiml.evidence.corr_dino_input import CHANNELS
from webiml.evidence.matching import MAPS
from webiml.nets.corr_dino import PRESETS, CorrDino, Preset, build
from webiml.train.export import Interface, export_onnx

GOLDEN = [[0.8277, 0.3155, 0.3155, 0.3155], [3.0129, 3.8232, 4.3074, 3.4803], [3.1013, 3.7242, 4.2851, 3.4843]]
SMALLEST = Preset(widths=(4, 8, 8), depths=(1, 1, 1), aggregated=8, denoisers=1, detail=4, context=(1, 2))


def smallest() -> CorrDino:
    """Weights that are a function of their position alone, so that the golden numbers depend on no random generator."""
    net = CorrDino(SMALLEST, CHANNELS, len(MAPS)).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            wave = torch.sin(torch.arange(parameter.numel(), dtype=torch.float64) * 0.7 + 0.3)
            parameter.copy_((wave / max(parameter[0].numel(), 1) ** 0.5).reshape(parameter.shape).float() + 0.02)
    return net


def ramp(height: int, width: int, batch: int = 1) -> tuple[torch.Tensor, ...]:
    """A stack and a matching for a picture of that size."""
    rows, columns = (-(-side // 16) * 2 for side in (height, width))
    return tuple(
        (torch.cos(torch.arange(channels * h * w, dtype=torch.float64) * 0.37) / 2 + 0.5)
        .reshape(1, channels, h, w).float().repeat(batch, 1, 1, 1)
        for channels, h, w in ((CHANNELS, height, width), (len(MAPS), rows, columns))
    )  # fmt: skip


def test_golden_output():
    with torch.no_grad():
        found = smallest()(*ramp(24, 40))[0, 0]
    np.testing.assert_allclose(found[::8, ::13].numpy(), GOLDEN, atol=2e-4)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (37, 53), (1, 90), (64, 31)])
def test_any_size_comes_back(height, width):
    with torch.no_grad():
        logits, *coarse = smallest()(*ramp(height, width), auxiliary=True)
    assert logits.shape == (1, 1, height, width)
    assert [one.shape[1] for one in coarse] == [1, 1]


def test_gradients_reach_every_parameter():
    net = smallest().train()
    outputs = net(*ramp(32, 32, batch=2), auxiliary=True)
    torch.stack([one.square().mean() for one in outputs]).sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_half_precision_says_the_same():
    net = smallest()
    with torch.no_grad():
        whole = net(*ramp(33, 47))
        half = copy.deepcopy(net).half()(*(one.half() for one in ramp(33, 47)))
    assert half.dtype == torch.float16
    np.testing.assert_allclose(half.float().numpy(), whole.numpy(), atol=0.02 * float(whole.abs().max()))


def test_it_holds_nothing_but_weights():
    net, before = smallest(), ramp(24, 24)
    with torch.no_grad():
        first = net(*before)
        net(*ramp(40, 56))
        assert torch.equal(net(*before), first)
    again = CorrDino(SMALLEST, CHANNELS, len(MAPS)).eval()
    again.load_state_dict(net.state_dict())
    with torch.no_grad():
        assert torch.equal(again(*before), first)


def test_onnx_equals_torch_at_odd_sizes(tmp_path):
    interface = Interface(
        {"stack": ("batch", CHANNELS, "height", "width"), "matching": ("batch", len(MAPS), "rows", "columns")},
        output="",
        about="",
    )
    export_onnx(
        smallest(), interface, tmp_path / "corr_dino.onnx"
    )  # compares on sizes of its own, and refuses to differ
    session = onnxruntime.InferenceSession(tmp_path / "corr_dino.onnx", providers=["CPUExecutionProvider"])
    for height, width in ((37, 53), (64, 96)):
        with torch.no_grad():
            wanted = smallest()(*ramp(height, width)).numpy()
        found = session.run(
            None, dict(zip(CorrDino.inputs, (one.numpy() for one in ramp(height, width)), strict=True))
        )[0]
        np.testing.assert_allclose(np.asarray(found), wanted, atol=1e-4)


@pytest.mark.parametrize(("preset", "low", "high"), [("tiny", 0.8e6, 3.0e6), ("small", 3e6, 12e6)])
def test_presets_have_the_size_they_claim(preset, low, high):
    assert preset in PRESETS
    assert low < sum(parameter.numel() for parameter in build(preset, CHANNELS, len(MAPS)).parameters()) < high
