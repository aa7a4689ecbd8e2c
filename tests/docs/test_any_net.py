"""The localizer of one's own of docs/training.md: a SegFormer is trained, exported and used by the commands there."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from webiml.cli import main
from webiml.nets import weights
from webiml.train.web_iml import VALIDATION_PICTURES

pytest.importorskip("transformers", reason="the dinov2 extra is not installed")

ROOT = Path(__file__).resolve().parents[2]
FEW = "--steps 2 --size 64 --batch 2 --pictures 8 --warmup 0 --validate-every 2 --quiet"


def section() -> tuple[str, list[list[str]]]:
    """The module of the page, and its commands without `webiml`."""
    text = (ROOT / "docs" / "training.md").read_text("utf-8")
    part = text.partition("\n## A localizer of your own\n")[2].partition("\n## ")[0]
    (module,) = re.findall(r"^```python\n(.*?)^```$", part, re.M | re.S)
    return module, [shlex.split(line)[1:] for line in re.findall(r"^webiml .*$", part, re.M)]


def in_order(function, items, workers, initializer):
    """As run_ordered, but in this process."""
    return ((item, function(item)) for item in items)


def test_any_network_is_trained_exported_and_used_as_the_page_says(tmp_path, monkeypatch, capsys):
    module, (train, export, localize) = section()
    (tmp_path / "my_module.py").write_text(module)
    pictures = tmp_path / "PICTURES"
    pictures.mkdir()
    for name in ("cat", "canyon", "rocket"):
        whole = Image.open(ROOT / "examples" / "pictures" / f"{name}.jpg").convert("RGB")
        whole.resize((170, 140)).save(pictures / f"{name}.png")
    rows = [f"{path.name},a camera,CC0-1.0,somebody" for path in sorted(pictures.iterdir())]
    (pictures / "pictures.csv").write_text("\n".join(["file,source,license,author", *rows]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for origin, count in {"forged": 3, "jittered": 1, "authentic": 2}.items():
        monkeypatch.setitem(VALIDATION_PICTURES, origin, count)

    for room in ("samples", "forged"):  # in this process: each other one would have to import torch
        monkeypatch.setattr(f"webiml.train.{room}.run_ordered", in_order)
    monkeypatch.setattr("webiml.train.batches.sample_workers", lambda run, place: 0)

    assert (train[0], export[0], localize[0]) == ("train", "export", "localize")
    assert main.run([*train, *FEW.split()]) == 0, capsys.readouterr().err
    assert main.run(export) == 0, capsys.readouterr().err
    card = weights.card("my_localizer", tmp_path / "weights")
    assert (card["task"], card["net"], card["step"]) == ("localizer", "my_module:factory", 2)
    assert main.run([*localize, "--workers", "1", "--quiet"]) == 0, capsys.readouterr().err
    found = [json.loads(line) for line in (tmp_path / "found" / "results.jsonl").read_text().splitlines()]
    assert len(found) == 3
    masks = [np.asarray(Image.open(path)) for path in (tmp_path / "found" / "masks").iterdir()]
    assert {mask.shape for mask in masks} == {(140, 170)}
