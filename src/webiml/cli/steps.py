"""Progress of a command that works in several steps: a bar, or lines, for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from webiml.runners.progress import Progress


@contextmanager
def steps(quiet: bool) -> Iterator[Callable[[str, int], Callable[[], None]]]:
    """For a `with` block: a function that begins a step (what, how many) and gives one to call when one is done."""
    shown: list[Progress] = []

    def end() -> None:
        while shown:
            shown.pop().__exit__(None, None, None)

    def begin(what: str, total: int) -> Callable[[], None]:
        end()
        progress = Progress(what, total, quiet=quiet).__enter__()
        shown.append(progress)
        return progress.add

    try:
        yield begin
    finally:
        end()
