"""What a training is guarded by: nobody else writes its folder, and a signal ends it between two steps."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from webiml.errors import OutputError, SettingError
from webiml.store.atomic import make_folder, sweep


@contextmanager
def only_writer(out: Path) -> Iterator[None]:
    """Make `out` where missing and keep other processes from writing it; a kill leaves no lock behind.

    Raises:
        SettingError: another process writes it.
        OutputError: it cannot be made or locked.
    """
    make_folder(out)
    lock = FileLock(out / ".lock", timeout=0, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise SettingError(f"Another training is writing {out}: wait for its end, or give another --out.") from None
    except (OSError, NotImplementedError) as error:
        raise OutputError(f"Cannot lock {out} ({error}): give another --out.") from error
    try:
        sweep(out)
        yield
    finally:
        lock.release()


@contextmanager
def signals_noted() -> Iterator[list[int]]:
    """A list that holds SIGINT or SIGTERM once it has come, so that a step ends whole; a second one ends at once."""
    came: list[int] = []

    def note(number: int, _: object) -> None:
        if came:
            raise KeyboardInterrupt
        came.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
