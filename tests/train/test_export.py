"""Export: what ships computes what was trained, says where it comes from, and holds nothing of the machine."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch import nn
from torch.nn import functional

from webiml.errors import SettingError, WebimlError
from webiml.forge.pictures import Place, SourcePicture
from webiml.nets import weights
from webiml.settings import TrainSettings
from webiml.train.checkpoint import load_mean, read_facts, save_checkpoint
from webiml.train.data_table import read_data_table, write_data_table
from webiml.train.export import Interface, Shipped, export_onnx, ship

INTERFACE = Interface({"stack": ("batch", 3, "height", "width")}, "logits", "A net of a test.", ("Knows nothing.",))


def net() -> nn.Sequential:
    torch.manual_seed(3)
    layers = nn.Sequential(
        nn.Conv2d(3, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 2, 5, stride=2, padding=2)
    )
    with torch.no_grad():
        layers(torch.rand(4, 3, 16, 16))  # statistics that are not 0 and 1
    return layers


def shipped(module: nn.Module) -> Shipped:
    return Shipped(INTERFACE, module, module)


def picture(key: str, license: str = "CC0-1.0") -> SourcePicture:
    return SourcePicture(key, key, license, "somebody", "a camera", key * 8, "00ff", 64, 64, Place(Path("a.jpg"), 0, 1))


@pytest.fixture
def trained(tmp_path):
    """A folder as webiml train leaves it: best.safetensors and data.parquet."""
    digest = write_data_table([picture("b"), picture("a", "CC-BY-4.0"), picture("c")], tmp_path / "data.parquet")
    facts = {
        "task": "test",
        "data": digest,
        "settings": {"preset": "tiny", "seed": 0},
        "step": 7,
        "scores": {"score": 0.5},
    }
    save_checkpoint(tmp_path / "best.safetensors", net().state_dict(), facts, {"seconds": 12.0, "commit": "abc"})
    return tmp_path


@pytest.mark.parametrize("half", [False, True], ids=["float32", "float16"])
def test_any_size_and_batch_computes_what_torch_computes(half, tmp_path):
    model = net().eval()
    said = export_onnx(model, INTERFACE, tmp_path / "a.onnx", half=half)
    session = ort.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    for shape in ((1, 3, 7, 9), (3, 3, 50, 21)):
        batch = np.random.default_rng(1).random(shape, dtype=np.float32)
        with torch.no_grad():
            want = model(torch.from_numpy(batch)).numpy()
        got = np.asarray(session.run(None, {"stack": batch})[0])
        assert np.allclose(got, want, atol=1e-3 if half else 1e-4)  # of the weights before rounding
        assert np.array_equal(got, want) is False or not half  # weights in half do differ
    stored = {weight.name: weight.data_type for weight in onnx.load(tmp_path / "a.onnx").graph.initializer}
    assert (onnx.TensorProto.FLOAT16 in stored.values()) is half
    assert said["bytes"] == (tmp_path / "a.onnx").stat().st_size
    assert b"test_export" not in (tmp_path / "a.onnx").read_bytes()  # the path of this file, where the net is made


def test_a_net_that_only_fits_its_traced_size_does_not_ship(tmp_path):
    class Fixed(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * float(x.shape[2])  # becomes a constant when traced

    with pytest.raises(WebimlError, match="differs from torch"):
        export_onnx(Fixed(), INTERFACE, tmp_path / "a.onnx")
    assert not (tmp_path / "a.onnx").exists()


def test_what_ships_says_where_it_comes_from(trained, tmp_path):
    out = tmp_path / "out"
    card = ship(trained / "best.safetensors", "test", shipped(net()), out, data=trained / "data.parquet")
    assert sorted(path.name for path in out.iterdir()) == ["test.data.parquet", "test.json", "test.md", "test.onnx"]
    assert card == json.loads((out / "test.json").read_text())
    assert card["licenses"] == {"CC-BY-4.0": 1, "CC0-1.0": 2} and card["pictures"] == 3
    assert (card["step"], card["scores"], card["seconds"], card["commit"]) == (7, {"score": 0.5}, 12.0, "abc")
    assert card["parameters"] == 3 * 12 * 9 + 12 + 24 + 12 * 2 * 25 + 2
    assert read_data_table(out / "test.data.parquet")["key"].to_pylist() == ["a", "b", "c"]
    text = (out / "test.md").read_text()
    for words in (card["onnx_sha256"], card["checkpoint_sha256"], "CC-BY-4.0 | 1", "score 0.5000", "Knows nothing."):
        assert words in text


def test_what_ships_is_what_the_package_opens(trained, tmp_path, monkeypatch):
    out = tmp_path / "weights"
    ship(trained / "best.safetensors", "test", shipped(net()), out, data=trained / "data.parquet")
    monkeypatch.setattr(weights, "_shipped", lambda: out)
    batch = np.random.default_rng(1).random((2, 3, 9, 8), dtype=np.float32)
    with torch.no_grad():
        want = net().eval()(torch.from_numpy(batch)).numpy()
    assert np.allclose(weights._load.__wrapped__("test", None, 1, False, 1)(batch), want, atol=1e-4)


def test_other_data_is_refused(trained, tmp_path):
    write_data_table([picture("a")], tmp_path / "other.parquet")
    with pytest.raises(SettingError, match="does not list the pictures"):
        ship(trained / "best.safetensors", "t", shipped(net()), tmp_path / "out", data=tmp_path / "other.parquet")


def test_a_checkpoint_that_names_no_data_takes_what_is_given(trained, tmp_path):
    save_checkpoint(trained / "best.safetensors", net().state_dict(), {"task": "test"}, {})
    card = ship(trained / "best.safetensors", "t", shipped(net()), tmp_path / "out", data=trained / "data.parquet")
    assert card["pictures"] == 3 and len(card["data"]) == 16


def test_a_licence_that_is_not_allowed_is_refused(trained, tmp_path):
    digest = write_data_table([picture("a"), picture("b", "CC-BY-NC-2.0")], trained / "data.parquet")
    save_checkpoint(trained / "best.safetensors", net().state_dict(), {"data": digest}, {})
    with pytest.raises(SettingError, match=r"'CC-BY-NC-2\.0'"):
        ship(trained / "best.safetensors", "t", shipped(net()), tmp_path / "out", data=trained / "data.parquet")
    assert not (tmp_path / "out").exists()


def test_another_preset_is_refused(trained, tmp_path):
    wider = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 2, 5))
    with pytest.raises(SettingError, match="preset"):
        ship(trained / "best.safetensors", "t", shipped(wider), tmp_path / "out", data=trained / "data.parquet")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": 0}, "--steps"),
        ({"size": 33}, "multiple of 32"),
        ({"lr": float("nan")}, "--lr"),
        ({"ema": 1.0}, "--ema"),
        ({"warmup": 3000}, "--warmup must lie between 0 and 2000"),
    ],
)
def test_settings_out_of_range_are_refused(change, words):
    with pytest.raises(SettingError, match=words):
        replace(TrainSettings(), **change)


class Padded(nn.Module):
    """Zeros, ones and repeated edges around what a convolution reads, and zeros around what two things read."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.three, self.four = (nn.Conv2d(3, 3, 3, stride) for stride in (2, 1, 1, 1))

    def forward(self, stack: torch.Tensor) -> torch.Tensor:
        x = self.one(functional.pad(stack, (0, 1, 0, 1)))
        x = self.two(functional.pad(x, (1, 1, 1, 1), value=1.0))
        x = self.three(functional.pad(x, (2, 0, 1, 1), mode="replicate"))
        x = functional.pad(x, (1, 1, 1, 1))
        return self.four(x) + x[:, :, 1:-1, 1:-1]


def test_zeros_around_one_convolution_are_laid_by_it(tmp_path):
    torch.manual_seed(0)
    export_onnx(Padded().eval(), INTERFACE, tmp_path / "net.onnx")  # which compares it with torch
    graph = onnx.load(tmp_path / "net.onnx").graph
    modes = [attribute.s for node in graph.node if node.op_type == "Pad" for attribute in node.attribute]
    assert sorted(modes) == [b"constant", b"constant", b"edge"]
    convs = [node for node in graph.node if node.op_type == "Conv"]
    pads = [list(attribute.ints) for conv in convs for attribute in conv.attribute if attribute.name == "pads"]
    assert pads == [[0, 0, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_the_mean_of_several_trainings_ships(trained, tmp_path):
    digest = read_facts(trained / "best.safetensors")["data"]
    other = net()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(0.5)
        other.state_dict()["1.num_batches_tracked"].fill_(99)
    facts = {"task": "test", "data": digest, "step": 3, "start": "00ff"}
    save_checkpoint(tmp_path / "other.safetensors", other.state_dict(), facts, {})
    module, both = net(), [trained / "best.safetensors", tmp_path / "other.safetensors"]
    load_mean(both, module.state_dict())
    mean, first = module.state_dict(), net().state_dict()
    assert torch.allclose(mean["0.weight"], first["0.weight"] + 0.25)
    assert mean["1.num_batches_tracked"] == first["1.num_batches_tracked"] == 1
    card = ship(both[0], "net", shipped(net()), tmp_path / "out", data=trained / "data.parquet", others=both[1:])
    assert [(one["step"], one["start"]) for one in card["averaged_with"]] == [(3, "00ff")]
    assert card["averaged_with"][0]["sha256"] in (tmp_path / "out" / "net.md").read_text()
    save_checkpoint(tmp_path / "other.safetensors", other.state_dict(), facts | {"data": "another"}, {})
    with pytest.raises(SettingError, match=r"does not list the pictures that .*other.safetensors learned from"):
        ship(both[0], "net", shipped(net()), tmp_path / "no", data=trained / "data.parquet", others=both[1:])
    save_checkpoint(tmp_path / "other.safetensors", other.state_dict(), facts | {"task": "dass"}, {})
    with pytest.raises(SettingError, match="of dass, not of test"):
        ship(both[0], "net", shipped(net()), tmp_path / "no", data=trained / "data.parquet", others=both[1:])


@pytest.mark.parametrize("pads", [(-1, 0, -1, 0), (0, 1, 0, 1)], ids=["crops", "pads-what-comes-out"])
def test_what_no_convolution_can_lay_stays(pads, tmp_path):
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3)

        def forward(self, stack: torch.Tensor) -> torch.Tensor:
            if min(pads) < 0:
                return self.conv(functional.pad(stack, pads))
            return functional.pad(self.conv(stack), pads)

    torch.manual_seed(0)
    export_onnx(Net().eval(), INTERFACE, tmp_path / "net.onnx")  # which compares it with torch
    assert [node.op_type for node in onnx.load(tmp_path / "net.onnx").graph.node].count("Pad") == 1
