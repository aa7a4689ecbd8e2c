"""The variants of Corr-DINO: each lacks what its name says and nothing else. And the threshold that keeps masks."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))  # scripts, not a package

import ablation_shared_objects as ablation  # pyright: ignore[reportMissingImports]
import keep_threshold  # pyright: ignore[reportMissingImports]

from webiml.evidence.corr_dino_input import CHANNELS
from webiml.evidence.evidence import Evidence
from webiml.evidence.matching import MAPS
from webiml.nets.corr_dino import build


def net(name: str) -> ablation.Ablated:
    torch.manual_seed(0)
    return ablation.Ablated(build("tiny", CHANNELS, len(MAPS)), ablation.VARIANTS[name]).eval()


def inputs(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, CHANNELS, 64, 48, generator=generator), torch.rand(1, len(MAPS), 8, 6, generator=generator)


@pytest.mark.parametrize(
    ("name", "stack", "maps"),
    [
        ("both", [], []),
        ("correlation only", range(3, CHANNELS), []),
        ("warps only", [], range(len(MAPS))),
        ("without self-correlation", [], [i for i, name in enumerate(MAPS) if name.startswith("self")]),
    ],
)
def test_what_is_blanked_says_nothing_and_the_rest_does(name, stack, maps):
    variant = net(name)
    one, other = inputs(), inputs(1)
    swapped = [tensor.clone() for tensor in one]
    for tensor, source, channels in zip(swapped, other, (list(stack), list(maps)), strict=True):
        tensor[:, channels] = source[:, channels]
    with torch.no_grad():
        want = variant(*one)
        assert torch.equal(variant(*swapped), want)
        for place, kept in enumerate((CHANNELS - len(stack), len(MAPS) - len(maps))):
            changed = list(one)
            changed[place] = other[place]
            assert torch.equal(variant(*changed), want) == (kept == 0)


def test_without_super_resolution_the_denoised_map_is_enlarged():
    variant = net("without super resolution")
    with torch.no_grad():
        logits, _, denoised = variant(*inputs(), auxiliary=True)
    assert logits.shape == (1, 1, 64, 48)
    want = torch.nn.functional.interpolate(denoised, size=(64, 48), mode="bilinear", align_corners=False)
    torch.testing.assert_close(logits, want)


def test_without_denoiser_the_coarse_map_is_of_what_was_joined():
    whole, variant = net("both"), net("without denoiser")
    assert not len(variant.net.denoiser) and len(whole.net.denoiser)
    with torch.no_grad():
        _, first, _ = whole(*inputs(), auxiliary=True)
        _, second, _ = variant(*inputs(), auxiliary=True)
    torch.testing.assert_close(first, second)  # before denoising nothing differs


def test_looks_change_what_is_seen_and_are_undone(picture):
    authentic, manipulated = picture("rocket", 256), picture("canyon", 384)
    manipulated[20:100, 20:100] = authentic[60:140, 60:140]
    manipulated[100:180, 120:200] = authentic[60:140, 60:140]
    seen = {}
    for look in ("whole", "one hypothesis", "frozen trunk", "whole"):
        with ablation.looking(look):
            fresh = Evidence(authentic.copy(), manipulated.copy())
            fresh._authentic.__dict__.pop("descriptors", None)  # remembered from the look before
            seen.setdefault(look, []).append((len(fresh.hypotheses), fresh.matching))
    (several, tuned), (again, tuned_again) = seen["whole"]
    assert several == again > 1 and np.array_equal(tuned, tuned_again)
    assert seen["one hypothesis"][0][0] == 1
    frozen = seen["frozen trunk"][0]
    assert frozen[0] == several and not np.allclose(frozen[1], tuned, atol=1e-2)


def test_the_threshold_is_where_the_monotone_fit_reaches_what_is_wanted():
    score = np.array([0.1, 0.9, 0.3, 0.5, 0.7])
    overlap = np.array([0.2, 0.9, 0.8, 0.4, 0.9])  # in order 0.2, 0.8, 0.4, 0.9, 0.9: the two in the middle are 0.6
    assert keep_threshold.threshold(score, overlap, 0.75) == 0.7
    assert keep_threshold.threshold(score, overlap, 0.6) == 0.3
    assert keep_threshold.threshold(score, overlap, 0.1) == 0.1
    assert keep_threshold.threshold(score, overlap, 0.95) == 1
