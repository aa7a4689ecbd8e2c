"""What a training begins with: weights in half, of a file or of the localizer that ships, and nothing unchecked."""

import hashlib
import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from webiml.errors import SettingError
from webiml.images.decode import decode
from webiml.nets import weights
from webiml.nets.localizer import Deployed
from webiml.nets.web_iml import PRESETS, WebIml
from webiml.train.checkpoint import load_tensors, read_facts
from webiml.train.start import load_start, refuse_start, save_start, start_digest

TENSORS = {
    "kernel": torch.tensor([[1.0, 1 / 3], [-2.0, 0.25]]),  # a third is no float16
    "large": torch.tensor([[70000.0]]),  # more than float16 holds
    "bias": torch.tensor([1 / 3, 0.5]),
    "count": torch.tensor(7),
}
FACTS = {"task": "web-iml", "settings": {"preset": "tiny"}, "step": 3, "scores": {"f1": 0.5}}


@pytest.fixture
def saved(tmp_path) -> Path:
    digest = save_start(tmp_path / "own.safetensors", TENSORS, FACTS)
    assert digest == hashlib.sha256((tmp_path / "own.safetensors").read_bytes()).hexdigest()
    return tmp_path / "own.safetensors"


def zeros() -> dict[str, torch.Tensor]:
    return {name: torch.zeros_like(tensor) for name, tensor in TENSORS.items()}


def test_weights_of_two_dimensions_are_stored_in_half_and_come_back(saved):
    stored = {name: tensor.dtype for name, tensor in load_file(saved).items()}
    assert stored == {
        "kernel": torch.float16, "large": torch.float32, "bias": torch.float32, "count": torch.int64,
    }  # fmt: skip
    load_start(saved, into := zeros())
    assert into["kernel"].dtype == torch.float32 and torch.equal(into["kernel"], TENSORS["kernel"].half().float())
    assert all(torch.equal(into[name], TENSORS[name]) for name in ("large", "bias", "count"))
    assert read_facts(saved) == {"task": "web-iml", "settings": {"preset": "tiny"}, "step": 3}
    assert start_digest(saved) == hashlib.sha256(saved.read_bytes()).hexdigest()[:16]
    assert [path.name for path in saved.parent.iterdir()] == ["own.safetensors"]  # its JSON would be the card's place


def test_half_is_for_a_start_alone_and_for_weights_of_two_dimensions(saved):
    with pytest.raises(SettingError, match="kernel is F16 2x2, not F32 2x2"):
        load_tensors(saved, zeros())
    stored = load_file(saved)
    save_file(stored | {"bias": stored["bias"].half()}, saved)
    with pytest.raises(SettingError, match="bias is F16 2, not F32 2"):
        load_start(saved, zeros())
    save_file(stored | {"kernel": stored["kernel"].bfloat16()}, saved)
    with pytest.raises(SettingError, match="kernel is BF16 2x2, not F32 2x2"):
        load_start(saved, zeros())


@pytest.mark.parametrize(
    ("change", "words"),
    [({"more": torch.zeros(1)}, "it lacks more"), ({"kernel": torch.zeros(4)}, "kernel is F16 2x2, not F32 4")],
    ids=["lacking", "shape"],
)
def test_what_does_not_fit_is_named_and_nothing_is_loaded(saved, change, words):
    into = zeros() | change
    with pytest.raises(SettingError, match=words):
        load_start(saved, into)
    assert not any(bool(tensor.any()) for tensor in into.values())


def test_a_start_of_another_network_or_preset_is_refused(saved):
    refuse_start(saved, "web-iml", "tiny")
    with pytest.raises(SettingError, match="is a checkpoint of web-iml, not of localizer"):
        refuse_start(saved, "localizer", "tiny")
    with pytest.raises(SettingError, match="has the preset tiny, and this training has small; give --preset"):
        refuse_start(saved, "web-iml", "small")
    with pytest.raises(
        SettingError, match=r"no checkpoint web_iml, and no localizer of that name ships \(web-iml does"
    ):
        refuse_start(Path("web_iml"), "web-iml", "tiny")


def test_the_start_that_ships_sees_what_its_onnx_file_sees(repository):
    refuse_start(Path("web-iml"), "web-iml", "tiny")
    assert weights.card("web_iml")["start_sha256"].startswith(start_digest(Path("web-iml")))
    net = WebIml(PRESETS["tiny"])
    load_start(Path("web-iml"), net.state_dict())
    deployed = Deployed(net).eval()
    data = (repository / "examples" / "pairs" / "dandelion-again" / "1.jpg").read_bytes()
    rgb = np.ascontiguousarray(decode(data, 10**8).rgb[:256, :320])
    with torch.no_grad():
        found = deployed(torch.from_numpy(rgb[None]))[0][0].numpy()
    calibrated = weights.load("web_iml").all(picture=rgb[None])["probability"][0].astype(float)
    gain, bias = weights.card("web_iml")["calibration"]["pixel"]
    before = 1 / (1 + np.exp(-(np.log(calibrated / (1 - calibrated)) - bias) / gain))
    assert before.max() > 0.5
    np.testing.assert_allclose(found, before, atol=3e-3)
    np.testing.assert_allclose(found.mean(), before.mean(), atol=2e-4)


def test_the_start_that_ships_says_what_it_is():
    shipped = files("webiml") / "weights"
    card = json.loads((shipped / "web_iml.json").read_text())
    assert f"`web_iml.safetensors` SHA-256 `{card['start_sha256']}`" in (shipped / "web_iml.md").read_text()
    with weights.start_file("web-iml") as path:
        facts = read_facts(path)
    assert facts["data"] == card["data"] and facts["settings"] == card["settings"]
