"""Changes to a traced ONNX graph that leave its answers as they are: padding within convolutions, weights in half."""

from __future__ import annotations

from typing import Any

import numpy as np

_HALVED = 256  # numbers a weight must have to be stored in half: the small ones are not worth a node each


def fold_padding(model: Any) -> None:
    """Make zeros that are laid around the input of a convolution alone part of the convolution, in place.

    torch pads both sides of an axis alike or not in the convolution; a runtime need not, and saves writing the padded
    map (5 % of the time of the localizer that ships).
    """
    graph = model.graph
    takers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            takers.setdefault(name, []).append(node)
    for pad in [node for node in graph.node if node.op_type == "Pad"]:
        mode = next((attribute.s for attribute in pad.attribute if attribute.name == "mode"), b"constant")
        readers = takers.get(pad.output[0], [])  # none where it is what the network gives
        if mode != b"constant" or [one.op_type for one in readers] != ["Conv"] or not _is_zero(pad, graph):
            continue
        (conv,), widths = readers, _constant(pad.input[1], graph)
        if widths is None or np.any(widths < 0) or np.any(widths.reshape(2, -1)[:, :2]):
            continue  # it crops, or pads batch or channels, which no convolution does
        pads = next(attribute for attribute in conv.attribute if attribute.name == "pads")
        pads.ints[:] = [int(one) for one in np.array(pads.ints) + widths.reshape(2, -1)[:, 2:].ravel()]
        conv.input[0] = pad.input[0]
        graph.node.remove(pad)
    _drop_unused(graph)


def halve(model: Any) -> None:
    """Store the large weights as float16, each behind a Cast back to float32, which onnxruntime does once at load."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < _HALVED:
            continue
        name, values = weight.name, numpy_helper.to_array(weight)
        if np.abs(values).max() > np.finfo(np.float16).max:
            continue
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT, name=f"{name}.cast"))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _is_zero(pad: Any, graph: Any) -> bool:
    if len(pad.input) < 3 or not pad.input[2]:
        return True
    value = _constant(pad.input[2], graph)
    return value is not None and not value.any()


def _constant(name: str, graph: Any) -> np.ndarray | None:
    """What a name of the graph stands for where it follows from constants alone; None where it does not."""
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    makers = {output: index for index, node in enumerate(graph.node) for output in node.output}
    needed, wanted = set[int](), [name]
    while wanted:
        index = makers.get(wanted.pop())
        if index is None:
            return None  # an input of the network, or a weight
        needed.add(index)
        wanted += [one for one in graph.node[index].input if one]
    output = helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None)
    part = helper.make_graph([graph.node[index] for index in sorted(needed)], "constant", [], [output])
    (value,) = ReferenceEvaluator(helper.make_model(part)).run(None, {})
    return np.asarray(value)


def _drop_unused(graph: Any) -> None:
    """Take out nodes that nothing uses any more."""
    while True:
        used = {name for node in graph.node for name in node.input} | {one.name for one in graph.output}
        unused = [node for node in graph.node if not used & set(node.output)]
        if not unused:
            return
        for node in unused:
            graph.node.remove(node)
