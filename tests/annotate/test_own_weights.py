"""Networks of one's own in place of those that ship."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from webiml import Annotator
from webiml.annotate.methods import method_of
from webiml.annotate.provenance import networks, provenance
from webiml.errors import SettingError
from webiml.evidence.evidence import Evidence
from webiml.nets import dinov2
from webiml.settings import AnnotatorSettings
from webiml.train.export import export_onnx
from webiml.train.shipped import as_shipped
from webiml.types import Kind


def export(folder: Path, **more: str) -> AnnotatorSettings:
    """A Corr-DINO of random weights in a folder, and the settings that use it."""
    torch.manual_seed(0)
    shipped = as_shipped("corr-dino", {"preset": "tiny"}, folder)
    card = export_onnx(shipped.whole, shipped.interface, folder / "corr_dino.onnx")
    (folder / "corr_dino.json").write_text(json.dumps(card | more))
    return AnnotatorSettings(weights=folder)


def test_a_network_of_a_folder_draws_the_masks_of_shared_objects(tmp_path, picture):
    settings = export(tmp_path)
    authentic, manipulated = picture("rocket", 300), picture("canyon", 300)
    manipulated[40:120, 80:160] = authentic[50:130, 70:150]
    evidence = Evidence(authentic, manipulated)
    shipped, own = (method_of(one).segment for one in (AnnotatorSettings(), settings))
    found = own[Kind.SDG](evidence)
    assert found.shape == manipulated.shape[:2] and found.dtype == np.float32
    assert 0 <= found.min() < found.max() <= 1
    assert not np.array_equal(found, shipped[Kind.SDG](evidence))
    np.testing.assert_array_equal(own[Kind.SPG](evidence), shipped[Kind.SPG](evidence))
    probability = Annotator(settings)(authentic, manipulated).probability
    assert probability is not None and probability.shape == manipulated.shape[:2]


def test_the_dataset_says_which_network_it_was(tmp_path):
    settings = export(tmp_path)
    card = json.loads((tmp_path / "corr_dino.json").read_text())
    assert networks(settings)["corr_dino"] == card["onnx_sha256"]
    assert "trunk" in networks(settings)
    assert provenance(settings)[1] != provenance(AnnotatorSettings())[1]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for file in ("corr_dino.onnx", "corr_dino.json"):
        (elsewhere / file).write_bytes((tmp_path / file).read_bytes())
    assert provenance(replace(settings, weights=elsewhere)) == provenance(settings)  # not where it lay


def test_a_folder_without_networks_and_a_missing_backbone_are_refused(tmp_path, monkeypatch):
    with pytest.raises(SettingError, match="holds no network"):
        networks(AnnotatorSettings(weights=tmp_path))

    def fetch(name: str) -> Path:
        raise SettingError(f"{name} is not on this machine")

    monkeypatch.setattr(dinov2, "fetch", fetch)
    settings = export(tmp_path, backbone="dinov2-small")
    assert method_of(settings).backbone == "dinov2-small"
    with pytest.raises(SettingError, match="dinov2-small is not on this machine"):
        networks(settings)
