"""Web supervision in small: halves that share nothing, variants that differ in one thing, weights that do not stay."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))  # scripts, not a package

import web_supervision as benchmark  # pyright: ignore[reportMissingImports]
import web_supervision_tables as tables  # pyright: ignore[reportMissingImports]
from tests.benchmarks.in_this_process import InThisProcess, one_by_one

from webiml.errors import SettingError
from webiml.metrics.histograms import HALF, LEVELS
from webiml.train.checkpoint import save_checkpoint
from webiml.train.start import refuse_start
from webiml.train.web_iml import shares_of

GROUPS = ["a"] * 5 + ["b"] * 4 + ["c"] * 2 + ["d"]


def single(number: int, group: str):
    return benchmark.Single(str(number), "splice", group, Path(f"{number}.jpg"), Path(f"{number}.png"))


def test_components_stay_together_and_the_halves_are_about_equal():
    half_of = benchmark.halves([single(number, group) for number, group in enumerate(GROUPS)])
    assert half_of == {"a": 0, "b": 1, "c": 1, "d": 0}
    assert [sum(half_of[group] == half for group in GROUPS) for half in (0, 1)] == [6, 6]


def test_a_variant_differs_from_web_supervision_in_what_its_name_says():
    plain = benchmark.VARIANTS[benchmark.ANNOTATED]
    for name, (mix, masks, share) in {
        benchmark.PUBLISHED: (plain.mix, "published", 1.0),
        benchmark.UNFILTERED: (plain.mix, "all", 1.0),
        benchmark.QUARTER: (plain.mix, "kept", 0.25),
        benchmark.HALF_OF_THEM: (plain.mix, "kept", 0.5),
    }.items():
        variant = benchmark.VARIANTS[name]
        assert (variant.mix, variant.masks, variant.share) == (mix, masks, share)
    jittered = shares_of(benchmark.VARIANTS[benchmark.JITTERED].mix)
    assert jittered.pop("jittered") + jittered["forged"] == pytest.approx(shares_of(plain.mix)["forged"])
    assert "annotated" not in shares_of(benchmark.VARIANTS[benchmark.FORGED].mix)
    assert {name for _, *pair in benchmark.COMPARISONS for name in pair} == benchmark.VARIANTS.keys()


def test_what_learned_from_pairs_may_be_a_start_of_webiml_train(tmp_path):
    facts = benchmark.facts_of(benchmark.web_iml, benchmark.WITH_PAIRS, ["one"])
    save_checkpoint(tmp_path / "best.safetensors", {"weight": torch.ones(1)}, facts, {})
    refuse_start(tmp_path / "best.safetensors", "web-iml", "tiny")
    facts = benchmark.facts_of(benchmark.SegformerHead, benchmark.FORGED_START, None)
    save_checkpoint(tmp_path / "best.safetensors", {"weight": torch.ones(1)}, facts, {})
    with pytest.raises(SettingError, match="a checkpoint of localizer"):
        refuse_start(tmp_path / "best.safetensors", "web-iml", "tiny")


def made_up(net: str, half: int, variant: str | None, f1: list[float]) -> dict:
    """A run whose F1 is the same at every level."""
    about = {"kind": "splice", "auc": 0.5}
    pictures = [
        {**about, "key": f"{half}{number}", "component": f"{half}{number}", "f1": [value] * LEVELS, "flagged": 0.0}
        for number, value in enumerate(f1)
    ]
    pictures.append({"key": "x", "kind": "authentic", "component": "x", "f1": None, "auc": None, "flagged": 0.25})
    return {"net": net, "half": half, "variant": variant, "seconds": 7.0, "pictures": pictures}


def test_the_tables_say_what_was_gained_and_where_none_was_seen(capsys):
    rows = {None: 0.2, "one": 0.2, "two": 0.6, "three": 0.6}
    results = [
        made_up("net", half, name, [value, value, value, value - 0.08 * half])
        for name, value in rows.items()
        for half in (1, 0)
    ]
    found = tables.tested(results, "net", "two")
    assert found.figures()["F1"].tolist() == pytest.approx([0.6] * 7 + [0.52])  # the first half first
    assert found.figures()["IoU"][0] == pytest.approx(0.6 / 1.4) and found.f1[0, HALF] == 0.6
    comparisons = [("more", "one", "two"), ("the same", "two", "three"), ("not tried", "one", "four")]
    tables.print_tables(results, comparisons, {"kept": [3, 4]})
    out = capsys.readouterr().out
    assert "8 manipulated pictures of 8 components, 2 authentic" in out and "masks kept: 3 and 4" in out
    assert "| net | two | 0.590 | 0.419 | 0.590 | 0.50 | 0.500 | 25.0% | 7 |" in out
    assert "| net | more | F1 | +0.400 | +0.400 to +0.400 | 0.0078 | +211% | yes |" in out  # of 0.19; 2 of 256 signs
    assert "| net | the same | F1 | +0.000 | +0.000 to +0.000 | 1.0000 | +0% | no difference seen |" in out
    assert "not tried" not in out


def test_the_curve_is_drawn(tmp_path):
    results = [made_up("net", half, name, [0.2, 0.4, 0.3]) for name in ("none", "all") for half in (0, 1)]
    tables.write_plot(results, [(0, "none"), (100, "all")], tmp_path / "curve.png")
    drawn = cv2.imread(str(tmp_path / "curve.png"))
    assert drawn is not None and drawn.std() > 5


# ---------------------------------------------------------------- the whole way


class Red(nn.Module):
    """Marks what is redder than it is green, by a weight that learns."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return self.weight * 8 * (picture[:, :1] - picture[:, 1:2])


@pytest.fixture
def out(tmp_path: Path, picture, monkeypatch) -> Iterator[Path]:
    """Two SPG pairs of two components, a net of one weight and two steps; the folder of the results."""
    images = tmp_path / "images"
    images.mkdir()
    rows = ["key,authentic,manipulated,mask,kind,type,component"]
    for name, other in (("canyon", "coffee"), ("cat", "rocket")):
        authentic, donor = picture(name, 240), picture(other, 240)
        for own in (name, other):
            cv2.imwrite(str(images / f"{own}.png"), picture(own, 200)[..., ::-1])
        mask = np.zeros(authentic.shape[:2], np.uint8)
        mask[40:110, 60:150] = 255
        manipulated = authentic.copy()
        manipulated[40:110, 60:150] = donor[20:90, 30:120]
        for side, rgb in ((f"{name}-a", authentic), (f"{name}-m", manipulated)):
            cv2.imwrite(str(tmp_path / f"{side}.png"), rgb[..., ::-1])
        cv2.imwrite(str(tmp_path / f"{name}-mask.png"), mask)
        rows.append(f"{name},{name}-a.png,{name}-m.png,{name}-mask.png,SPG,splice,{name}")
    (tmp_path / "pairs.csv").write_text("\n".join(rows) + "\n")
    chosen = (benchmark.FORGED, benchmark.ANNOTATED, benchmark.PUBLISHED)
    monkeypatch.setattr(benchmark, "VARIANTS", {name: benchmark.VARIANTS[name] for name in chosen})
    monkeypatch.setattr(benchmark, "COMPARISONS", benchmark.COMPARISONS[:1])
    monkeypatch.setattr(benchmark, "GROWTH", ((0, benchmark.FORGED), (100, benchmark.ANNOTATED)))
    monkeypatch.setattr(benchmark, "NETS", {"red": Red})
    monkeypatch.setattr("webiml.train.web_iml.VALIDATION_PICTURES", dict.fromkeys(benchmark.ORIGINS, 1))
    monkeypatch.setattr(benchmark, "ProcessPoolExecutor", InThisProcess)
    for module in ("webiml.train.samples", "webiml.train.forged"):
        monkeypatch.setattr(f"{module}.run_ordered", one_by_one)
    monkeypatch.setattr("webiml.train.batches.sample_workers", lambda *_: 0)
    words = ["--images", str(images), "--pairs", str(tmp_path / "pairs.csv"), "--out", str(tmp_path / "out")]
    words += ["--steps", "2", "--start-steps", "2", "--count", "5", "--workers", "1", "--nets", "red"]
    monkeypatch.setattr(sys, "argv", ["web_supervision.py", *words, "--plot", str(tmp_path / "curve.png")])
    yield tmp_path / "out"
    torch.set_flush_denormal(False)  # which training turns on, and hypothesis cannot do with


def test_the_whole_way_and_no_weights_stay(out, monkeypatch, capsys):
    benchmark.main()
    said = capsys.readouterr().out
    assert "2 manipulated pictures of 2 components, 2 authentic" in said
    assert "pairs with masks kept: 1 and 1" in said and "what web supervision brings" in said
    results = {path.name: json.loads(path.read_text()) for path in out.glob("red-*.json")}
    assert len(results) == 8  # the start and three variants, of both halves
    components = {half: {row["component"] for row in results[f"red-{half}-start.json"]["pictures"]} for half in (0, 1)}
    assert components == {0: {"cat"}, 1: {"canyon"}}  # each half is tested on the other one's
    assert not list(out.rglob("best.safetensors")) and not list(out.rglob("last.safetensors"))
    given = (out / "pictures" / "half-0.csv").read_text().splitlines()
    assert given[0] == "key,authentic,manipulated" and len(given) == 2  # nothing of the truth
    assert (out.parent / "curve.png").exists()

    before = {path: path.read_bytes() for path in out.glob("*.json")}
    monkeypatch.setattr(benchmark, "do", None)  # nothing is done twice
    benchmark.main()
    assert all(path.read_bytes() == data for path, data in before.items())
    monkeypatch.setattr(sys, "argv", ["3" if word == "2" else word for word in sys.argv])
    with pytest.raises(SystemExit, match="other settings"):
        benchmark.main()
