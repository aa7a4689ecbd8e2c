"""`webiml export` of localizers, of webiml's own and of anybody's: what it refuses, what it leaves."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from webiml.cli import main
from webiml.forge.pictures import list_pictures
from webiml.nets import weights
from webiml.nets.localizer import OUTPUTS, Deployed
from webiml.nets.web_iml import build
from webiml.train.checkpoint import save_checkpoint
from webiml.train.data_table import write_data_table

MODULE = """
from torch import nn

def make():
    return nn.Conv2d(3, 1, 3, padding=1)

def wider():
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 1, 1))
"""


@pytest.fixture(autouse=True)
def own_module(tmp_path, monkeypatch):
    (tmp_path / "own_localizers_of_a_test.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def steeper(monkeypatch):
    """A calibration that looks at no samples."""

    def calibration(deployed: Deployed, samples: Path) -> dict[str, object]:
        deployed.pixel.copy_(torch.tensor([2.0, 0.0]))
        return {"calibration": {"pixel": [2.0, 0.0], "samples": samples.name}}

    monkeypatch.setattr("webiml.train.localizer_calibration.calibration", calibration)
    monkeypatch.setattr("webiml.train.data_table.ALLOWED_LICENSES", frozenset({""}))


@pytest.fixture
def checkpoint(repository, tmp_path):
    """Makes best.safetensors and data.parquet, as webiml train leaves them, of a task and its network."""

    def made(network: torch.nn.Module, **facts: object) -> str:
        digest = write_data_table(list_pictures([repository / "examples" / "pictures"]), tmp_path / "data.parquet")
        facts = {"data": digest, "settings": {"preset": "tiny"}, "step": 0, "scores": {}} | facts
        save_checkpoint(tmp_path / "best.safetensors", network.state_dict(), facts, {})
        return str(tmp_path / "best.safetensors")

    return made


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--name", "localizer"], ["--name", "web-iml", "--net package.module:factory"]),
        (["--name", "my/net", "--net", "m:f"], ["'my/net'", "letters, digits"]),
        (["--name", "con", "--net", "m:f"], ["'con'"]),
        (["--name", "web_iml", "--net", "m:f"], ["web_iml", "name of its own"]),
        (["--name", "dass", "--format", "tflite"], ["tflite"]),
        (["--name", "web-iml"], ["no checkpoint none.safetensors"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_a_wrong_argument_is_one_sentence(arguments, words, capsys, tmp_path):
    assert main.run(["export", "none.safetensors", *arguments, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1 and all(word in said for word in words)
    assert not (tmp_path / "out").exists()


def test_web_iml_becomes_one_file_from_picture_to_answers(checkpoint, steeper, capsys, tmp_path):
    torch.manual_seed(0)
    net = build("tiny").eval()
    given = checkpoint(net, task="web-iml")
    assert main.run(["export", given, "--name", "web-iml", "--out", "out"]) == 0
    assert "web-iml tiny" in capsys.readouterr().out
    assert (tmp_path / "out" / "web_iml.onnx").stat().st_size < 6_000_000
    card = json.loads((tmp_path / "out" / "web_iml.json").read_text())
    assert (card["kind"], set(card["outputs"]), card["stored"]) == ("localizer", set(OUTPUTS), "float16")
    assert card["calibration"] == {"pixel": [2.0, 0.0], "samples": "samples"}
    rgb = np.random.default_rng(0).integers(0, 256, (1, 45, 70, 3), dtype=np.uint8)
    deployed = Deployed(net)
    deployed.pixel.copy_(torch.tensor([2.0, 0.0]))
    with torch.no_grad():
        wanted = [one.numpy() for one in deployed(torch.from_numpy(rgb))]
    for got, want in zip(weights.load("web_iml", tmp_path / "out").all(picture=rgb).values(), wanted, strict=True):
        np.testing.assert_allclose(got, want, atol=2e-3)


def test_a_localizer_of_ones_own_gets_a_name_of_its_own(checkpoint, steeper, capsys, tmp_path):
    from own_localizers_of_a_test import make  # type: ignore[import-not-found]

    net = "own_localizers_of_a_test:make"
    given = checkpoint(make(), task="localizer", net=net)
    assert main.run(["export", given, "--net", net, "--name", "my-localizer", "--out", "out"]) == 0
    assert f"my-localizer {net}" in capsys.readouterr().out
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == [
        "my_localizer.data.parquet", "my_localizer.json", "my_localizer.md", "my_localizer.onnx",
        "my_localizer.safetensors",
    ]  # fmt: skip
    assert weights.card("my_localizer", tmp_path / "out")["net"] == net
    assert weights.load("my_localizer", tmp_path / "out").outputs == OUTPUTS


def test_a_checkpoint_of_another_network_is_refused(checkpoint, steeper, capsys, tmp_path):
    from own_localizers_of_a_test import make  # type: ignore[import-not-found]

    given = checkpoint(make(), task="localizer", net="own_localizers_of_a_test:make")
    wider = ["--net", "own_localizers_of_a_test:wider", "--name", "own"]
    assert main.run(["export", given, *wider, "--out", "out"]) == 2
    assert "made by own_localizers_of_a_test:make, not of a localizer made by" in capsys.readouterr().err
    assert main.run(["export", given, "--name", "web-iml", "--out", "out"]) == 2
    assert "is a checkpoint of localizer made by" in capsys.readouterr().err
    given = checkpoint(make(), task="localizer", net="own_localizers_of_a_test:wider")  # says so, and is not
    assert main.run(["export", given, *wider, "--out", "out"]) == 2
    assert "does not fit this network" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_openvino_that_is_missing_is_said_first(capsys, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "openvino" else found(name))
    assert main.run(["export", "none.safetensors", "--name", "web-iml", "--format", "openvino", "--out", "out"]) == 2
    assert capsys.readouterr().err.endswith("pip install 'webiml[openvino]'\n")
