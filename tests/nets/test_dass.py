"""DASS: shapes, gradients, precision, no hidden state, one answer in torch and in ONNX."""

import copy

import numpy as np
import onnxruntime
import pytest
import torch

from webiml.evidence.dass_input import CHANNELS
from webiml.nets.dass import PRESETS, Dass, Preset, build
from webiml.train.export import Interface, export_onnx

GOLDEN = [[1.0063, 0.3474, 0.3476, 0.3529], [2.6282, 3.1111, 3.5972, 3.0869], [2.6617, 3.1355, 3.7778, 3.0242]]
SMALLEST = Preset(widths=(4, 8, 8, 8), depths=(1, 1, 1, 1), detail=4, context=(1, 2))


def smallest() -> Dass:
    """Weights that are a function of their position alone, so that the golden numbers depend on no random generator."""
    net = Dass(SMALLEST, CHANNELS).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            wave = torch.sin(torch.arange(parameter.numel(), dtype=torch.float64) * 0.7 + 0.3)
            parameter.copy_((wave / max(parameter[0].numel(), 1) ** 0.5).reshape(parameter.shape).float() + 0.02)
    return net


def ramp(height: int, width: int) -> torch.Tensor:
    values = torch.cos(torch.arange(CHANNELS * height * width, dtype=torch.float64) * 0.37) / 2 + 0.5
    return values.reshape(1, CHANNELS, height, width).float()


def test_golden_output():
    with torch.no_grad():
        found = smallest()(ramp(24, 40))[0, 0]
    np.testing.assert_allclose(found[::8, ::13].numpy(), GOLDEN, atol=2e-4)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (37, 53), (1, 90), (64, 31)])
def test_any_size_comes_back(height, width):
    with torch.no_grad():
        logits, *coarse = smallest()(ramp(height, width), auxiliary=True)
    assert logits.shape == (1, 1, height, width)
    assert [one.shape[1] for one in coarse] == [1, 1]


def test_gradients_reach_every_parameter():
    net = smallest().train()
    outputs = net(ramp(32, 32).repeat(2, 1, 1, 1), auxiliary=True)
    torch.stack([one.square().mean() for one in outputs]).sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_half_precision_says_the_same():
    net = smallest()
    with torch.no_grad():
        whole, half = net(ramp(33, 47)), copy.deepcopy(net).half()(ramp(33, 47).half())
    assert half.dtype == torch.float16
    np.testing.assert_allclose(half.float().numpy(), whole.numpy(), atol=0.02 * float(whole.abs().max()))


def test_it_holds_nothing_but_weights():
    net, before = smallest(), ramp(24, 24)
    with torch.no_grad():
        first = net(before)
        net(ramp(40, 56))
        assert torch.equal(net(before), first)
    again = Dass(SMALLEST, CHANNELS).eval()
    again.load_state_dict(net.state_dict())
    with torch.no_grad():
        assert torch.equal(again(before), first)


def test_onnx_equals_torch_at_odd_sizes(tmp_path):
    interface = Interface({"input": ("batch", CHANNELS, "height", "width")}, output="", about="")
    export_onnx(smallest(), interface, tmp_path / "dass.onnx")  # compares on sizes of its own, and refuses to differ
    session = onnxruntime.InferenceSession(tmp_path / "dass.onnx", providers=["CPUExecutionProvider"])
    for height, width in ((37, 53), (64, 96)):
        with torch.no_grad():
            wanted = smallest()(ramp(height, width)).numpy()
        found = session.run(None, {"input": ramp(height, width).numpy()})[0]
        np.testing.assert_allclose(np.asarray(found), wanted, atol=1e-4)


@pytest.mark.parametrize(("preset", "low", "high"), [("tiny", 1.0e6, 3.0e6), ("small", 5e6, 12e6)])
def test_presets_have_the_size_they_claim(preset, low, high):
    assert preset in PRESETS
    assert low < sum(parameter.numel() for parameter in build(preset, CHANNELS).parameters()) < high
