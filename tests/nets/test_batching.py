"""One network for many threads: what waits at the same time runs together, and nobody gets another's answer."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import webiml
from webiml.errors import SettingError
from webiml.nets import weights
from webiml.nets.batching import Batched
from webiml.nets.gpu import CPU, CUDA, OPTIONS, gpu_providers

SHIPPED = Path(webiml.__file__).parent / "weights"


def model(nodes: list[onnx.NodeProto], shape: list[str | int], *constants: onnx.TensorProto) -> bytes:
    """A graph from `a` to `output`, both float32 of one shape."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("a", "output")]
    graph = helper.make_graph(nodes, "graph", ends[:1], ends[1:], list(constants))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return made.SerializeToString()


def counting_net(axis: str | int = "batch") -> bytes:
    """output = 100 a + the size of the batch that the item ran in; (B, H)."""
    return model(
        [
            helper.make_node("Shape", ["a"], ["size"], end=1),
            helper.make_node("Cast", ["size"], ["count"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["a", "hundred"], ["much"]),
            helper.make_node("Add", ["much", "count"], ["output"]),
        ],
        [axis, "height"],
        helper.make_tensor("hundred", TensorProto.FLOAT, [1], [100.0]),
    )


def table_net() -> bytes:
    """output = the place `a` of (10, 20, 30); it fails on another place. (B, 1)."""
    return model(
        [
            helper.make_node("Cast", ["a"], ["place"], to=TensorProto.INT64),
            helper.make_node("Gather", ["table", "place"], ["output"]),
        ],
        ["batch", 1],
        helper.make_tensor("table", TensorProto.FLOAT, [3], [10.0, 20.0, 30.0]),
    )


@contextmanager
def busy(net: Batched) -> Iterator[Callable[[int], None]]:
    """The network is in use until the end; gives a function that waits until so many calls wait for it."""

    def wait_for(calls: int) -> None:
        end = time.monotonic() + 30
        while len(net._waiting) < calls:
            assert time.monotonic() < end, f"{len(net._waiting)} of {calls} calls came"
            time.sleep(0.001)

    net._running = True
    try:
        yield wait_for
    finally:
        with net._changed:
            net._running = False
            net._changed.notify_all()


def together(net: Batched, inputs: list[np.ndarray]) -> list[Future[np.ndarray]]:
    """What each of these calls gets, all of which came, in this order, while the network was in use."""
    with ThreadPoolExecutor(len(inputs)) as pool:
        with busy(net) as wait_for:
            found = []
            for one in inputs:
                found.append(pool.submit(net, one))
                wait_for(len(found))
        return found  # the pool waits for all of them


def rows(*values: float, height: int = 1) -> list[np.ndarray]:
    return [np.full((1, height), value, np.float32) for value in values]


def test_calls_that_wait_together_run_together_and_get_their_own_answers():
    found = together(Batched(counting_net(), 1, most=3), rows(1, 2, 3, 4, 5))
    assert [one.result().tolist() for one in found] == [[[103]], [[203]], [[303]], [[402]], [[502]]]


def test_other_shapes_wait_for_their_turn():
    inputs = rows(1) + rows(2, height=2) + rows(3) + rows(4, height=2)
    found = together(Batched(counting_net(), 1, most=8), inputs)
    assert [one.result().tolist() for one in found] == [[[102]], [[202, 202]], [[302]], [[402, 402]]]


def test_a_call_alone_waits_for_nobody_and_gets_the_same_bytes():
    values = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    assert np.array_equal(Batched(counting_net(), 1, most=8)(values), weights.Net(counting_net(), 1)(values))


def test_only_the_bad_one_of_a_batch_fails():
    found = together(Batched(table_net(), 1, most=8), rows(0, 7, 2))
    assert found[0].result().tolist() == [[10]] and found[2].result().tolist() == [[30]]
    with pytest.raises(Exception, match="Gather"):
        found[1].result()


def test_an_interrupt_of_one_thread_leaves_the_others_their_answers():
    class Interrupted(Batched):
        times = 0

        def _answer(self, calls):
            self.times += 1
            if self.times == 1:
                raise KeyboardInterrupt
            super()._answer(calls)

    found = together(Interrupted(counting_net(), 1, most=8), rows(1, 2, 3))
    wrong = [number for number, one in enumerate(found) if one.exception()]
    assert len(wrong) == 1 and isinstance(found[wrong[0]].exception(), KeyboardInterrupt)
    assert all(found[number].result() == 100 * (number + 1) + 3 for number in range(3) if number not in wrong)


def test_a_graph_for_one_item_alone_is_called_one_by_one():
    net = Batched(counting_net(axis=1), 1, most=8)
    with ThreadPoolExecutor(4) as pool:
        assert [one.tolist() for one in pool.map(net, rows(1, 2, 3, 4))] == [[[101]], [[201]], [[301]], [[401]]]


def test_no_call_is_lost_among_many_threads():
    net = Batched(counting_net(), 1, most=3)

    def ask(number: int) -> bool:
        height = 1 + number % 2
        found = net(np.full((1, height), number, np.float32))
        return found.shape == (1, height) and bool(np.all((found > 100 * number) & (found <= 100 * number + 3)))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(400), timeout=60))


SHAPES = {
    "pair_classifier": [(3, 256, 256)] * 3 + [(12, 32, 32), (28,), (7,)],
    "dass": [(15, 64, 48)],
    "corr_dino": [(24, 64, 48), (32, 8, 6)],
    "trunk": [(3, 64, 48)],
    "web_iml": [(64, 48, 3)],
}


@pytest.mark.parametrize("name", sorted(path.stem for path in SHIPPED.glob("*.onnx")))
def test_every_network_that_ships_takes_a_batch_and_answers_each_as_alone(name):
    net = Batched((SHIPPED / f"{name}.onnx").read_bytes(), 1, most=2)
    assert net.most == 2
    rng = np.random.default_rng(0)
    feed = {end: rng.random((2, *shape), np.float32) for end, shape in zip(net.inputs, SHAPES[name], strict=True)}
    if name == "web_iml":
        feed = {end: (values * 256).astype(np.uint8) for end, values in feed.items()}
    both = net.all(**feed)
    for item in range(2):
        alone = net.all(**{end: values[item : item + 1] for end, values in feed.items()})
        for end, values in alone.items():
            np.testing.assert_allclose(both[end][item : item + 1], values, rtol=1e-5, atol=1e-5)


@pytest.fixture
def batches() -> Iterator[None]:
    yield
    weights.use_batches(1)


def test_networks_are_loaded_for_many_threads_when_asked_for(batches):
    plain = weights.load("trunk", None, 1)
    weights.use_batches(4)
    with ThreadPoolExecutor(4) as pool:
        nets = set(pool.map(lambda _: weights.load("trunk", None, 1), range(4)))
    (net,) = nets
    assert isinstance(net, Batched) and net.most == 4 and not isinstance(plain, Batched)
    weights.use_batches(1)
    assert weights.load("trunk", None, 1) is plain


def test_a_process_that_was_given_a_gpu_runs_networks_on_it_with_the_cpu_behind():
    assert gpu_providers(["TensorrtExecutionProvider", CUDA, CPU], "2") == [(CUDA, OPTIONS), CPU]
    assert gpu_providers([CUDA, CPU], "GPU-8932f937,1")[0] == (CUDA, OPTIONS)


@pytest.mark.parametrize(
    ("available", "visible", "words"),
    [
        ([CUDA, CPU], None, "names none for this worker"),
        ([CUDA, CPU], "", "names none for this worker"),
        ([CUDA, CPU], "-1", "names none for this worker"),
        (["AzureExecutionProvider", CPU], "0", "pip uninstall onnxruntime, then pip install"),
    ],
    ids=["not-set", "none", "hidden", "onnxruntime-without"],
)
def test_a_gpu_that_cannot_be_used_is_one_sentence(available, visible, words):
    with pytest.raises(SettingError, match=words):
        gpu_providers(available, visible)


@pytest.mark.skipif(CUDA in weights.onnxruntime().get_available_providers(), reason="this onnxruntime can use a GPU")
def test_the_cpu_never_stands_in_for_a_gpu_in_silence(monkeypatch):
    monkeypatch.setitem(os.environ, "CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(SettingError, match="onnxruntime can use none"):
        weights.use_gpu()
    assert weights.load("trunk", None, 1)._session.get_providers() == [CPU]
    with pytest.warns(UserWarning, match=CUDA), pytest.raises(SettingError, match="no CUDA or cuDNN that fits"):
        weights.Net(counting_net(), 1, gpu_providers([CUDA], "0"))
