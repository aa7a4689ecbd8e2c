"""Web-IML: any size, parts that can be left out, passes that correct, and a branch that is blind to things."""

from dataclasses import replace

import pytest
import torch

from webiml.nets.web_iml import FROZEN, PRESETS, Perception, Residual, WebIml, build, self_matching

TINY = PRESETS["tiny"]


@pytest.mark.parametrize("size", [(64, 96), (50, 33), (17, 129)], ids=str)
def test_any_size_comes_back_as_it_was(size):
    net = build("tiny").eval()
    with torch.no_grad():
        logits, certain, score = net.answers(torch.rand(2, 3, *size))
        assert logits.shape == certain.shape == (2, 1, *size) and score.shape == (2,)
        assert net(torch.rand(1, 3, *size)).shape == (1, 1, *size)


@pytest.mark.parametrize(
    "change",
    [
        {"perception": False},
        {"passes": 0},
        {"passes": 1},
        {"residual": False},
        {"pretrained": False},
        {"matching": True},
    ],
    ids=str,
)
def test_every_part_can_be_left_out_or_put_in(change):
    preset = replace(TINY, **change)
    *maps, certain, score = WebIml(preset)(torch.rand(2, 3, 64, 64), auxiliary=True)
    assert len(maps) == 1 + preset.passes
    assert all(one.shape == (2, 1, 16, 16) for one in (*maps, certain)) and score.shape == (2,)


def test_tiny_is_small():
    assert sum(parameter.numel() for parameter in build("tiny").parameters()) < 6e6


@pytest.mark.parametrize(("preset", "millions"), [("small", (5, 12)), ("paper", (88, 100))])
def test_larger_presets_have_a_convnext_of_the_size_that_they_say(preset, millions):
    with torch.device("meta"):  # shapes alone: the larger one would take half a gigabyte
        net = build(preset)
        logits = net(torch.rand(1, 3, 64, 96))
    assert logits.shape == (1, 1, 64, 96)
    assert millions[0] < sum(parameter.numel() for parameter in net.parameters()) / 1e6 < millions[1]


def test_fewer_passes_than_in_training_are_legal_and_none_is_the_coarse_map():
    net = build("tiny").eval()
    assert net.rectification is not None
    bias = net.rectification.correction.bias
    assert bias is not None
    torch.nn.init.constant_(bias, 0.5)  # each pass corrects by one half
    picture, maps = torch.rand(1, 3, 64, 64), {}
    with torch.no_grad():
        for net.passes in range(4):
            maps[net.passes] = net(picture)
    for passes in (1, 2, 3):
        torch.testing.assert_close(maps[passes], maps[0] + 0.5 * passes)


def test_what_the_first_blocks_know_does_not_change():
    net = build("tiny")
    net(torch.rand(1, 3, 64, 64)).mean().backward()
    learning = {name for name, parameter in net.named_parameters() if parameter.grad is not None}
    assert not any(name.startswith("encoder.trunk.stem") for name in learning)
    for block in range(11):
        assert any(name.startswith(f"encoder.trunk.blocks.{block}.") for name in learning) == (block >= FROZEN)


def test_the_residual_branch_is_blind_to_flat_places_and_to_brightness():
    branch = Residual(4).eval()
    with torch.no_grad():
        flat = branch(torch.full((1, 3, 64, 64), 0.2))
        torch.testing.assert_close(flat, branch(torch.full((1, 3, 64, 64), 0.9)))
        noise = 0.02 * torch.rand(1, 3, 64, 64)
        torch.testing.assert_close(branch(noise), branch(noise + 0.5), atol=1e-4, rtol=1e-4)
        assert not torch.allclose(branch(noise), flat)


def test_a_place_that_was_copied_is_most_like_its_copy():
    torch.manual_seed(0)
    features = torch.randn(1, 32, 8, 10)
    features[:, :, 1:3, 1:3] = features[:, :, 5:7, 6:8]
    best = self_matching(features)[0, 0]
    copied = torch.zeros(8, 10, dtype=torch.bool)
    copied[1:3, 1:3] = copied[5:7, 6:8] = True
    assert best[copied].min() > 0.98 and best[~copied].max() < 0.9
    beside = self_matching(torch.ones(1, 4, 3, 3) + 0.1 * torch.randn(1, 4, 3, 3), beside=2)
    assert (beside == -1).all()  # nothing is far enough away to count


def test_without_weights_the_levels_are_added():
    """Each gate is 2 x sigmoid of what the picture says: at zero it is one, and the weighed sum is the plain one."""
    torch.manual_seed(1)
    weighed, plain = Perception([8, 8], 16, weighed=True).eval(), Perception([8, 8], 16, weighed=False).eval()
    plain.load_state_dict({k: v for k, v in weighed.state_dict().items() if not k.startswith("weights")})
    assert weighed.weights is not None
    for parameter in weighed.weights.parameters():
        torch.nn.init.zeros_(parameter)
    levels = [torch.randn(1, 8, 8, 8), torch.randn(1, 8, 4, 4)]
    with torch.no_grad():
        for one, other in zip(weighed(levels), plain(levels), strict=True):
            torch.testing.assert_close(one, other)


def test_a_preset_without_the_trunk_starts_from_chance():
    torch.manual_seed(0)
    fresh, pretrained = WebIml(replace(TINY, pretrained=False)), WebIml(TINY)
    assert all(parameter.requires_grad for parameter in fresh.parameters())
    name = "encoder.trunk.blocks.5.expand.weight"
    assert not torch.equal(fresh.state_dict()[name], pretrained.state_dict()[name])
    assert torch.equal(WebIml(TINY).state_dict()[name], pretrained.state_dict()[name])
