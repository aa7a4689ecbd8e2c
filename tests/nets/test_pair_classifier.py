"""Pair classifiers: golden outputs, gradients, precision, symmetry, one answer in torch and in ONNX."""

import copy
import warnings

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from webiml.errors import SettingError
from webiml.evidence.kind_input import FEATURES, FRAMING, GRID, MAPS, SIDE
from webiml.nets import pair_classifier
from webiml.nets.backbones import EfficientNetLite0, efficientnet_lite0, load_trunk
from webiml.nets.pair_classifier import (
    BOX,
    DERIVATIVES,
    KINDS,
    OUTPUTS,
    PRESETS,
    MatchingPreset,
    PairClassifier,
    Reader,
    StackedClassifier,
    StackedPreset,
    build,
    descriptors,
    match_both,
    turned,
)

GOLDEN_MATCHING = [1.4041, 1.9908, 2.1761, 1.8890, 2.5619, 0.3935, 3.6629, 0.9782, 1.0281]
GOLDEN_STACKED = [2.3714, -0.1246, 0.3888, 2.7373, -1.0273, -1.0939, 1.0617, -2.0496, -0.7323]
SMALLEST = StackedPreset(side=64, widths=(4, 8, 8, 12), depths=(1, 1, 2, 1))
NARROW = MatchingPreset(widths=(4, 4, 8), gate=4, hidden=8)


def waved(net: nn.Module) -> nn.Module:
    """Weights that are a function of their position alone, so that golden numbers depend on no random generator."""
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.requires_grad:
                wave = torch.sin(torch.arange(parameter.numel(), dtype=torch.float64) * 0.7 + 0.3)
                parameter.copy_((wave / max(parameter[0].numel(), 1) ** 0.5).reshape(parameter.shape).float() + 0.02)
    return net.eval()


def ramp(*shape: int, speed: float = 0.37) -> torch.Tensor:
    return (torch.cos(torch.arange(int(np.prod(shape)), dtype=torch.float64) * speed) / 2 + 0.5).reshape(shape).float()


@pytest.fixture(scope="module")
def matching() -> PairClassifier:
    net = PairClassifier(NARROW)
    waved(net.reader)
    return net.eval()


@pytest.fixture(scope="module")
def inputs(picture) -> dict[str, torch.Tensor]:
    """Two pictures, the second with a part of the first."""
    pier, coffee = (torch.from_numpy(picture(name, 320)[:SIDE, :SIDE].copy()) for name in ("pier", "coffee"))
    pier, coffee = (fit_side(x.permute(2, 0, 1)[None].float() / 255) for x in (pier, coffee))
    pasted = coffee.clone()
    pasted[..., 64:192, 64:192] = pier[..., 96:224, 96:224]
    return {
        "authentic": pier,
        "manipulated": pasted,
        "aligned": pier.flip(3),
        "maps": ramp(1, len(MAPS), GRID, GRID),
        "features": ramp(1, len(FEATURES)),
        "framing": ramp(1, len(FRAMING)),
    }


def fit_side(picture: torch.Tensor) -> torch.Tensor:
    return nn.functional.interpolate(picture, (SIDE, SIDE), mode="area")


def test_the_network_takes_what_the_evidence_gives():
    for preset in PRESETS.values():
        if isinstance(preset, MatchingPreset):
            assert (preset.maps, preset.features, preset.framing) == (len(MAPS), len(FEATURES), len(FRAMING))
    assert MAPS[0] == "validity"  # the network counts on its place
    assert FRAMING[:5] == ("aligned", "x0", "y0", "x1", "y1")


def test_golden_output_of_the_matching_network(matching, inputs):
    with torch.no_grad():
        found = matching(**inputs)[0]
    np.testing.assert_allclose(found.numpy(), GOLDEN_MATCHING, atol=2e-3)


def test_features_start_with_mean_zero_and_about_unit_spread(matching):
    reader = copy.deepcopy(matching).reader
    features = torch.stack([torch.linspace(-1, 3, 50) * scale for scale in torch.linspace(0.5, 2, len(FEATURES))], 1)
    reader.standardise(features)
    standard = (features - reader.centre) * reader.scale
    assert torch.allclose(standard.mean(dim=0), torch.zeros(len(FEATURES)), atol=1e-5)
    assert (standard.std(dim=0) - 1).abs().max() < 0.05


def test_golden_output_of_the_stacked_network():
    net = waved(StackedClassifier(SMALLEST))
    with torch.no_grad():
        found = net(ramp(1, 3, 64, 96), ramp(1, 3, 64, 96, speed=0.11))[0]
    np.testing.assert_allclose(found.numpy(), GOLDEN_STACKED, atol=2e-4)


def test_the_paper_preset_has_the_released_size():
    with torch.device("meta"):
        net = build("paper")
    count = sum(parameter.numel() for parameter in net.parameters())
    assert count == pytest.approx(348e6, rel=0.01)


def test_the_trunk_is_frozen_and_everything_else_learns(matching, inputs):
    net = copy.deepcopy(matching).train()
    net(**{name: torch.cat([x, x.flip(-1)]) for name, x in inputs.items()}).square().sum().backward()
    assert all(p.grad is None and not p.requires_grad for p in net.trunk.parameters())
    assert [n for n, p in net.reader.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_gradients_reach_every_parameter_of_the_stacked_network():
    net = waved(StackedClassifier(SMALLEST)).train()
    net(ramp(2, 3, 64, 64), ramp(2, 3, 64, 64, speed=0.11)).square().sum().backward()
    assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_half_precision_says_the_same(matching, inputs):
    with torch.no_grad():
        whole = matching(**inputs)
        half = copy.deepcopy(matching).half()(**{name: x.half() for name, x in inputs.items()})
    assert half.dtype == torch.float16
    np.testing.assert_allclose(half.float().numpy(), whole.numpy(), atol=0.02 * float(whole.abs().max()))


@pytest.mark.parametrize("size", [NARROW, SMALLEST], ids=["matching", "stacked"])
def test_there_is_no_state_but_weights(size):
    net = PairClassifier(size) if isinstance(size, MatchingPreset) else StackedClassifier(size)
    assert list(net.buffers()) == []
    assert set(net.state_dict()) == {name for name, _ in net.named_parameters()}


@pytest.mark.parametrize("size", [NARROW, SMALLEST], ids=["matching", "stacked"])
def test_onnx_gives_the_same(size, matching, inputs, tmp_path):
    if isinstance(size, MatchingPreset):
        net, given, names = matching, list(inputs.values()), list(PairClassifier.inputs)
    else:
        net, given = waved(StackedClassifier(SMALLEST)), [ramp(1, 3, 64, 96), ramp(1, 3, 64, 96, speed=0.11)]
        names = list(StackedClassifier.inputs)
    file = tmp_path / "net.onnx"
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about its own exporter
        torch.onnx.export(
            net, tuple(given), str(file), dynamo=False, opset_version=17, input_names=names, output_names=["output"],
            dynamic_axes={name: {0: "batch"} for name in [*names, "output"]},
        )  # fmt: skip
        two = [torch.cat([x, x.flip(-1)]) for x in given]
        want = net(*two).numpy()
    assert file.stat().st_size < 6_000_000
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    got = session.run(None, {name: x.numpy() for name, x in zip(names, two, strict=True)})[0]
    np.testing.assert_allclose(np.asarray(got), want, atol=1e-4)


def test_a_picture_finds_itself_in_its_own_place(inputs):
    trunk = efficientnet_lite0()
    with torch.no_grad():
        features = trunk(inputs["authentic"])
        there, here, box = match_both(*descriptors(features, features))
    assert torch.allclose(there, here, atol=1e-3)
    assert float(here[:, 0].min()) == pytest.approx(1, abs=1e-4)  # the best cosine is that with itself
    assert float(here[:, 1].median()) > 0.7  # mutual
    np.testing.assert_allclose(box[0, :4].numpy(), [0, 0, 1, 1], atol=0.02)
    inner = here[0, DERIVATIVES, 4:-4, 4:-4].flatten(1).median(dim=1).values
    np.testing.assert_allclose(inner.numpy(), [1, 0, 0, 1], atol=0.1)


def test_a_cut_is_found_by_matching(inputs):
    """Two parts of one picture, the second a quarter of its width and an eighth of its height further on."""
    whole, trunk = inputs["authentic"], efficientnet_lite0()
    with torch.no_grad():
        one, other = (trunk(fit_side(part)) for part in (whole[..., :192, :192], whole[..., 24:216, 48:240]))
        _, _, box = match_both(*descriptors(one, other))
    np.testing.assert_allclose(box[0, :4].numpy(), [0.25, 0.125, 1.25, 1.125], atol=0.1)


def test_turning_the_maps_is_turning_both_pictures():
    """For a matching that is known exactly: a shear (x + y / 2, y), transposed, is (x, y + x / 2)."""
    derivatives = torch.tensor([1.0, 0.0, 0.5, 1.0])
    maps = torch.cat([torch.zeros(5), derivatives]).reshape(1, -1, 1, 1).expand(1, 9, 2, 3).clone()
    maps[0, 0] = torch.arange(6).reshape(2, 3)
    assert turned(maps, 4)[0, DERIVATIVES, 0, 0].tolist() == [1, 0.5, 0, 1]
    assert turned(maps, 1)[0, DERIVATIVES, 0, 0].tolist() == [1, 0, -0.5, 1]
    assert turned(maps, 3)[0, DERIVATIVES, 0, 0].tolist() == [1, 0, 0.5, 1]
    assert turned(maps, 1)[0, 0].tolist() == [[2, 1, 0], [5, 4, 3]]
    assert turned(maps, 2)[0, 0].tolist() == [[3, 4, 5], [0, 1, 2]]
    assert turned(maps, 4)[0, 0].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_cooling_divides_the_logits_of_the_kinds_alone(matching, inputs):
    cooled = copy.deepcopy(matching)
    cooled.reader.cool(2.0)
    with torch.no_grad():
        before, after = matching(**inputs)[0], cooled(**inputs)[0]
    torch.testing.assert_close(after[: len(KINDS)], before[: len(KINDS)] / 2)
    torch.testing.assert_close(after[len(KINDS) :], before[len(KINDS) :])
    assert OUTPUTS == BOX.stop == len(before)


def test_the_trunk_pads_as_tensorflow_does():
    """At stride 2 and even sizes the first output looks at the first three rows, none of them padding."""
    net = EfficientNetLite0()
    with torch.no_grad():
        net.stem.weight.zero_()
        net.stem.weight[:, 0, 0, 0] = 1.0  # the upper left of the window
        assert net.stem.bias is not None
        net.stem.bias.zero_()
    picture = ramp(1, 3, 16, 16)
    torch.testing.assert_close(net.stem(picture)[0, 0], picture[0, 0, ::2, ::2])


def test_a_file_that_is_not_the_trunk_is_refused():
    with pytest.raises(SettingError, match="does not hold the EfficientNet-Lite0 trunk"):
        load_trunk(b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ", "x.safetensors")
    with pytest.raises(SettingError, match=r"x\.safetensors"):
        load_trunk(b"not safetensors at all", "x.safetensors")


def test_the_reader_alone_is_what_a_checkpoint_holds():
    assert {"there", "here", "gate", "centre", "scale", "numbers", "join", "kind", "frame"} == {
        name.split(".")[0] for name in Reader(NARROW).state_dict()
    }
    assert pair_classifier.PRESETS.keys() == {"tiny", "small", "paper"}
