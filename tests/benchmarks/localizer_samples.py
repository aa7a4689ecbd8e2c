"""A localizer of four operations, and pictures of which its answers are known by hand."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper

WHITE, GREY, BLACK = 255, 153, 0  # probability 1, 0.6, 0: 255, 153 and 0 of the stored map


def bright_is_manipulated() -> bytes:
    """probability: red / 255; confidence: green / 255; score: the largest probability."""
    sizes = ["batch", "height", "width"]
    picture = helper.make_tensor_value_info("picture", TensorProto.UINT8, [*sizes, 3])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("probability", sizes), ("confidence", sizes), ("score", ["batch"]))
    ]
    numbers = {"full": np.array(255, np.float32), "red": np.array(0), "green": np.array(1)}
    constants = [onnx.numpy_helper.from_array(array, name) for name, array in numbers.items()]
    nodes = [
        helper.make_node("Cast", ["picture"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["numbers", "full"], ["shares"]),
        helper.make_node("Gather", ["shares", "red"], ["probability"], axis=3),
        helper.make_node("Gather", ["shares", "green"], ["confidence"], axis=3),
        helper.make_node("ReduceMax", ["probability"], ["score"], axes=[1, 2], keepdims=0),
    ]
    graph = helper.make_graph(nodes, "bright", [picture], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def write_localizer(folder: Path) -> Path:
    """The localizer and its card; the path of its .onnx file."""
    folder.mkdir()
    model = bright_is_manipulated()
    card = {"kind": "localizer", "threshold": 0.5, "onnx_sha256": hashlib.sha256(model).hexdigest()}
    (folder / "bright.json").write_text(json.dumps(card))
    (folder / "bright.onnx").write_bytes(model)
    return folder / "bright.onnx"


def write_pictures(folder: Path) -> Path:
    """A splice, found whole; a copy-move, found by half; one that cannot be read; and three authentic pictures."""
    folder.mkdir()
    truth = np.zeros((40, 60), np.uint8)
    truth[10:30, 20:40] = 255
    whole, half, flagged = (np.full((40, 60), BLACK, np.uint8) for _ in range(3))
    whole[truth > 0] = WHITE
    half[10:20, 20:40] = GREY
    flagged[:3, :20] = WHITE  # 2.5 %
    for name, array in {"whole": whole, "half": half, "flagged": flagged, "clean": np.zeros_like(truth)}.items():
        cv2.imwrite(str(folder / f"{name}.png"), np.repeat(array[..., None], 3, axis=2))
    cv2.imwrite(str(folder / "mask.png"), truth)
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "pairs.csv").write_text(
        "key,authentic,manipulated,mask,kind,type,component\n"
        "1__spg,clean.png,whole.png,mask.png,SPG,splice,a\n"
        "1__sdg,flagged.png,whole.png,mask.png,SDG,splice,a\n"
        "2__spg,clean.png,half.png,mask.png,SPG,copy-move,b\n"
        "3__spg,clean.png,broken.png,mask.png,SPG,copy-move,b\n"
    )
    cv2.imwrite(str(folder / "more.png"), np.zeros((40, 60, 3), np.uint8))
    (folder / "authentic.csv").write_text("image,component\nclean.png,a\nmore.png,c\n")
    return folder / "pairs.csv"
