"""The one training loop: AdamW on the loss of a task, a moving average of the weights, validation, exact resume.

    OUT/last.safetensors   network, average, optimizer and step: where the same command goes on
    OUT/best.safetensors   the averaged weights that scored best; what `webiml export` ships
    OUT/log.jsonl, tensorboard/, pictures/

Sample number `step * batch + j` is a pure function of the seed, and every step draws from a seed of its own. So there
is no state of random numbers or of a data loader, and a run that was killed goes on as if it had not been.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from webiml.errors import SettingError, WebimlError
from webiml.runners.progress import Progress
from webiml.settings import TrainRun, TrainSettings
from webiml.store.atomic import sweep
from webiml.store.lock import only_writer
from webiml.train.batches import batches
from webiml.train.checkpoint import circumstances, load_tensors, read_facts, read_notes, save_checkpoint
from webiml.train.distributed import process_group
from webiml.train.interrupts import signals_noted
from webiml.train.optimizer import adamw, follow, learning_rate, precision, tensors_of
from webiml.train.record import Record

_DEFAULT_RUN = TrainRun()


class Task(Protocol):
    """What one network learns."""

    @property
    def net(self) -> nn.Module:
        """What learns; its first weights are drawn from the seed."""
        ...

    def sample(self, index: int) -> dict[str, np.ndarray]:
        """One sample, without the leading axis of the batch; a pure function of (seed, index), and `net` is None."""
        ...

    def loss(self, net: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """`total` and its parts, means over the samples. `net` is called, nothing else of it is used."""
        ...

    def validate(self, net: nn.Module) -> tuple[dict[str, float], np.ndarray | None]:
        """Scores, `score` the one by which the best weights are kept (higher is better); (H, W, 3) uint8 to look at."""
        ...


@dataclass(slots=True)
class Outcome:
    """How far a training came, in all and in this call."""

    step: int = 0
    stopped: str = ""  # why it stopped before its end: signal, minutes
    best: dict[str, float] = field(default_factory=dict)  # scores of best.safetensors, and their step
    seconds: float = 0.0  # of all calls
    step_seconds: list[float] = field(default_factory=list)
    validation_seconds: list[float] = field(default_factory=list)


def train(
    task: Task, settings: TrainSettings, out: Path, run: TrainRun = _DEFAULT_RUN, about: Mapping[str, Any] | None = None
) -> Outcome:
    """Train `task.net`, or go on where an earlier call with the same `out` stopped.

    Args:
        about: further facts that decide the result, as JSON: name of the task, fingerprint of its data.
    Raises:
        SettingError: `out` holds another training, or a setting does not fit; nothing has been done.
        OutputError: the output cannot be written; the same call goes on.
        WebimlError: the loss is not finite; the last checkpoint stays.
        KeyboardInterrupt: SIGINT or SIGTERM came; the checkpoint has been written.
    """
    identity = {**(about or {}), "settings": asdict(settings), "settings_hash": settings.digest()}
    last, begun, result = out / "last.safetensors", time.monotonic(), Outcome()
    with ExitStack() as stack:
        torch.set_flush_denormal(True)  # numbers next to nothing, of which a trained network is full, slow a core down
        stack.callback(torch.set_flush_denormal, False)
        place = stack.enter_context(process_group(run.device))
        stop = stack.enter_context(signals_noted())
        if place.rank == 0:
            stack.enter_context(only_writer(out, ".lock"))
            sweep(out)

        # What learns
        net = task.net.to(place.device).train()
        average = copy.deepcopy(net).eval().requires_grad_(False)
        optimizer = adamw(net, settings)
        dtype, scaler = precision(place.device)
        state = tensors_of(net, average, optimizer)
        sums: dict[str, float] = {}  # of the losses since the last line of the log
        waits: list[float] = []  # seconds for samples, since then in this call

        # Where an earlier call stopped
        if last.exists():
            facts = read_facts(last)
            _refuse_other(facts, identity, out)
            load_tensors(last, state)
            result.step, result.best, sums = facts["step"], facts["best"], facts["sums"]
            scaler.load_state_dict(facts["scaler"])
            result.seconds = float(read_notes(last).get("seconds", 0))
        before, saved = result.seconds, time.monotonic()

        def save() -> None:
            result.seconds = before + time.monotonic() - begun
            facts = {**identity, "step": result.step, "best": result.best, "sums": sums, "scaler": scaler.state_dict()}
            save_checkpoint(last, state, facts, {**circumstances(), "seconds": result.seconds})

        model = place.wrap(net)
        record = stack.enter_context(Record(out, result.step)) if place.rank == 0 else None
        quiet = run.quiet or place.rank > 0
        progress = stack.enter_context(Progress("train", settings.steps, result.step, quiet=quiet))
        if 0 < result.step < settings.steps:
            progress.say(f"goes on at step {result.step:,} of {settings.steps:,}")
        feed = stack.enter_context(batches(task, settings, run, place, result.step))

        while result.step < settings.steps and not result.stopped:
            clock = time.monotonic()
            batch = {name: tensor.to(place.device, non_blocking=True) for name, tensor in next(feed).items()}
            waited = time.monotonic() - clock

            # Learn
            torch.manual_seed(_seed(settings.seed, result.step, place.rank))
            rate = learning_rate(settings, result.step)
            for group in optimizer.param_groups:
                group["lr"] = rate * group["pace"]
            with torch.autocast(place.device.type, dtype, enabled=dtype != torch.float32):
                losses = task.loss(model, batch)
            scaler.scale(losses["total"]).backward()
            scaler.unscale_(optimizer)
            norm = nn.utils.clip_grad_norm_(net.parameters(), settings.clip or math.inf)
            late = run.minutes and time.monotonic() - begun > 60 * run.minutes
            *means, interrupted, late = place.mean(
                [*(float(value.detach()) for value in losses.values()), bool(stop), bool(late)]
            )
            values = dict(zip(losses, means, strict=True)) | {"gradient": float(norm)}
            if not math.isfinite(sum(means)) or not (scaler.is_enabled() or math.isfinite(values["gradient"])):
                raise WebimlError(_not_finite(result.step, values, last))
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad(set_to_none=True)
            result.step += 1
            follow(average, net, min(settings.ema, (1 + result.step) / (10 + result.step)))
            result.step_seconds.append(time.monotonic() - clock)

            # Say and save
            sums = {name: sums.get(name, 0.0) + value for name, value in {**values, "steps": 1.0}.items()}
            waits.append(waited)
            progress.update(result.step, f"loss {values['total']:.4f}")
            if record and (result.step % run.log_every == 0 or result.step == settings.steps):
                steps = sums.pop("steps")
                timing = {"seconds": result.step_seconds[-len(waits) :], "waited": waits}
                timing = {name: round(sum(times) / len(times), 4) for name, times in timing.items()}
                record.add(result.step, "loss", {name: sum_ / steps for name, sum_ in sums.items()}, lr=rate, **timing)
                sums, waits = {}, []
            if record and (result.step % run.validate_every == 0 or result.step == settings.steps):
                clock = time.monotonic()
                torch.manual_seed(_seed(settings.seed, result.step, -1))
                with torch.no_grad():
                    scores, picture = task.validate(average)
                result.validation_seconds.append(time.monotonic() - clock)
                record.add(result.step, "validation", scores)
                if picture is not None:
                    record.add_picture(result.step, picture)
                progress.say(f"step {result.step:,}   " + "   ".join(f"{k} {v:.4f}" for k, v in scores.items()))
                if scores["score"] > result.best.get("score", -math.inf):
                    result.best = {**scores, "step": result.step}
                    facts = {**identity, "step": result.step, "scores": scores}
                    notes = {**circumstances(), "seconds": before + time.monotonic() - begun}
                    save_checkpoint(out / "best.safetensors", average.state_dict(), facts, notes)
            if result.step < settings.steps:
                result.stopped = "signal" if interrupted else "minutes" if late else ""
            due = time.monotonic() - saved >= 60 * run.checkpoint_minutes
            if record and (due or result.stopped or result.step == settings.steps):
                save()
                saved = time.monotonic()
        del model  # it holds the process group, which must be gone before Python ends
    if result.stopped == "signal":
        raise KeyboardInterrupt
    return result


def _seed(seed: int, step: int, rank: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{step}/{rank}".encode()).digest()[:8]) >> 1


def _refuse_other(facts: Mapping[str, Any], identity: Mapping[str, Any], out: Path) -> None:
    """A training that goes on with other settings or data would be neither the one nor the other."""
    there, here = ({**facts.get("settings", {})}, {**identity["settings"]})
    for name in identity.keys() - {"settings", "settings_hash"}:
        there[name], here[name] = facts.get(name), json.loads(json.dumps(identity[name]))
    differing = sorted(name for name in {*there, *here} if there.get(name) != here.get(name))
    if differing:
        words = ", ".join(differing)
        raise SettingError(f"{out} holds a training with another {words}; give another --out, or go on as it began.")


def _not_finite(step: int, values: Mapping[str, float], last: Path) -> str:
    names = ", ".join(name for name, value in values.items() if not math.isfinite(value))
    kept = f"{last} holds an earlier step" if last.exists() else "no checkpoint had been written"
    return f"At step {step:,} {names} is not finite. Train again with a lower --lr; {kept}."
