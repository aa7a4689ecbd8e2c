from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import worker_functions as work

from webiml.runners.local import Crashed, run_ordered

LINUX = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks at processes through /proc")


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_items_though_the_first_is_slowest(workers):
    assert list(run_ordered(work.square_late_first, range(12), workers)) == [(n, n * n) for n in range(12)]


def test_no_items_no_processes():
    assert list(run_ordered(work.square_late_first, [], 4)) == []


def test_each_worker_is_set_up_once_and_is_another_process():
    results = [result for _, result in run_ordered(work.state_and_process, range(8), 2, partial(work.start, "set up"))]
    assert all(not isinstance(result, Crashed) and result[0] == ("set up",) for result in results)
    processes = {result[1] for result in results if not isinstance(result, Crashed)}
    assert len(processes) <= 2 and os.getpid() not in processes


def test_a_slow_caller_holds_the_items_back():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    results = run_ordered(work.large_result, items(), 2)
    _, first = next(results)
    time.sleep(0.5)  # the workers could go far ahead meanwhile
    assert first == bytes(3_000_000) and len(taken) <= 7  # the window of 2 * 2 + 2, and the one that came out
    results.close()


def test_a_crash_costs_the_item_that_crashes_and_no_other():
    fates = ["", "", "kill", "", "exit", "raise", "", "lambda", ""]
    items = list(enumerate(fates))
    results = dict(run_ordered(work.die_on, items, 2))
    assert {item[0]: result for item, result in results.items() if not item[1]} == {n: n for n in (0, 1, 3, 6, 8)}
    assert [item for item in results] == items
    details = {item[1]: result.detail for item, result in results.items() if isinstance(result, Crashed)}
    assert details["kill"] == "its process was killed by SIGKILL, as when memory runs out"
    assert details["exit"] == "its process ended with exit code 7"
    assert details["raise"] == "ValueError: a bad item"
    assert "pickle" in details["lambda"].lower()


def test_an_item_whose_worker_dies_once_gets_another_try(tmp_path):
    items = [(0, ""), (1, str(tmp_path / "died once")), (2, "")]
    assert [result for _, result in run_ordered(work.die_on, items, 2)] == [0, 1, 2]


@LINUX
def test_the_second_try_has_nothing_beside_it(tmp_path):
    (tmp_path / "at work").mkdir()
    items = [(tmp_path / "at work", number) for number in range(6)]
    results = [result for _, result in run_ordered(work.count_together, items, 3)]
    assert isinstance(results[0], Crashed) and all(isinstance(result, int) for result in results[1:])
    assert (tmp_path / "saw-0").read_text() == "0"


def test_what_the_set_up_raises_is_raised_here():
    with pytest.raises(LookupError, match="no weights"):
        list(run_ordered(work.square_late_first, range(3), 2, work.refuse_to_start))


def test_workers_that_die_at_their_start_end_the_run_instead_of_every_item():
    with pytest.raises(RuntimeError, match="cannot start: its process ended with exit code 5"):
        list(run_ordered(work.square_late_first, range(3), 1, work.die_at_start))


@LINUX
def test_closing_early_and_an_exception_of_the_caller_leave_no_process():
    before = work.children(os.getpid())
    results = run_ordered(work.state_and_process, range(100), 2)
    next(results)
    assert len(work.children(os.getpid()) - before) >= 2
    results.close()
    tracker = work.children(os.getpid()) - before  # Python's own resource tracker stays for the life of the process
    assert len(tracker) <= 1
    with pytest.raises(KeyboardInterrupt):
        for _ in run_ordered(work.state_and_process, range(100), 2):
            raise KeyboardInterrupt
    assert work.children(os.getpid()) - before == tracker


@LINUX
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_parent_that_ends_leaves_no_process(how):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    with subprocess.Popen(
        [sys.executable, work.__file__],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
        start_new_session=True,
    ) as parent:
        try:
            assert wait_for(lambda: len(work.children(parent.pid)) >= 3)  # two workers and the resource tracker
            time.sleep(0.5)  # let them begin their work
            started = work.children(parent.pid)
            if how == signal.SIGINT:
                for worker in started:
                    os.kill(worker, how)
                time.sleep(0.3)
                assert work.children(parent.pid) == started  # they do not listen: the parent alone decides
                os.killpg(parent.pid, how)  # Ctrl-C reaches everyone
            else:
                parent.send_signal(how)
            _, errors = parent.communicate(timeout=20)
            assert wait_for(lambda: not any(work.alive(process) for process in started))
        finally:
            parent.kill()  # where an assertion has failed
    assert errors.count("Traceback") == (1 if how == signal.SIGINT else 0), errors  # only the parent's own


def wait_for(condition) -> bool:
    end = time.monotonic() + 15
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
