"""The variants of Web-IML: each lacks what its name says, learns from as many pictures, and is not done twice."""

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))  # scripts, not a package

import ablation_localizer as ablation  # pyright: ignore[reportMissingImports]
from tests.benchmarks.in_this_process import InThisProcess, one_by_one

from webiml.nets.web_iml import PRESETS, WebIml
from webiml.train.web_iml import MIX, shares_of

LACKING = {
    "all of it": set(),
    "without perception": {"perception"},
    "without rectification": {"passes"},
    "without residual": {"residual"},
    "without pretrained trunk": {"pretrained"},
    "without object jitter": set(),
    "with self-matching": {"matching"},
    "hardest quarter of the pixels": set(),
}


def test_a_variant_lacks_what_its_name_says():
    assert ablation.VARIANTS.keys() == LACKING.keys()
    whole = asdict(PRESETS["tiny"])
    for name, variant in ablation.VARIANTS.items():
        preset = asdict(variant.preset("tiny"))
        assert {field for field in whole if whole[field] != preset[field]} == LACKING[name], name
        assert ("jittered" in shares_of(variant.mix)) == (name != "without object jitter")
        assert (variant.hardest == 1) == (name != "hardest quarter of the pixels")


def test_without_object_jitter_forged_pictures_take_its_place():
    whole, without = shares_of(MIX), shares_of(ablation.VARIANTS["without object jitter"].mix)
    assert without["forged"] == pytest.approx(whole["forged"] + whole["jittered"])
    assert without["authentic"] == pytest.approx(whole["authentic"])
    assert shares_of(ablation.VARIANTS["all of it"].mix) == pytest.approx(whole)


def test_a_net_of_torch_is_looked_through_like_an_exported_one(tmp_path):
    torch.manual_seed(0)
    net = WebIml(ablation.VARIANTS["without pretrained trunk"].preset("tiny")).eval()
    rgb, truth = np.zeros((60, 90, 3), np.uint8), np.zeros((60, 90), np.uint8)
    rgb[10:40, 10:50], truth[10:40, 10:50] = 200, 255
    cv2.imwrite(str(tmp_path / "p.png"), rgb)
    cv2.imwrite(str(tmp_path / "m.png"), truth)
    single = ablation.Single("p", "splice", "p", tmp_path / "p.png", tmp_path / "m.png")
    found = {views: ablation.score(net, {"one": [single]}, views)["one"] for views in (1, 3)}
    assert found[1].keys() == {"n", *ablation.COLUMNS} and found[1]["n"] == 1
    assert found[1]["auc"] != found[3]["auc"] and found[1]["f1_best"] >= found[1]["f1"]
    assert ablation.score(net, {"one": [single]})["one"] == found[1]


@pytest.fixture
def command(tmp_path: Path, picture, monkeypatch) -> Iterator[Path]:
    """Two variants with a training of two steps; the folder of the results."""
    images = tmp_path / "images"
    images.mkdir()
    for name in ("canyon", "coffee", "cat", "rocket"):
        cv2.imwrite(str(images / f"{name}.png"), picture(name, 200)[..., ::-1])
    mask = np.zeros(picture("canyon", 160).shape[:2], np.uint8)
    mask[20:60, 40:100] = 255
    cv2.imwrite(str(tmp_path / "m.png"), np.where(mask[..., None] > 0, 250, picture("canyon", 160)))
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    (tmp_path / "pairs.csv").write_text("key,authentic,manipulated,mask,kind\n1,a.png,m.png,mask.png,SPG\n")
    chosen = {name: ablation.VARIANTS[name] for name in ("all of it", "without object jitter")}
    monkeypatch.setattr(ablation, "VARIANTS", chosen)
    monkeypatch.setattr(ablation, "HELD_OUT", 2)
    monkeypatch.setattr("webiml.train.web_iml.VALIDATION_PICTURES", {"forged": 2, "jittered": 1, "authentic": 1})

    # Everything in this process: others would take what ships, and a dozen starts cost more than the work.
    monkeypatch.setattr(ablation, "ProcessPoolExecutor", InThisProcess)
    for module in ("webiml.train.samples", "webiml.train.forged", "webiml.forge.folder"):
        monkeypatch.setattr(f"{module}.run_ordered", one_by_one)
    monkeypatch.setattr("webiml.train.batches.sample_workers", lambda *_: 0)
    words = ["--images", str(images), "--pairs", f"one={tmp_path / 'pairs.csv'}", "--out", str(tmp_path / "out")]
    words += ["--steps", "2", "--batch", "2", "--size", "64", "--count", "6", "--seeds", "0", "--workers", "1"]
    monkeypatch.setattr(sys, "argv", ["ablation_localizer.py", *words, "--device", "cpu"])
    yield tmp_path / "out"
    torch.set_flush_denormal(False)  # which training turns on, and hypothesis cannot do with


def test_the_whole_way_and_nothing_twice(command, monkeypatch, capsys):
    ablation.main()
    out = capsys.readouterr().out
    assert "each 2 steps of 2 at 64 px, 6 pictures, 1 seeds" in out
    for name in ("all of it", "without object jitter"):
        assert all(f"\n{name:<28}{title:<24}" in out for title in (ablation.FORGED, "one"))
    assert all(f"{title}: the last pass " in out for title in (ablation.FORGED, "one"))
    results = {path.name: json.loads(path.read_text()) for path in command.glob("*.json")}
    assert results.keys() == {"all-of-it-0.json", "without-object-jitter-0.json"}
    whole = results["all-of-it-0.json"]
    assert [*whole["passes"]] == ["0", "1", "2", "3"] and [*whole["views"]] == ["1", "3"]
    assert whole["passes"]["3"] == whole["tables"] == whole["views"]["1"]
    before = {path: path.read_bytes() for path in command.glob("*.json")}
    best = command / "nets" / "all-of-it-0" / "best.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", [*sys.argv, "--checkpoint", str(best)])
        ablation.main()
    alone = capsys.readouterr().out
    assert "best.safetensors" in alone and alone.endswith(out[out.index("passes   ") :])
    shutil.rmtree(command / "nets")  # nobody asks for them again
    ablation.main()
    assert all(path.read_bytes() == data for path, data in before.items()) and not (command / "nets").exists()
    monkeypatch.setattr(sys, "argv", ["3" if word == "2" else word for word in sys.argv])
    with pytest.raises(SystemExit, match="another budget"):
        ablation.main()
