"""Export of a localizer: one file from a picture to three answers, the same in torch, onnxruntime and OpenVINO."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from webiml.errors import WebimlError
from webiml.forge.pictures import Place, SourcePicture
from webiml.nets import weights
from webiml.nets.localizer import OUTPUTS, Deployed
from webiml.train.agreement import examples
from webiml.train.checkpoint import save_checkpoint
from webiml.train.data_table import write_data_table
from webiml.train.export import Interface, Shipped, export_onnx, ship

PIXELS = ("batch", "height", "width")
INTERFACE = Interface(
    {"picture": (*PIXELS, 3)},
    "three answers",
    "A localizer of a test.",
    outputs={"probability": PIXELS, "confidence": PIXELS, "score": ("batch",)},
    uint8=("picture",),
    facts={"kind": "localizer", "threshold": 0.5},
)
SIZES = [(1, 16, 16), (1, 17, 45), (2, 61, 30)]


class Halved(nn.Module):
    """Logits of a picture whose sides are even, made at half its size."""

    stride = 2

    def __init__(self, answers: bool = False) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.down = nn.Conv2d(3, 16, 4, stride=2, padding=1)
        self.heads = nn.Conv2d(16, 3, 3, padding=1)
        if answers:
            self.answers = self._answers

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._answers(x)[0]

    def _answers(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        found = nn.functional.interpolate(self.heads(torch.relu(self.down(x))), scale_factor=2.0, mode="bilinear")
        return found[:, :1], found[:, 1:2], found[:, 2].mean(dim=(1, 2))


def localizer(answers: bool = False) -> Deployed:
    """Calibrated, so that each curve counts."""
    deployed = Deployed(Halved(answers)).eval()
    deployed.pixel.copy_(torch.tensor([3.0, 0.4]))
    deployed.certain.copy_(torch.tensor([2.0, -0.3]))
    deployed.score_curve.copy_(torch.tensor([1.5, 0.3, 0.2]))
    return deployed


def picture(shape: tuple[int, int, int]) -> np.ndarray:
    return np.random.default_rng(shape).integers(0, 256, (*shape, 3), dtype=np.uint8)


@pytest.mark.parametrize("half", [False, True], ids=["float32", "float16"])
@pytest.mark.parametrize("answers", [False, True], ids=["plain", "answers"])
def test_a_picture_of_any_size_gets_torchs_answers(answers, half, tmp_path):
    deployed = localizer(answers)
    said = export_onnx(deployed, INTERFACE, tmp_path / "a.onnx", half=half)
    net = weights.Net((tmp_path / "a.onnx").read_bytes(), 1)
    assert (net.inputs, net.outputs) == (("picture",), OUTPUTS)
    for shape in SIZES:
        rgb = picture(shape)
        with torch.no_grad():
            wanted = [one.numpy() for one in deployed(torch.from_numpy(rgb))]
        found = net.all(picture=rgb)
        assert list(found) == list(OUTPUTS) and [one.shape for one in found.values()] == [shape, shape, shape[:1]]
        for got, want in zip(found.values(), wanted, strict=True):
            assert got.dtype == np.float32 and got.min() >= 0 and got.max() <= 1
            np.testing.assert_allclose(got, want, atol=2e-3 if half else 1e-4)
    assert said["largest_difference"] <= 1e-4 and said["rounding"] <= 1e-3


def test_pictures_of_the_check_are_uint8_and_some_are_odd():
    given = [one["picture"] for one in examples(INTERFACE)]
    assert {one.dtype for one in given} == {np.dtype(np.uint8)} and given[0].max() > 250
    assert any(one.shape[1] % 2 and one.shape[2] % 2 for one in given)


@pytest.mark.parametrize("place", [0, 1, 2], ids=OUTPUTS)
def test_each_answer_must_agree(place, tmp_path):
    class Fixed(Deployed):
        def forward(self, picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            answers = list(super().forward(picture))
            answers[place] = answers[place] * (1 - float(picture.shape[1]) / 1e5)  # becomes a constant when traced
            return answers[0], answers[1], answers[2]

    with pytest.raises(WebimlError, match=f"differs from torch by .*, {OUTPUTS[place]} reaches"):
        export_onnx(Fixed(Halved()), INTERFACE, tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_number_never_agrees(tmp_path):
    deployed = localizer()
    deployed.pixel.fill_(float("nan"))
    with pytest.raises(WebimlError, match="differs from torch by nan"):
        export_onnx(deployed, INTERFACE, tmp_path / "a.onnx")


@pytest.fixture
def trained(tmp_path) -> Path:
    """best.safetensors of a localizer of one's own and its data.parquet."""
    place = Place(Path("a.jpg"), 0, 1)
    row = SourcePicture("a", "a", "CC0-1.0", "somebody", "a camera", "a" * 8, "00ff", 64, 64, place)
    digest = write_data_table([row], tmp_path / "data.parquet")
    facts = {"task": "localizer", "net": "own:net", "data": digest, "settings": {"preset": "tiny"}, "step": 3}
    save_checkpoint(tmp_path / "best.safetensors", Halved().state_dict(), facts, {})
    return tmp_path / "best.safetensors"


def shipped() -> Shipped:
    deployed = localizer()

    def calibrate() -> dict[str, object]:
        deployed.pixel.copy_(torch.tensor([2.0, 1.0]))
        return {"calibration": {"pixel": [2.0, 1.0]}}

    return Shipped(INTERFACE, deployed.net, deployed, calibrate)


def test_the_card_says_what_it_is(trained, tmp_path):
    out = tmp_path / "out"
    card = ship(trained, "own", shipped(), out, data=trained.parent / "data.parquet", half=True)
    assert card == json.loads((out / "own.json").read_text())
    assert (card["kind"], card["threshold"], card["task"], card["net"]) == ("localizer", 0.5, "localizer", "own:net")
    assert card["inputs"] == {"picture": ["batch", "height", "width", 3]} and card["uint8"] == ["picture"]
    assert card["outputs"] == {"probability": [*PIXELS], "confidence": [*PIXELS], "score": ["batch"]}
    assert card["calibration"] == {"pixel": [2.0, 1.0]}
    text = (out / "own.md").read_text()
    assert "- `picture` uint8 (batch, height, width, 3)" in text and "(probabilities)" in text
    rgb = picture((1, 20, 20))
    deployed = shipped()
    assert deployed.calibrate is not None and deployed.calibrate()
    with torch.no_grad():
        want = deployed.whole(torch.from_numpy(rgb))[0].numpy()
    np.testing.assert_allclose(weights.load("own", out).all(picture=rgb)["probability"], want, atol=2e-3)


# ---------------------------------------------------------------- OpenVINO

needs_openvino = pytest.mark.skipif(
    not any(Path(folder, "openvino").is_dir() for folder in sys.path), reason="the openvino extra is not installed"
)


@needs_openvino
@pytest.mark.parametrize("half", [False, True], ids=["float32", "float16"])
def test_openvino_says_the_same(half, trained, tmp_path):
    from webiml.train.openvino import quiet_openvino

    out, data = tmp_path / "out", trained.parent / "data.parquet"
    card = ship(trained, "own", shipped(), out, data=data, half=half, format="openvino")
    assert sorted(one.name for one in out.iterdir()) == [
        "own.bin", "own.data.parquet", "own.json", "own.md", "own.onnx", "own.safetensors", "own.xml",
    ]  # fmt: skip
    assert card["openvino"]["largest_difference"] <= 1e-4
    assert card["openvino"]["xml_sha256"] in (out / "own.md").read_text()
    assert os.fspath(tmp_path) not in (out / "own.xml").read_text()
    core = quiet_openvino().Core()
    run = core.compile_model(core.read_model(out / "own.xml"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    net = weights.Net((out / "own.onnx").read_bytes(), 1)
    for shape in SIZES:
        rgb = picture(shape)
        for name, want in net.all(picture=rgb).items():
            np.testing.assert_allclose(run({"picture": rgb})[name], want, atol=1e-4)
    again = ship(trained, "own", shipped(), tmp_path / "again", data=data, half=half, format="openvino")
    assert again["openvino"] == card["openvino"]


@needs_openvino
def test_openvino_that_says_otherwise_is_not_written(tmp_path):
    from webiml.train.openvino import export_openvino

    export_onnx(localizer(), INTERFACE, tmp_path / "a.onnx")
    other = localizer()
    other.pixel.copy_(torch.tensor([3.0, 0.41]))
    with pytest.raises(WebimlError, match="OpenVINO computes this network otherwise"):
        export_openvino(other, INTERFACE, tmp_path / "a.onnx")
    assert [one.name for one in tmp_path.iterdir()] == ["a.onnx"]


@needs_openvino
def test_openvino_tells_nobody(tmp_path):
    code = (
        "import sys; from webiml.train.openvino import quiet_openvino; quiet_openvino().Core()\n"
        "sys.exit('openvino_telemetry' in sys.modules)"
    )
    plain = {key: value for key, value in os.environ.items() if key != "CI"}  # there it would be quiet by itself
    homes = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", code], timeout=60, env=plain | homes).returncode == 0
    assert list(tmp_path.iterdir()) == []
