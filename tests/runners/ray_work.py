"""Work for the tests of the Ray runner: at the top level of a module, so that the workers can load it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from webiml.errors import OutputError, SettingError


@dataclass(frozen=True)
class Words:
    number: int
    words: tuple[str, ...]


@dataclass(frozen=True)
class Upper:
    """Makes words upper case; some say what else to do. Writes down in `folder` what it does."""

    folder: Path
    fate: str = ""

    def start(self) -> None:
        match self.fate:
            case "start dies":
                os.kill(os.getpid(), signal.SIGKILL)
            case "start refuses":
                raise SettingError("There is no network here.")
        self._note("start")

    def __call__(self, shard: Words) -> Iterator[str]:
        self._note(f"shard {shard.number}")
        try:
            for word in shard.words:
                self._do(word)
                yield word.upper()
            if "never written" in shard.words or ("written late" in shard.words and self._is_first("written")):
                raise OutputError("The disk is full.")
        finally:
            self._note(f"left {shard.number}")
        (self.folder / f"{shard.number}.txt").write_text(" ".join(shard.words))

    def _do(self, word: str) -> None:
        self._note(word)
        match word:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "kill once" if self._is_first(word):
                os.kill(os.getpid(), signal.SIGKILL)
            case "raise":
                raise Unsendable(lambda: None)
            case "slow":
                time.sleep(0.2)
            case "cuda":
                self._note(f"cuda {os.environ.get('CUDA_VISIBLE_DEVICES')}")
            case "keys":
                self._note(f"keys {os.environ.get('AWS_ENDPOINT_URL')}")

    def _is_first(self, word: str) -> bool:
        there = (self.folder / f"was {word}").exists()
        (self.folder / f"was {word}").touch()
        return not there

    def _note(self, what: str) -> None:
        with open(self.folder / "notes", "a") as file:
            file.write(f"{os.getpid()} {what}\n")


class Unsendable(Exception):
    """Cannot be pickled."""
