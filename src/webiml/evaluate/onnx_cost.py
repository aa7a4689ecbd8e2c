"""Parameters and floating-point operations of an ONNX network, without the package onnx.

onnxruntime runs the network once and notes the shapes that each node took and gave. An operation counts as follows:

    products     convolutions and matrix products, a multiply-add counts 2, without the bias; torch's FlopCounterMode
                 counts the same
    others       one for each number that an elementwise node gives, one for each number that a reduction takes
    no arithmetic    reshaping, slicing, joining: 0
    not counted  all else, such as pooling and resizing: listed by its name
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from webiml.errors import WebimlError
from webiml.nets.weights import onnxruntime

_ELEMENTWISE = (
    "Abs Add And Ceil Celu Clip Cos Div Elu Equal Erf Exp Floor Gelu Greater GreaterOrEqual HardSigmoid HardSwish "
    "LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Mul Neg Not Or PRelu Pow Reciprocal Relu Round Selu Sigmoid "
    "Sign Sin Softplus Softsign Sqrt Sub Sum Tan Tanh ThresholdedRelu Where Xor"
)
_REDUCTIONS = (
    "GlobalAveragePool GlobalMaxPool ReduceL1 ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum "
    "ReduceSumSquare"
)
_NO_ARITHMETIC = (
    "Cast CastLike Concat Constant ConstantOfShape DepthToSpace Expand Flatten Gather GatherElements GatherND Identity "
    "If Loop Pad Range Reshape Shape Size Slice SpaceToDepth Split Squeeze Tile Transpose Unsqueeze"
)
ELEMENTWISE, REDUCTIONS, NO_ARITHMETIC = (
    frozenset(names.split()) for names in (_ELEMENTWISE, _REDUCTIONS, _NO_ARITHMETIC)
)

Shape = tuple[int, ...]


@dataclass
class Operations:
    """What a network does with one input.

    Attributes:
        products: floating-point operations of convolutions and matrix products, a multiply-add counts 2.
        others: of elementwise nodes and reductions.
        not_counted: name of each other kind of node to how many there are.
    """

    products: int = 0
    others: int = 0
    not_counted: Counter[str] = field(default_factory=Counter)

    def add(self, more: Operations, times: int = 1) -> None:
        """Add those of another input, which is looked at `times` times."""
        self.products += times * more.products
        self.others += times * more.others
        self.not_counted.update({name: times * count for name, count in more.not_counted.items()})


@dataclass(frozen=True, slots=True)
class Node:
    """A node that ran: its kind, and the shapes of what it took and gave, in their order."""

    kind: str
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]


def operations_of(model: bytes, feed: Mapping[str, np.ndarray]) -> Operations:
    """Count one run of a network.

    Args:
        model: the .onnx file. feed: an array for each input, by name.
    Raises:
        WebimlError: onnxruntime cannot run it.
    """
    return count(nodes_of(model, feed))


def count(nodes: Iterable[Node]) -> Operations:
    """Count the operations of nodes that ran."""
    found = Operations()
    for node in nodes:
        products = _products(node)
        if products is not None:
            found.products += products
        elif node.kind in ELEMENTWISE:
            found.others += sum(map(math.prod, node.outputs))
        elif node.kind in REDUCTIONS:
            found.others += math.prod(node.inputs[0]) if node.inputs else 0
        elif node.kind not in NO_ARITHMETIC:
            found.not_counted[node.kind] += 1
    return found


def nodes_of(model: bytes, feed: Mapping[str, np.ndarray]) -> list[Node]:
    """Every node as it ran, none fused with another."""
    ort = onnxruntime()
    with TemporaryDirectory(prefix="webiml-") as folder:
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.enable_profiling, options.profile_file_prefix = True, str(Path(folder) / "profile")
        options.add_session_config_entry("session.disable_prepacking", "1")  # else weights are missing in the shapes
        options.log_severity_level = 3
        try:
            session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
            session.run(None, dict(feed))
            events: list[dict[str, Any]] = json.loads(Path(session.end_profiling()).read_bytes())
        except Exception as error:  # onnxruntime's own kinds, all directly below Exception
            words = " ".join(str(error).split())[:200]
            raise WebimlError(f"The operations of this network cannot be counted ({words}).") from None
    ran = (one for one in events if one.get("cat") == "Node" and str(one.get("name")).endswith("_kernel_time"))
    return [_node(one["args"]) for one in ran if "op_name" in one.get("args", {})]


def parameters_of(model: bytes) -> int:
    """How many numbers the weights of an .onnx file hold: all floating-point tensors in it but single numbers.

    Raises:
        WebimlError: it is no ONNX file.
    """
    total = 0
    try:
        for graph in _messages(model, 7):  # ModelProto.graph
            for tensor in _messages(graph, 5):  # GraphProto.initializer
                sizes, kind = _tensor(tensor)
                total += math.prod(sizes) if sizes and kind in _FLOATS else 0
    except (IndexError, ValueError):
        raise WebimlError("The network's file is no ONNX file.") from None
    return total


# ---------------------------------------------------------------- nodes


def _node(arguments: Mapping[str, Any]) -> Node:
    def shapes(name: str) -> tuple[Shape, ...]:
        return tuple(tuple(map(int, shape)) for one in arguments.get(name, ()) for shape in one.values())

    return Node(str(arguments["op_name"]), shapes("input_type_shape"), shapes("output_type_shape"))


def _products(node: Node) -> int | None:
    """Floating-point operations of a convolution or a matrix product; None for any other node."""
    if node.kind not in ("Conv", "ConvTranspose", "MatMul", "Gemm"):
        return None
    first, second, out = node.inputs[0], node.inputs[1], node.outputs[0]
    if node.kind == "Conv":  # weights: channels out, channels in a group, sides of the kernel
        return 2 * math.prod(out) * math.prod(second[1:])
    if node.kind == "ConvTranspose":  # weights: channels in, channels out a group, sides of the kernel
        return 2 * math.prod(first) * math.prod(second[1:])
    if node.kind == "Gemm":  # (M, K) or (K, M) times (K, N) or (N, K)
        return 2 * math.prod(out) * (math.prod(first) // out[0]) if out[0] else 0
    return 2 * math.prod(out) * first[-1]


# ---------------------------------------------------------------- the file: protocol buffers, as far as needed

_FLOATS = (1, 10, 11, 16)  # TensorProto.DataType: FLOAT, FLOAT16, DOUBLE, BFLOAT16


def _tensor(tensor: bytes) -> tuple[list[int], int]:
    """Sizes and number type of a TensorProto."""
    sizes, kind = [], 0
    for number, value in _fields(tensor):
        if number == 1 and isinstance(value, int):  # dims, one by one
            sizes.append(value)
        elif number == 1 and isinstance(value, bytes):  # dims, packed
            at = 0
            while at < len(value):
                size, at = _varint(value, at)
                sizes.append(size)
        elif number == 2 and isinstance(value, int):
            kind = value
    return sizes, kind


def _messages(data: bytes, wanted: int) -> Iterator[bytes]:
    return (value for number, value in _fields(data) if number == wanted and isinstance(value, bytes))


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of a message.

    Source: protocolbuffers/protobuf, the wire format: a field begins with its number and wire type, 0 for a number of
    varying length, 1 and 5 for eight and four bytes, 2 for a length and as many bytes. Field numbers: onnx/onnx.proto.
    """
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if tag & 7 not in (1, 2, 5):
            raise ValueError("no such wire type")
        length, at = _varint(data, at) if tag & 7 == 2 else ({1: 8, 5: 4}[tag & 7], at)
        if at + length > len(data):
            raise ValueError("it ends early")
        yield tag >> 3, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("a number is too long")
