"""The ablation: every variant differs in what its name says, trains on the same pairs, and is not done twice."""

import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tests.benchmarks.in_this_process import one_by_one

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))  # scripts, not a package

import ablation  # pyright: ignore[reportMissingImports]

from webiml.annotate.classify import classify_by_curves
from webiml.evidence.dass_input import CHANNELS, VALIDITY, dass_input
from webiml.evidence.evidence import Evidence
from webiml.geometry import colour
from webiml.types import Kind


@pytest.fixture(scope="module")
def shifted(picture) -> tuple[np.ndarray, np.ndarray]:
    """A canyon, and the same 12 pixels further left with other colours."""
    whole = picture("canyon", 180)
    bent = np.rint((whole / 255.0) ** 1.6 * 255).astype(np.uint8)
    return np.ascontiguousarray(whole[:, :-12]), np.ascontiguousarray(bent[:, 12:])


def test_every_variant_uses_a_net_that_is_trained():
    for name, variant in ablation.VARIANTS.items():
        if variant.net:
            assert ablation.VARIANTS[variant.net].net == variant.net, name
            assert (variant.look, variant.blanked) == (
                ablation.VARIANTS[variant.net].look, ablation.VARIANTS[variant.net].blanked
            )  # fmt: skip
        assert variant.look in ablation.LOOKS


def test_without_alignment_nothing_is_moved(shifted):
    whole = Evidence(*shifted)
    assert whole.alignment is not None and whole.native_transform is not None
    assert whole.native_transform[0, 2] == pytest.approx(-12, abs=0.5)
    with ablation.looking("unaligned"):
        stretched = Evidence(*shifted)
        assert stretched.alignment is not None
    assert np.array_equal(stretched.alignment.transform, np.eye(3))
    assert stretched.alignment.agreement < whole.alignment.agreement and stretched.alignment.validity.all()
    again = Evidence(*shifted)
    assert again.alignment is not None and again.alignment.transform[0, 2] == whole.alignment.transform[0, 2]


def test_a_linear_fit_has_four_terms_everywhere(shifted, monkeypatch):
    terms, apply = set(), colour.apply_colour

    def watched(rgb: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        terms.add(len(coefficients))
        return apply(rgb, coefficients)

    for module in ("webiml.align.alignment", "webiml.priors.difference"):
        monkeypatch.setattr(f"{module}.apply_colour", watched)
    for look, want in (("whole", {13}), ("linear", {4})):
        terms.clear()
        with ablation.looking(look):
            dass_input(Evidence(*shifted))
        assert terms == want


def test_blanked_channels_reach_no_net():
    prior = ablation.VARIANTS["net without prior"].blanked
    assert prior[0] == VALIDITY + 1 and prior[-1] == CHANNELS - 1  # pictures and validity stay
    torch.manual_seed(0)
    net = ablation.Blanked(ablation.build("tiny", CHANNELS), prior).eval()
    one = torch.rand(1, CHANNELS, 32, 32)
    other = one.clone()
    other[:, list(prior)] = 1 - other[:, list(prior)]
    assert torch.equal(net(one), net(other))
    other[:, 0] = 1 - other[:, 0]
    assert not torch.equal(net(one), net(other))
    assert not any("keep" in name for name in net.state_dict())


def test_without_a_classifier_both_segmenters_are_asked(shifted):
    asked = []
    found = ablation.annotator(ablation.VARIANTS["prior only"], None, "tiny")

    def nowhere(kind: Kind):
        return lambda evidence: asked.append(kind) or np.zeros(evidence.manipulated.shape[:2], np.float32)

    segment = {kind: nowhere(kind) for kind in (Kind.SPG, Kind.SDG)}
    found.method = ablation.Method(ablation.anything, 1.0, segment)  # pyright: ignore[reportAttributeAccessIssue]
    found(*shifted)
    assert set(asked) == {Kind.SPG, Kind.SDG}


@pytest.mark.parametrize(("values", "want"), [([], "-"), ([0.5], "0.500"), ([0.4, 0.5], "0.450 [0.100]")])
def test_seeds_are_averaged_and_their_spread_is_said(values, want):
    assert ablation.spread_of(values) == want


@pytest.fixture
def command(tmp_path: Path, picture, monkeypatch) -> Path:
    """Two variants on one pair, with a training of two steps; the folder of the results."""
    images = tmp_path / "images"
    images.mkdir()
    for name in ("canyon", "coffee", "cat"):
        cv2.imwrite(str(images / f"{name}.png"), picture(name, 200)[..., ::-1])
    canyon = picture("canyon", 160)
    edited, mask = canyon.copy(), np.zeros(canyon.shape[:2], np.uint8)
    edited[20:60, 40:100], mask[20:60, 40:100] = 250, 255
    for name, array in (("a", canyon), ("m", edited), ("mask", mask)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), array[..., ::-1] if array.ndim == 3 else array)
    (tmp_path / "pairs.csv").write_text("key,authentic,manipulated,mask,kind\n1,a.png,m.png,mask.png,SPG\n")
    own = ablation.Variant("linear colour fit", classify_by_curves, 0.0, look="linear")
    chosen = {"prior only": ablation.VARIANTS["prior only"], "linear colour fit": own}
    monkeypatch.setattr(ablation, "VARIANTS", chosen)
    for module in ("webiml.train.samples", "webiml.train.forged"):  # the pairs are scored in a process of its own
        monkeypatch.setattr(f"{module}.run_ordered", one_by_one)
    monkeypatch.setattr("webiml.train.batches.sample_workers", lambda *_: 0)
    words = ["--images", str(images), "--pairs", f"one={tmp_path / 'pairs.csv'}", "--out", str(tmp_path / "out")]
    words += ["--steps", "2", "--batch", "2", "--size", "64", "--count", "6", "--seeds", "0", "--workers", "1"]
    monkeypatch.setattr(sys, "argv", ["ablation.py", *words])
    return tmp_path / "out"


def test_the_whole_way_and_nothing_twice(command, monkeypatch, capsys):
    ablation.main()
    out = capsys.readouterr().out
    assert "each 2 steps of 2 at 64 px, 6 pairs, 1 seeds" in out
    assert all(f"\n{name:<20}one" in out for name in ("prior only", "linear colour fit"))
    results = {path.name: json.loads(path.read_text()) for path in command.glob("*.json")}
    assert results.keys() == {"prior-only-0.json", "linear-colour-fit-0.json"}
    assert results["prior-only-0.json"]["tables"]["one"]["kinds"]["SPG"]["iou"] > 0.8
    before = {path: path.read_bytes() for path in command.rglob("*") if path.is_file()}
    shutil.rmtree(command / "nets")  # nobody asks for them again
    ablation.main()
    assert all(path.read_bytes() == data for path, data in before.items() if "nets" not in path.parts)
    assert not (command / "nets").exists() and "1 seeds" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["3" if word == "2" else word for word in sys.argv])
    with pytest.raises(SystemExit, match="another budget"):
        ablation.main()
