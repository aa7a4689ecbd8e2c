"""What a localizer costs: counted by hand, and measured in real processes."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tests.localize.tiny_localizer import write_tiny

from webiml.errors import SettingError, WebimlError
from webiml.evaluate.complexity import measure, parse_sizes
from webiml.evaluate.measured import Subject, runs_of
from webiml.evaluate.onnx_cost import Node, count, operations_of, parameters_of
from webiml.localize.localizer import Localizer


def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> Subject:
    """A module of one's own that a fresh process can import; its factory is called `make`."""
    (tmp_path / "made_here.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "made_here", raising=False)
    return Subject(net="made_here:make")


# ---------------------------------------------------------------- sizes


def test_sizes_are_width_by_height_and_come_once():
    assert parse_sizes(["512x256", "64X48", "512x256"]) == ((256, 512), (48, 64))


@pytest.mark.parametrize("text", ["512", "512x", "x512", "-1x512", "512x512x3", "15x512", "20000x20000", "1e3x512", ""])
def test_a_size_that_is_none_is_a_sentence(text):
    with pytest.raises(SettingError, match="--sizes"):
        parse_sizes([text])


# ---------------------------------------------------------------- counting


@pytest.mark.parametrize(
    ("node", "products", "others"),
    [
        (Node("Conv", ((1, 3, 8, 8), (5, 3, 3, 3), (5,)), ((1, 5, 8, 8),)), 2 * 8 * 8 * 5 * 27, 0),
        (Node("Conv", ((1, 6, 8, 8), (6, 1, 3, 3)), ((1, 6, 4, 4),)), 2 * 4 * 4 * 6 * 9, 0),  # a group a channel
        (Node("ConvTranspose", ((1, 4, 5, 5), (4, 2, 3, 3)), ((1, 2, 11, 11),)), 2 * 5 * 5 * 4 * 2 * 9, 0),
        (Node("MatMul", ((2, 7, 3), (3, 5)), ((2, 7, 5),)), 2 * 2 * 7 * 5 * 3, 0),
        (Node("Gemm", ((7, 3), (3, 5), (5,)), ((7, 5),)), 2 * 7 * 5 * 3, 0),
        (Node("Gemm", ((3, 7), (5, 3)), ((7, 5),)), 2 * 7 * 5 * 3, 0),  # both are turned
        (Node("Add", ((1, 4, 4), (4,)), ((1, 4, 4),)), 0, 16),
        (Node("ReduceMean", ((1, 8, 4, 4),), ((1, 8),)), 0, 128),
        (Node("Reshape", ((1, 16), (2,)), ((4, 4),)), 0, 0),
    ],
    ids=lambda value: value.kind if isinstance(value, Node) else "",
)
def test_a_node_by_hand(node, products, others):
    found = count([node])
    assert (found.products, found.others, found.not_counted) == (products, others, Counter())


def test_what_is_not_counted_is_listed():
    nodes = [Node("Resize", ((1, 4),), ((1, 8),)), Node("Resize", ((1, 4),), ((1, 8),)), Node("LSTM", (), ())]
    assert count(nodes).not_counted == {"Resize": 2, "LSTM": 1}


def test_a_network_as_it_ran(tmp_path):
    model = write_tiny(tmp_path).read_bytes()
    found = operations_of(model, {"picture": np.zeros((1, 40, 60, 3), np.uint8)})
    assert found.products == 40 * 60 * 27 * 2  # one convolution of 3x3, three channels to one
    assert found.others == 4 * 40 * 60  # Sigmoid, Sub, Max; ReduceMax takes as many
    assert not found.not_counted
    assert parameters_of(model) == 27  # the kernel; a single number is no weight


@pytest.mark.parametrize("data", [b"\xff" * 20, b"\x3a\x10short", b"\x3b"], ids=["endless", "short", "wire type"])
def test_a_file_that_is_no_network_is_a_sentence(data):
    with pytest.raises(WebimlError, match="no ONNX file"):
        parameters_of(data)
    with pytest.raises(WebimlError, match="cannot be counted"):
        operations_of(data, {})


# ---------------------------------------------------------------- how the network is run


class Recording:
    """A network that notes at what sizes it is run."""

    inputs, outputs = ("picture",), ("probability", "confidence", "score")

    def __init__(self) -> None:
        self.sizes: Counter[tuple[int, int]] = Counter()

    def all(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        height, width = picture.shape[1:3]
        self.sizes[height, width] += 1
        half = np.full((1, height, width), 0.5, np.float32)
        return {"probability": half, "confidence": half, "score": half[:, 0, 0]}


@pytest.mark.parametrize("size", [(200, 300), (500, 600), (1500, 1400)], ids=["small", "whole", "tiles"])
def test_runs_are_those_of_a_localizer(size):
    net = Recording()
    Localizer(net, {"onnx_sha256": "", "enlargement": 1.5}, "recording").localize(  # pyright: ignore[reportArgumentType]
        np.zeros((*size, 3), np.uint8)
    )
    assert runs_of(size, 1.5) == net.sizes
    assert sum(net.sizes.values()) == {200: 2, 500: 1, 1500: 5}[size[0]]  # twice; once; four tiles and the whole


# ---------------------------------------------------------------- measured


def test_a_localizer_is_counted_and_measured(tmp_path):
    weights = write_tiny(tmp_path, enlargement=2)
    heard = []
    found = measure(Subject(str(weights)), [(48, 64), (500, 400)], threads=1, repeat=2, on_size=heard.append)
    small, whole = found.sizes
    assert heard == [small, whole] and (found.name, found.threads, found.repeat) == ("tiny", 1, 2)
    assert (found.parameters, found.parameters_from) == (27, "file")
    assert small.runs == [[48, 64, 1], [96, 128, 1]] and small.flops == 54 * (48 * 64 + 96 * 128)
    assert whole.runs == [[500, 400, 1]] and whole.flops == 54 * 500 * 400 and whole.other_operations == 4 * 500 * 400
    for cost in found.sizes:
        assert not cost.problem and cost.seconds is not None and 0 < cost.seconds < 10
        assert cost.peak_bytes and cost.baseline_bytes and 10e6 < cost.baseline_bytes < cost.peak_bytes < 1e9


def test_the_parameters_of_a_card_win(tmp_path):
    found = measure(Subject(str(write_tiny(tmp_path, parameters=99))), [(32, 32)], threads=1, repeat=1)
    assert (found.parameters, found.parameters_from) == (99, "card")


def test_a_network_of_torch(tmp_path, monkeypatch):
    subject = own(
        tmp_path,
        monkeypatch,
        "from torch import nn\n"
        "def make():\n"
        "    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, stride=2), nn.ConvTranspose2d(8, 1, 2, stride=2))\n"
        "    net.stride = 2\n"
        "    return net\n",
    )
    found = measure(subject, [(48, 64)], threads=1, repeat=1)
    (cost,) = found.sizes
    assert not cost.problem and cost.runs == [[48, 64, 1]]
    assert (found.parameters, found.parameters_from) == (8 * 27 + 8 + 8 * 4 + 1, "network")
    assert cost.flops == 2 * 24 * 32 * (8 * 27 + 8 * 4)  # both see 24x32 places
    assert cost.other_operations is None and "torch" in found.versions


MEMORY = """
import numpy as np
held = []
def make():
    def look(rgb):
        if not held:
            held.append(np.ones(60_000_000, np.uint8))
        return rgb[..., 0] / np.float32(255)
    return look
"""


def test_a_function_is_measured_but_what_it_does_is_unknown(tmp_path, monkeypatch):
    mine = np.ones(400_000_000, np.uint8)  # memory of this process, which is not that of the one that is measured
    found = measure(own(tmp_path, monkeypatch, MEMORY), [(48, 64)], threads=1, repeat=1)
    (cost,) = found.sizes
    assert (found.parameters, found.parameters_from, cost.flops, cost.runs) == (None, "unknown", None, None)
    assert cost.peak_bytes and cost.baseline_bytes and 55e6 < cost.peak_bytes - cost.baseline_bytes < 90e6
    assert cost.peak_bytes < mine.nbytes


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise RuntimeError('too large')", "too large"),
        ("import os; os._exit(7)", "exit code 7"),
    ],
    ids=["raises", "dies"],
)
def test_a_size_that_cannot_be_measured_says_why_and_the_others_go_on(tmp_path, monkeypatch, body, says):
    code = (
        f"def make():\n    def look(rgb):\n        if len(rgb) > 40:\n            {body}\n        return rgb[..., 0]\n"
    )
    found = measure(own(tmp_path, monkeypatch, code + "    return look\n"), [(48, 64), (32, 32)], 1, 1)
    assert says in found.sizes[0].problem and found.sizes[0].seconds is None and found.sizes[0].peak_bytes is None
    assert not found.sizes[1].problem and found.sizes[1].seconds is not None


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("def make():\n    return 5\n", "gave a int"),
        ("def make(size):\n    return size\n", "without arguments"),
        ("def make():\n    return lambda rgb: rgb\n", "a map is"),
        ("raise ImportError(\"No module named 'torch'\")", r"pip install 'webiml\[train\]'"),
    ],
    ids=["a number", "arguments", "no map", "no torch"],
)
def test_what_is_no_network_is_a_sentence(tmp_path, monkeypatch, code, says):
    with pytest.raises(SettingError, match=says):
        measure(own(tmp_path, monkeypatch, code), [(32, 32)], 1, 1)


def test_a_localizer_that_is_not_there_is_a_sentence():
    with pytest.raises(SettingError, match="There is no localizer"):
        measure(Subject("no-such"), [(32, 32)], 1, 1)
