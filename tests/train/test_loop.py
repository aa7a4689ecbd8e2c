"""The loop: it learns, a kill costs nothing, two processes learn what one learns, and it stops in a sentence."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from webiml.errors import SettingError, WebimlError
from webiml.settings import TrainRun, TrainSettings
from webiml.train import batches
from webiml.train.checkpoint import read_facts, read_notes
from webiml.train.loop import train

HERE = Path(__file__).parent
SETTINGS = TrainSettings(steps=12, batch=4, warmup=2, size=32, lr=0.01)
RUN = TrainRun(device="cpu", validate_every=6, log_every=4, quiet=True)
ALONE = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE), "PYTHONWARNINGS": "error"}


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """Samples of 8 x 8 pixels need no processes of their own, each of which would take seconds to start."""
    monkeypatch.setattr(batches, "sample_workers", lambda run, place: run.workers)
    monkeypatch.syspath_prepend(HERE)


@pytest.fixture
def bright():
    import tiny_task

    return tiny_task.Bright


def curve(out: Path) -> list[dict]:
    """The lines of the log without what a clock says."""
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{name: line[name] for name in ("step", "loss", "validation", "lr") if name in line} for line in lines]


def program(out: Path, *words: object) -> list[str]:
    return [sys.executable, str(HERE / "tiny_task.py"), str(out), *map(str, words)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A training of 16 steps that nothing has disturbed."""
    out = tmp_path_factory.mktemp("whole")
    subprocess.run(program(out, 16, "norm", 0), check=True, env=ALONE, timeout=300)
    return out


def test_it_learns_and_leaves_what_it_says(bright, tmp_path):
    result = train(bright(), replace(SETTINGS, steps=60), tmp_path, RUN, {"task": "bright", "data": "d"})
    assert (result.step, result.stopped) == (60, "")
    lines = curve(tmp_path)
    losses = {line["step"]: line["loss"]["total"] for line in lines if "loss" in line}
    assert list(losses) == list(range(4, 61, 4))
    assert losses[60] < 0.7 * losses[4]
    assert [line["step"] for line in lines if "validation" in line] == list(range(6, 61, 6))

    facts, notes = read_facts(tmp_path / "best.safetensors"), read_notes(tmp_path / "best.safetensors")
    best = max((line for line in lines if "validation" in line), key=lambda line: line["validation"]["score"])
    assert facts["step"] == best["step"] == result.best["step"]
    assert facts["scores"] == best["validation"]
    assert (facts["task"], facts["data"], facts["settings"]["lr"]) == ("bright", "d", 0.01)
    assert notes["seconds"] > 0 and notes["torch"] == torch.__version__ and notes["hardware"]
    assert set(load_file(tmp_path / "best.safetensors")) == set(bright().net.state_dict())
    picture = cv2.imread(str(tmp_path / "pictures" / "0000060.png"))
    assert picture is not None and picture.shape == (8, 8, 3) and set(np.unique(picture)) <= {0, 255}
    assert list((tmp_path / "tensorboard").iterdir())


def test_the_average_follows_with_the_usual_warm_up(bright, tmp_path):
    task = bright()
    first = {name: tensor.clone() for name, tensor in task.net.state_dict().items()}
    train(task, replace(SETTINGS, steps=1, warmup=0), tmp_path, RUN)
    state = load_file(tmp_path / "last.safetensors")
    for name in ("0.weight", "1.running_mean"):  # a weight, a buffer: decay min(0.999, 2 / 11) after one step
        want = first[name] * 2 / 11 + state[f"net.{name}"] * 9 / 11
        assert torch.allclose(state[f"average.{name}"], want, atol=1e-7)
        assert not torch.equal(state[f"net.{name}"], first[name])
    assert state["average.1.num_batches_tracked"] == state["net.1.num_batches_tracked"] == 1


@pytest.mark.parametrize("after", [2, 9])
def test_a_killed_run_goes_on_as_if_it_had_not_been(after, whole, tmp_path):
    cut = tmp_path / "cut"
    with subprocess.Popen(program(cut, 16, "norm", 0.1), env=ALONE) as process:
        limit = time.monotonic() + 120
        while time.monotonic() < limit and process.poll() is None:
            if (cut / "last.safetensors").exists() and read_facts(cut / "last.safetensors")["step"] >= after:
                break
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert after <= read_facts(cut / "last.safetensors")["step"] < 16
    subprocess.run(program(cut, 16, "norm", 0), check=True, env=ALONE, timeout=300)
    assert curve(cut) == curve(whole)
    for name in ("last", "best"):
        assert (cut / f"{name}.safetensors").read_bytes() == (whole / f"{name}.safetensors").read_bytes()
    assert (cut / "pictures" / "0000016.png").read_bytes() == (whole / "pictures" / "0000016.png").read_bytes()


def test_two_processes_learn_what_one_learns(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    subprocess.run(program(one, 8, "plain", 0), check=True, env=ALONE, timeout=300)
    torchrun = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = ALONE | {"PYTHONWARNINGS": "ignore"}
    subprocess.run([*torchrun, *program(two, 8, "plain", 0)[1:]], check=True, env=environment, timeout=300)
    losses = [[line["loss"]["total"] for line in curve(out) if "loss" in line] for out in (one, two)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    states = [load_file(out / "last.safetensors") for out in (one, two)]
    assert states[0].keys() == states[1].keys()
    # AdamW turns a rounding error of a gradient near 0 into a step of its own: compare against the way that was gone
    for name, tensor in states[0].items():
        assert torch.allclose(tensor, states[1][name], atol=1e-4, rtol=1e-3), name


def test_other_settings_or_data_are_refused_by_name(bright, tmp_path):
    train(bright(), SETTINGS, tmp_path, RUN, {"data": "d"})
    before = (tmp_path / "last.safetensors").read_bytes()
    with pytest.raises(SettingError, match="training with another batch, lr;"):
        train(bright(), replace(SETTINGS, lr=0.1, batch=8), tmp_path, RUN, {"data": "d"})
    with pytest.raises(SettingError, match="training with another data;"):
        train(bright(), SETTINGS, tmp_path, RUN, {"data": "e"})
    assert (tmp_path / "last.safetensors").read_bytes() == before
    assert train(bright(), SETTINGS, tmp_path, RUN, {"data": "d"}).step_seconds == []  # finished: nothing to do


def test_a_loss_that_is_not_finite_ends_it_and_keeps_the_checkpoint(bright, tmp_path):
    with pytest.raises(WebimlError, match=r"At step 7 total, entropy, gradient is not finite.*earlier step"):
        train(bright(nan_at=30), SETTINGS, tmp_path, replace(RUN, checkpoint_minutes=0))
    state = load_file(tmp_path / "last.safetensors")
    assert read_facts(tmp_path / "last.safetensors")["step"] == 7
    assert all(tensor.isfinite().all() for tensor in state.values())


def test_a_limit_of_minutes_stops_and_the_same_call_goes_on(bright, tmp_path):
    limited = replace(RUN, minutes=0.1 / 60)
    result = train(bright(pause=0.02), SETTINGS, tmp_path / "a", limited)
    assert result.stopped == "minutes" and 0 < result.step < 12
    assert train(bright(), SETTINGS, tmp_path / "a", RUN).step == 12
    train(bright(), SETTINGS, tmp_path / "b", RUN)
    assert curve(tmp_path / "a") == curve(tmp_path / "b")


def test_an_interrupt_writes_a_checkpoint_first(bright, tmp_path):
    task = bright()
    sample = task.sample

    class Interrupted(bright):
        def sample(self, index):
            if index == 20:
                signal.raise_signal(signal.SIGINT)
            return sample(index)

    with pytest.raises(KeyboardInterrupt):
        train(Interrupted(), SETTINGS, tmp_path, RUN)
    assert read_facts(tmp_path / "last.safetensors")["step"] == 6  # the step of samples 20 to 23 ended whole
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_writer_is_refused(bright, tmp_path):
    with subprocess.Popen(program(tmp_path, 10**6, "plain", 0), env=ALONE) as process:
        try:
            limit = time.monotonic() + 120
            while not (tmp_path / "last.safetensors").exists() and time.monotonic() < limit:
                time.sleep(0.05)
            with pytest.raises(SettingError, match="Another run is writing"):
                train(bright(), SETTINGS, tmp_path, RUN)
        finally:
            process.kill()


def test_samples_of_other_processes_are_the_same(bright, tmp_path):
    train(bright(), SETTINGS, tmp_path / "none", RUN)
    train(bright(), SETTINGS, tmp_path / "two", replace(RUN, workers=2))
    assert curve(tmp_path / "none") == curve(tmp_path / "two")


def test_an_error_of_a_sample_stays_one_sentence(bright, tmp_path):
    import tiny_task

    for workers in (0, 1):
        with pytest.raises(SettingError, match=r"^a sentence\.$"):
            train(tiny_task.Unwilling(), SETTINGS, tmp_path / str(workers), replace(RUN, workers=workers))


def test_cuda_is_refused_where_there_is_none(bright, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(SettingError, match="no CUDA device"):
        train(bright(), SETTINGS, tmp_path, replace(RUN, device="cuda"))


def test_cuda_learns_in_half_precision_what_the_processor_learns(bright, tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    losses = []
    for device in ("cpu", "cuda"):
        train(bright(norm=False), SETTINGS, tmp_path / device, replace(RUN, device=device))
        losses.append([line["loss"]["total"] for line in curve(tmp_path / device) if "loss" in line])
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert all(map(math.isfinite, losses[1]))


def test_a_full_disk_is_an_output_error_and_leaves_nothing_half_written(whole, tmp_path):
    resource = pytest.importorskip("resource")
    size = (whole / "last.safetensors").stat().st_size

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, size - 1))

    run = program(tmp_path, 16, "norm", 0)
    done = subprocess.run(run, env=ALONE, preexec_fn=small_files, timeout=300, capture_output=True, text=True)
    assert "OutputError: Cannot write" in done.stderr.splitlines()[-1]
    assert "last.safetensors" in done.stderr.splitlines()[-1]
    assert not list(tmp_path.glob(".*webiml-tmp")) and not list(tmp_path.glob("last*"))
