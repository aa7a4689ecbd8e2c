"""A real cluster of two workers on this machine, which all of these tests share."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from ray_work import Upper, Words
from tests.ray_cluster import local_cluster

from webiml.errors import OutputError, SettingError, WebimlError
from webiml.runners import on_ray, ray_cluster
from webiml.runners.on_ray import Event, run_on_ray
from webiml.settings.runner import RunnerSettings

ON_RAY = RunnerSettings(runner="ray")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[str]:
    with local_cluster(Path(__file__).parent) as address:
        yield address


def same(shard: Words, results: list[str], why: str) -> Words:
    return shard


def do(
    work: Upper,
    shards: Iterable[Words],
    workers: int = 2,
    again: Callable[[Words, list[str], str], Words] = same,
    settings: RunnerSettings = ON_RAY,
) -> list[Event[Words, str]]:
    return list(run_on_ray(work, shards, settings, workers, again))


def words(number: int, *given: str) -> Words:
    return Words(number, given or tuple(f"word{number}{letter}" for letter in "abc"))


def notes(folder: Path) -> list[tuple[int, str]]:
    """What the work wrote down: process, what."""
    lines = (folder / "notes").read_text().splitlines()
    return [(int(line.split(" ", 1)[0]), line.split(" ", 1)[1]) for line in lines]


def written(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.glob("*.txt")}


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_every_shard_is_done_once_in_workers_that_start_once(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:5")
    shards = [words(number) for number in range(5)] + [words(5, "keys", "slow"), words(6)]
    events = do(Upper(tmp_path), shards)
    for shard in shards:
        of = [event for event in events if event.shard == shard]
        assert [event.result for event in of] == [*(word.upper() for word in shard.words), None]
        assert [event.done for event in of] == [*(False for _ in shard.words), True]
    assert written(tmp_path) == {f"{shard.number}.txt": " ".join(shard.words) for shard in shards}
    starts = [process for process, what in notes(tmp_path) if what == "start"]
    assert 1 <= len(starts) == len(set(starts)) <= 2
    assert "keys http://127.0.0.1:5" in [what for _, what in notes(tmp_path)]  # the worker reaches what we reach


def test_a_worker_that_is_killed_costs_its_shard(tmp_path):
    shards = [words(0, "first", *["slow"] * 4), *map(words, range(1, 6))]
    events: list[Event[Words, str]] = []
    with closing(run_on_ray(Upper(tmp_path), shards, ON_RAY, 2, same)) as run:
        for event in run:
            events.append(event)
            if event.result == "FIRST" and not any(one.lost for one in events):
                os.kill(next(process for process, what in notes(tmp_path) if what == "first"), signal.SIGKILL)
    begun = Counter(what for _, what in notes(tmp_path) if what.startswith("shard"))
    assert begun == {"shard 0": 2, **{f"shard {number}": 1 for number in range(1, 6)}}
    (lost,) = (event for event in events if event.lost)
    results = [event.result for event in events if event.shard.number == 0 and event.result]
    assert lost.shard.number == 0 and lost.lost == len(results) - 5 >= 1
    assert len(written(tmp_path)) == 6 and sum(event.done for event in events) == 6


def test_what_kills_is_known_from_the_second_time_on(tmp_path):
    asked: list[tuple[list[str], str]] = []

    def again(shard: Words, results: list[str], why: str) -> Words:
        asked.append((results, why))
        if len(asked) < 2:
            return shard
        return replace(shard, words=tuple("spared" if word == "kill" else word for word in shard.words))

    events = do(Upper(tmp_path), [words(0, "a", "b", "kill", "c")], 1, again)
    assert asked[1] == (["A", "B"], "its process died")
    assert [event.result for event in events][-5:] == ["A", "B", "SPARED", "C", None]
    assert sum(event.lost for event in events) == sum(len(results) for results, _ in asked)


def test_a_shard_that_kills_whatever_is_done_ends_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(on_ray, "MAX_DEATHS", 0)
    with pytest.raises(WebimlError, match="died 1 times at the same place"):
        do(Upper(tmp_path), [words(0, "kill")], 1)


def test_output_that_cannot_be_written_is_tried_three_times(tmp_path, monkeypatch):
    monkeypatch.setattr(on_ray, "PAUSES", (0.0, 0.0))
    events = do(Upper(tmp_path), [words(0, "written late")], 1)
    assert [event.lost for event in events if event.lost] == [1] and events[-1].done
    with pytest.raises(OutputError, match="The disk is full"):
        do(Upper(tmp_path), [words(1, "never written")], 1)
    assert [what for _, what in notes(tmp_path) if what.startswith("shard")] == ["shard 0"] * 2 + ["shard 1"] * 3


def test_what_the_work_raises_comes_here(tmp_path):
    with pytest.raises(RuntimeError, match="Unsendable"):
        do(Upper(tmp_path), [words(0, "raise")], 1)
    with pytest.raises(SettingError, match="There is no network here"):
        do(Upper(tmp_path, "start refuses"), [words(0)], 1)


def test_workers_that_die_at_the_start_end_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(on_ray, "MAX_FAILED_STARTS", 1)
    with pytest.raises(WebimlError, match="cannot start"):
        do(Upper(tmp_path, "start dies"), [words(0)], 1)


def test_shards_are_taken_as_they_are_needed_and_the_end_of_the_run_ends_the_workers(tmp_path):
    taken: list[int] = []

    def endless() -> Iterator[Words]:
        while True:
            taken.append(len(taken))
            yield words(taken[-1], "slow", "slow", "slow", "slow")

    with closing(run_on_ray(Upper(tmp_path), endless(), ON_RAY, 2, same)) as run:
        done = 0
        for event in run:
            done += event.done
            assert len(taken) <= done + 2 * 2
            if event.done:
                time.sleep(0.3)  # a caller who is slow
            if done == 3:
                break
    processes = {process for process, _ in notes(tmp_path)}
    end = time.monotonic() + 10
    while any(map(alive, processes)):
        assert time.monotonic() < end, "a worker outlives the run"
        time.sleep(0.05)
    begun, left = (
        Counter(what for _, what in notes(tmp_path) if what.startswith(f"{word} ")) for word in ("shard", "left")
    )
    assert begun.total() == left.total()  # what was begun was cleared up


def test_workers_share_a_gpu(tmp_path):
    settings = RunnerSettings(runner="ray", worker_cpus=0.5, worker_gpus=0.5)
    do(Upper(tmp_path), [words(number, "cuda", *["slow"] * 5) for number in range(4)], 0, settings=settings)
    assert {what for _, what in notes(tmp_path) if what.startswith("cuda ")} == {"cuda 0"}
    assert len({process for process, _ in notes(tmp_path)}) == 2  # as many as there is room for


@pytest.mark.parametrize("more", [{"worker_gpus": 2}, {"worker_cpus": 64}], ids=["gpus", "cores"])
def test_more_than_the_cluster_has_is_refused_at_once(tmp_path, more):
    with pytest.raises(SettingError, match="at most 2 cores and 1 GPUs"):
        do(Upper(tmp_path), [words(0)], 1, settings=RunnerSettings(runner="ray", **more))


def test_what_the_machines_lack_is_said(tmp_path, monkeypatch):
    (tmp_path / "only_here.py").write_text("from ray_work import Upper\nclass Here(Upper):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    import only_here  # type: ignore[import-not-found]

    with pytest.raises(SettingError, match=r"No module named 'only_here'.*: install webiml"):
        do(only_here.Here(tmp_path), [words(0)], 1)
    monkeypatch.setattr(on_ray, "__version__", "0.0.1")
    with pytest.raises(SettingError, match=r"and this one 0\.0\.1"):
        do(Upper(tmp_path), [words(0)], 1)


def test_without_ray_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingError, match=r'pip install "webiml\[ray\]"'):
        do(Upper(tmp_path), [words(0)], 1)


def test_a_head_that_does_not_answer_is_refused_at_once():
    with pytest.raises(SettingError, match=r"No Ray cluster answers at ray://127\.0\.0\.1:1 "):
        ray_cluster._refuse_silent("ray://127.0.0.1:1")


def test_no_shards_need_no_worker(tmp_path):
    assert do(Upper(tmp_path), []) == []
    assert not (tmp_path / "notes").exists()
