"""What a training leaves to look at: log.jsonl, TensorBoard's files and the pictures of every validation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from webiml.images.codec import encode_png
from webiml.store.atomic import make_folder, output_error, write_bytes


class Record:
    """Writes OUT/log.jsonl, OUT/tensorboard/ and OUT/pictures/<step>.png; a context manager.

    Lines of steps after `step`, where the run goes on, are those of a run that was killed: they will come again.
    """

    def __init__(self, out: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._out, self._log = out, out / "log.jsonl"
        make_folder(out / "pictures")
        with _as_output_error(out):
            write_bytes(self._log, b"".join(_lines_up_to(self._log, step)))
            self._board = SummaryWriter(str(out / "tensorboard"), purge_step=step + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError) if kind else _as_output_error(self._out):
            self._board.close()

    def add(self, step: int, group: str, values: Mapping[str, float], **further: Any) -> None:
        """One line of JSON, {"step", group: values, ...}, and each value as a curve group/name."""
        line = json.dumps({"step": step, group: dict(values), **further}) + "\n"
        with _as_output_error(self._log), self._log.open("a") as file:
            file.write(line)
        with _as_output_error(self._out):
            for name, value in values.items():
                self._board.add_scalar(f"{group}/{name}", value, step)

    def add_picture(self, step: int, rgb: np.ndarray) -> None:
        """(H, W, 3) uint8, as a PNG and on the board."""
        write_bytes(self._out / "pictures" / f"{step:07}.png", encode_png(rgb))
        with _as_output_error(self._out):
            self._board.add_image("validation", rgb, step, dataformats="HWC")


def _lines_up_to(log: Path, step: int) -> Iterator[bytes]:
    """The whole lines of a log that belong to steps up to `step`."""
    with suppress(FileNotFoundError), log.open("rb") as file:
        for line in file:
            try:
                if line.endswith(b"\n") and json.loads(line)["step"] <= step:
                    yield line
            except (ValueError, KeyError, TypeError):  # cut by a kill, or no line of ours
                continue


@contextmanager
def _as_output_error(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise output_error(error, path) from error
