"""Networks that ship: found by name, checked, run on arrays; and what the repository ships is allowed to."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import webiml
from webiml.errors import BadMap, WebimlError
from webiml.nets import weights
from webiml.train.data_table import COLUMNS, read_data_table, refuse_other_licenses

SHIPPED = Path(webiml.__file__).parent / "weights"


def sum_net() -> bytes:
    """output = a + 2 b, a and b (B, 1, H, 4)."""
    shape = ["batch", 1, "height", 4]
    double = helper.make_node("Add", ["b", "b"], ["twice"])
    nodes = [double, helper.make_node("Add", ["a", "twice"], ["output"])]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("a", "b", "output")]
    graph = helper.make_graph(nodes, "sum", ends[:2], ends[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "sum.onnx").write_bytes(sum_net())
    (tmp_path / "sum.json").write_text(json.dumps({"onnx_sha256": hashlib.sha256(sum_net()).hexdigest()}))
    monkeypatch.setattr(weights, "_shipped", lambda: tmp_path)
    for cached in (weights.card, weights._load):
        cached.cache_clear()
    yield tmp_path
    for cached in (weights.card, weights._load):
        cached.cache_clear()


def test_inputs_come_in_order_or_by_name(folder):
    net = weights.load("sum")
    a, b = np.full((2, 1, 3, 4), 1.0, np.float32), np.full((2, 1, 3, 4), 10.0)
    assert net.inputs == ("a", "b")
    assert np.array_equal(net(a, b), np.full((2, 1, 3, 4), 21, np.float32))
    assert np.array_equal(net(b=a, a=b), np.full((2, 1, 3, 4), 12, np.float32))
    assert net(a, b=b).dtype == np.float32


def test_it_is_opened_once(folder):
    assert weights.load("sum") is weights.load("sum")
    assert weights.digest("sum") == hashlib.sha256(sum_net()).hexdigest()
    assert weights.names() == ["sum"]


def test_a_folder_of_ones_own_is_looked_into_first(folder, tmp_path_factory):
    own = tmp_path_factory.mktemp("own")
    assert np.array_equal(weights.load("sum", own)(np.ones((1, 1, 1, 4)), np.ones((1, 1, 1, 4)))[0, 0, 0], [3] * 4)
    other = sum_net().replace(b"twice", b"again")
    (own / "sum.onnx").write_bytes(other)
    (own / "sum.json").write_text(json.dumps({"onnx_sha256": hashlib.sha256(other).hexdigest(), "backbone": "x"}))
    weights.card.cache_clear()
    weights._load.cache_clear()
    assert weights.digest("sum", own) == hashlib.sha256(other).hexdigest() != weights.digest("sum")
    assert weights.names(own) == ["sum"] and weights.load("sum", own).inputs == ("a", "b")
    (own / "sum.onnx").write_bytes(other + b"\0")
    weights._load.cache_clear()
    with pytest.raises(WebimlError, match="export it again"):
        weights.load("sum", own)


def picture_net() -> bytes:
    """whole = picture as float32, height = its number of rows; picture uint8 (B, H, W, 3)."""
    nodes = [
        helper.make_node("Cast", ["picture"], ["whole"], to=TensorProto.FLOAT),
        helper.make_node("Shape", ["picture"], ["height"], start=1, end=2),
    ]
    ends = [
        helper.make_tensor_value_info("picture", TensorProto.UINT8, ["batch", "height", "width", 3]),
        helper.make_tensor_value_info("whole", TensorProto.FLOAT, ["batch", "height", "width", 3]),
        helper.make_tensor_value_info("height", TensorProto.INT64, [1]),
    ]
    graph = helper.make_graph(nodes, "picture", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def test_all_outputs_come_by_name_and_pictures_go_in_as_they_are():
    net = weights.Net(picture_net(), 1)
    rgb = np.full((2, 3, 5, 3), 200, np.uint8)
    assert (net.inputs, net.outputs) == (("picture",), ("whole", "height"))
    found = net.all(picture=rgb)
    assert list(found) == ["whole", "height"] and found["height"].tolist() == [3]
    assert found["whole"].dtype == np.float32 and np.array_equal(found["whole"], rgb)
    assert np.array_equal(net(rgb), rgb)


@pytest.mark.parametrize(
    ("feed", "words"),
    [
        ({}, "takes picture; got nothing"),
        ({"image": np.zeros((1, 2, 2, 3), np.uint8)}, "takes picture; got image"),
        ({"picture": np.zeros((1, 2, 2, 4), np.uint8)}, r"is \('batch', 'height', 'width', 3\), got \(1, 2, 2, 4\)"),
        ({"picture": np.zeros((2, 2, 3), np.uint8)}, r"got \(2, 2, 3\)"),
        ({"picture": np.zeros((1, 2, 2, 3))}, "is uint8, got float64"),
    ],
    ids=["lacking", "unknown", "channels", "dimensions", "type"],
)
def test_a_picture_of_another_kind_is_one_sentence(feed, words):
    with pytest.raises(BadMap, match=words):
        weights.Net(picture_net(), 1).all(**feed)


def test_an_input_that_is_given_twice_is_refused(folder):
    with pytest.raises(BadMap, match="each once"):
        weights.load("sum")(np.ones((1, 1, 1, 4)), a=np.ones((1, 1, 1, 4)))


@pytest.mark.parametrize(
    ("shapes", "names"),
    [([(1, 1, 3, 4)], "a"), ([(1, 1, 3, 4)] * 3, "ab"), ([(1, 1, 3, 5), (1, 1, 3, 5)], "ab"), ([(1, 3, 4)] * 2, "ab")],
    ids=["lacking", "too-many", "width", "dimensions"],
)
def test_what_it_does_not_take_is_one_sentence(folder, shapes, names):
    with pytest.raises(BadMap, match=r"network"):
        weights.load("sum")(*(np.zeros(shape, np.float32) for shape in shapes))


def test_missing_and_damaged_files_are_one_sentence(folder):
    with pytest.raises(WebimlError, match=r"none\.json is missing"):
        weights.load("none")
    (folder / "sum.onnx").write_bytes(sum_net() + b"\0")
    with pytest.raises(WebimlError, match="sum in webiml is damaged"):
        weights.load("sum")
    (folder / "sum.onnx").unlink()
    with pytest.raises(WebimlError, match=r"sum\.onnx is missing"):
        weights.load("sum")
    (folder / "bad.json").write_text("[")
    with pytest.raises(WebimlError, match="card of the network bad"):
        weights.digest("bad")


def test_a_file_that_is_no_network_is_one_sentence(folder):
    (folder / "sum.onnx").write_bytes(b"nothing")
    (folder / "sum.json").write_text(json.dumps({"onnx_sha256": hashlib.sha256(b"nothing").hexdigest()}))
    with pytest.raises(WebimlError, match="cannot be run"):
        weights.load("sum")


def test_nothing_is_sent_and_no_id_is_kept(tmp_path):
    code = (
        f"import numpy as np; from webiml.nets.weights import Net; Net({sum_net()!r}, 1)(*[np.ones((1, 1, 2, 4))] * 2)"
    )
    plain = {key: value for key, value in os.environ.items() if key not in ("CI", "ORT_DISABLE_TELEMETRY")}
    homes = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", code], timeout=60, env=plain | homes).returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_import_is_light():
    code = "import sys, webiml.nets.weights; sys.exit(bool({'torch', 'onnxruntime', 'cv2'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_everything_that_ships_is_small_and_has_its_card():
    files = [path for path in SHIPPED.iterdir() if path.suffix in (".onnx", ".safetensors")] if SHIPPED.is_dir() else []
    assert all(path.stat().st_size <= 6_000_000 for path in files)
    assert sum(path.stat().st_size for path in files) <= 26_000_000
    for path in files:
        assert path.with_suffix(".md").is_file(), f"{path.name} has no card"


def test_networks_are_the_files_of_their_cards():
    for path in SHIPPED.glob("*.onnx"):
        card = json.loads(path.with_suffix(".json").read_text())
        assert card["onnx_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        table = read_data_table(path.with_suffix(".data.parquet"))
        assert table.num_rows == card["pictures"] > 0
        assert (
            path.with_suffix(".safetensors").is_file() == ("start_sha256" in card) == (card.get("kind") == "localizer")
        )


def test_weights_to_start_with_are_those_of_a_card(folder):
    assert weights.starts() == []
    (folder / "sum.safetensors").write_bytes(b"weights")
    assert weights.starts() == ["sum"]
    with pytest.raises(WebimlError, match=r"sum\.safetensors in webiml are damaged"), weights.start_file("sum"):
        pass


def test_networks_learned_only_from_pictures_that_allow_it():
    for path in SHIPPED.glob("*.data.parquet"):
        table = read_data_table(path)
        refuse_other_licenses(table)
        assert all(
            None not in table[name].to_pylist() and "" not in table[name].to_pylist()
            for name in COLUMNS
            if name != "author"
        )
