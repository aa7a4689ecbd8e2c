"""A localizer so small that its answers can be worked out by hand, as `webiml export` lays it down."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def _model() -> bytes:
    """probability p: sigmoid((red - green) / 8) after a 3x3 mean; confidence: max(p, 1 - p); score: the largest p."""
    sizes = ["batch", "height", "width"]
    kernel = np.zeros((1, 3, 3, 3), np.float32)
    kernel[0, 0], kernel[0, 1] = 1 / 72, -1 / 72
    constants = [
        numpy_helper.from_array(kernel, "kernel"),
        numpy_helper.from_array(np.array([1], np.int64), "channel"),
        numpy_helper.from_array(np.array(1, np.float32), "one"),
    ]
    nodes = [
        helper.make_node("Cast", ["picture"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["numbers"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "kernel"], ["logits"], pads=[1, 1, 1, 1]),
        helper.make_node("Sigmoid", ["logits"], ["likely"]),
        helper.make_node("Squeeze", ["likely", "channel"], ["probability"]),
        helper.make_node("Sub", ["one", "probability"], ["other"]),
        helper.make_node("Max", ["probability", "other"], ["confidence"]),
        helper.make_node("ReduceMax", ["probability"], ["score"], axes=[1, 2], keepdims=0),
    ]
    picture = helper.make_tensor_value_info("picture", TensorProto.UINT8, [*sizes, 3])
    maps = [helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes) for name in ("probability", "confidence")]
    score = helper.make_tensor_value_info("score", TensorProto.FLOAT, sizes[:1])
    graph = helper.make_graph(nodes, "tiny", [picture], [*maps, score], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def write_tiny(folder: Path, name: str = "tiny", **card: object) -> Path:
    """The .onnx file, with its card beside it; `card` adds to the card."""
    folder.mkdir(parents=True, exist_ok=True)
    model = _model()
    facts = {"name": name, "kind": "localizer", "threshold": 0.5, "onnx_sha256": hashlib.sha256(model).hexdigest()}
    (folder / f"{name}.json").write_text(json.dumps(facts | card))
    (folder / f"{name}.onnx").write_bytes(model)
    return folder / f"{name}.onnx"
