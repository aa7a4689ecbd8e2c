"""Small generated pairs, and the real command: in a process of its own, or in this one."""

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import cv2
import numpy as np
import pytest

from webiml.cli import main

Webiml = Callable[..., subprocess.CompletedProcess[str]]


def textured(seed: int, size: tuple[int, int] = (120, 160)) -> np.ndarray:
    """A picture with detail everywhere, (H, W, 3) uint8."""
    noise = np.random.default_rng(seed).normal(size=(*size, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return cv2.normalize(smooth, np.empty_like(smooth), 20, 235, cv2.NORM_MINMAX).astype(np.uint8)


def write_pair(folder: Path, authentic: np.ndarray, manipulated: np.ndarray) -> None:
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / "0.png"), authentic)
    cv2.imwrite(str(folder / "1.png"), manipulated)


@pytest.fixture(scope="session")
def made_pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pairs that can be read (one of them twice the same picture), one that cannot, and a file beside them."""
    root = tmp_path_factory.mktemp("made") / "pairs"
    for key, seed in (("edited", 1), ("other", 2)):
        authentic = textured(seed)
        manipulated = authentic.copy()
        manipulated[40:90, 50:120] = textured(seed + 100)[40:90, 50:120]
        write_pair(root / key, authentic, manipulated)
    write_pair(root / "same", textured(3), textured(3))
    (root / "page").mkdir()
    (root / "page" / "0.jpg").write_text("<!DOCTYPE html><html><body>Not found</body></html>")
    (root / "page" / "1.jpg").write_bytes((root / "same" / "1.png").read_bytes())
    (root / "notes.txt").write_text("a note")
    return root


@pytest.fixture
def pairs(made_pairs: Path, tmp_path: Path) -> Path:
    """A copy of the pairs that a test may change."""
    return Path(shutil.copytree(made_pairs, tmp_path / "pairs"))


@pytest.fixture(scope="session")
def webiml() -> Webiml:
    """Run the command as a user does; stdout and stderr as text."""

    def run(*arguments: str | Path, **options) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "COLUMNS": "120", **options.pop("env", {})}
        environment.pop("WEBIML_DEBUG", None)
        command = [sys.executable, "-m", "webiml", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, **options)

    return run


@pytest.fixture(scope="session")
def webiml_here() -> Webiml:
    """Run the command in this process, which need not start: for what is refused or done in no time.

    Answers as `webiml` does. What needs a process of its own (signals, stdin, limits, what is imported) takes that.
    """

    def run(
        *arguments: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        line, out, errors = [str(argument) for argument in arguments], io.StringIO(), io.StringIO()
        threads = cv2.getNumThreads()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(errors):
            patch.delenv("WEBIML_DEBUG", raising=False)
            for name, value in {"COLUMNS": "120", **(env or {})}.items():
                patch.setenv(name, value)
            if cwd is not None:
                patch.chdir(cwd)
            try:
                code = main.run(line)
            finally:
                cv2.setNumThreads(threads)
        return subprocess.CompletedProcess(line, code, out.getvalue(), errors.getvalue())

    return run


@pytest.fixture(scope="session")
def localizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The .onnx file of a localizer with probability = sigmoid((red - green) / 8) after a 3x3 mean."""
    from tests.localize.tiny_localizer import write_tiny

    return write_tiny(tmp_path_factory.mktemp("localizer"))
