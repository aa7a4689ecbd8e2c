"""Checkpoints: what goes in comes out, equal bytes for equal content, and nothing that does not fit is taken."""

import json
import pickle
import subprocess
import sys
import time

import pytest
import torch

from webiml.errors import OutputError, SettingError
from webiml.train.checkpoint import circumstances, load_tensors, read_facts, read_notes, save_checkpoint

TENSORS = {
    "weight": torch.arange(6.0).reshape(2, 3).T,  # not contiguous
    "half": torch.tensor([1.5], dtype=torch.float16),
    "brain": torch.tensor([2.5], dtype=torch.bfloat16),
    "count": torch.tensor(7),
    "mask": torch.tensor([True, False]),
}


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, TENSORS, {"step": 3, "name": "é"}, {"seconds": 1.5})
    return path


def test_what_goes_in_comes_out(saved):
    into = {name: torch.zeros_like(tensor) for name, tensor in TENSORS.items()}
    load_tensors(saved, into)
    assert all(torch.equal(into[name], tensor) for name, tensor in TENSORS.items())
    assert read_facts(saved) == {"step": 3, "name": "é"}
    assert read_notes(saved) == {"step": 3, "name": "é", "seconds": 1.5}


def test_equal_content_gives_equal_bytes(saved, tmp_path):
    other = tmp_path / "b.safetensors"
    save_checkpoint(other, dict(reversed(TENSORS.items())), {"name": "é", "step": 3}, {"seconds": 9})
    assert saved.read_bytes() == other.read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weight": None}, "has weight, which is unknown here"),
        ({"more": torch.zeros(1)}, "it lacks more"),
        ({"weight": torch.zeros(2, 3)}, "weight is F32 3x2, not F32 2x3"),
        ({"count": torch.tensor(7.0)}, "count is I64 one number, not F32 one number"),
        ({"weight": torch.zeros(2, 3), "more": torch.zeros(1)}, "and 1 more such differences"),
    ],
    ids=["unknown", "lacking", "shape", "type", "two"],
)
def test_what_differs_is_named_and_nothing_is_loaded(saved, change, words):
    wanted = {name: torch.zeros_like(tensor) for name, tensor in TENSORS.items()} | change
    into = {name: tensor for name, tensor in wanted.items() if tensor is not None}
    before = {name: tensor.clone() for name, tensor in into.items()}
    with pytest.raises(SettingError, match=words):
        load_tensors(saved, into)
    assert all(torch.equal(into[name], tensor) for name, tensor in before.items())


class _Bomb:
    def __reduce__(self):
        return (pytest.fail, ("it was unpickled",))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 8,  # a header of 2^64 - 1 bytes
        (10**9).to_bytes(8, "little") + b"{}",
        b"\x02\0\0\0\0\0\0\0{}",  # readable, without our facts
        pickle.dumps(_Bomb()),
    ],
    ids=["empty", "endless-header", "long-header", "foreign", "pickle"],
)
def test_what_is_no_checkpoint_is_refused_in_a_sentence(data, tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(data)
    with pytest.raises(SettingError, match=r"a\.safetensors"):
        read_facts(path)


def test_a_missing_or_cut_checkpoint_is_refused(saved, tmp_path):
    with pytest.raises(SettingError, match="There is no checkpoint"):
        read_facts(tmp_path / "none.safetensors")
    saved.write_bytes(saved.read_bytes()[:-1])
    with pytest.raises(SettingError, match="cannot be read"):
        load_tensors(saved, TENSORS)


SWAP = """
import itertools, os, shutil, sys
for turn in itertools.count():
    shutil.copy(sys.argv[1 + turn % 2], sys.argv[3] + ".new")
    os.replace(sys.argv[3] + ".new", sys.argv[3])
"""


def test_facts_are_read_while_a_training_replaces_the_file(tmp_path):
    short, long, last = (tmp_path / f"{name}.safetensors" for name in ("short", "long", "last"))
    save_checkpoint(short, {"a": torch.zeros(9)}, {"step": 1}, {})
    save_checkpoint(long, {"a": torch.zeros(9)}, {"step": 2, "data": "x" * 400}, {})
    last.write_bytes(short.read_bytes())
    with subprocess.Popen([sys.executable, "-S", "-c", SWAP, str(short), str(long), str(last)]) as swapping:
        try:
            limit, steps, read = time.monotonic() + 60, set(), 0
            while (len(steps) < 2 or read < 3000) and time.monotonic() < limit:
                steps.add(read_facts(last)["step"])
                read += 1
        finally:
            swapping.kill()
    assert steps == {1, 2}


def test_it_needs_no_notes(saved):
    saved.with_suffix(".json").write_text("[")
    assert read_notes(saved) == {}


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        save_checkpoint(tmp_path / "file" / "a.safetensors", TENSORS, {}, {})


def test_circumstances_go_into_json():
    assert json.loads(json.dumps(circumstances()))["torch"] == torch.__version__
