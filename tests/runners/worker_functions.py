"""What the tests let workers do: at the top level of a module, so that it can be sent to another process."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from webiml.runners.local import run_ordered

state: list[str] = []


def start(word: str) -> None:
    state.append(word)


def state_and_process(item: int) -> tuple[tuple[str, ...], int]:
    return tuple(state), os.getpid()


def square_late_first(item: int) -> int:
    time.sleep(0.3 if item == 0 else 0)
    return item * item


def large_result(item: int) -> bytes:
    return bytes([item]) * 3_000_000


def die_on(item: tuple[int, str]) -> int:
    """Item (number, fate); a fate that is a path means: die unless the path is there already."""
    number, fate = item
    if fate == "kill" or (fate and fate not in ("exit", "raise", "lambda") and not Path(fate).exists()):
        if fate != "kill":
            Path(fate).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if fate == "exit":
        os._exit(7)
    if fate == "raise":
        raise ValueError("a bad item")
    if fate == "lambda":
        return lambda: number  # type: ignore[return-value]
    return number


def count_together(item: tuple[Path, int]) -> int:
    """How many others are at work while this one is; item 0 kills its worker, item 1 takes long."""
    folder, number = item
    mine = folder / f"{number}.{os.getpid()}"
    mine.touch()
    time.sleep(2 if number == 1 else 0.05)
    others = sum(1 for other in folder.iterdir() if other != mine and alive(int(other.suffix[1:])))
    (folder.parent / f"saw-{number}").write_text(str(others))
    if number == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    mine.unlink()
    return others


def alive(process: int) -> bool:
    """Whether the process runs; one that has ended and is not collected does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def refuse_to_start() -> None:
    raise LookupError("no weights")


def die_at_start() -> None:
    os._exit(5)


def children(process: int) -> set[int]:
    """Processes that `process` started and that still run."""
    found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return {int(child) for child in found if alive(int(child))}


def sleep_forever(item: Any) -> None:
    time.sleep(600)


def main() -> None:
    """A parent whose workers have all work to do; it says so when they are at it."""
    items = iter(range(100))
    print("parent", os.getpid(), flush=True)
    for _ in run_ordered(sleep_forever, items, workers=2):
        sys.exit("nothing should come back")


if __name__ == "__main__":
    main()
