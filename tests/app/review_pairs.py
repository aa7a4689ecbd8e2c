"""A small dataset whose masks are known, and the real `webiml review` over it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from webiml.annotate.dataset import annotate_dataset
from webiml.settings import AnnotateRun, AnnotatorSettings
from webiml.types import Annotation, Kind, Pair, Problem, Reason, Status

HEIGHT, WIDTH = 64, 96
TOKEN = "a-token-for-the-tests"
INNER, OUTER = (slice(24, 40), slice(32, 64)), (slice(20, 44), slice(28, 68))  # rows and columns: levels 250 and 100
QES = (0.52, 0.45, 0.6, 0.7, 0.8, 0.9)  # of p0 to p5: p0 is nearest to the threshold of 0.5


class KnownAnnotator:
    """Finds a rectangle in every pair; the first pixel of the authentic picture says which pair it is."""

    def __init__(self, settings: AnnotatorSettings) -> None:
        del settings

    def __call__(self, authentic: np.ndarray, manipulated: np.ndarray) -> Annotation:
        number = int(authentic[0, 0, 0]) // 10
        if number >= len(QES):
            return Annotation(Status.REJECTED, Reason.IDENTICAL, "", Kind.IDENTICAL, 0.99)
        levels = np.zeros((HEIGHT, WIDTH), np.uint8)
        levels[OUTER], levels[INNER] = 100, 250
        kept = QES[number] > 0.5
        return Annotation(
            Status.KEPT if kept else Status.REJECTED,
            None if kept else Reason.LOW_QES,
            "",
            Kind.SDG if number % 3 == 2 else Kind.SPG,
            0.9,
            levels.astype(np.float32) / np.float32(255),
            None if number % 3 == 2 else np.eye(3),
            0.0,
            QES[number],
            float((levels >= 128).mean()),
            1,
        )


def make_dataset(folder: Path) -> Path:
    """Six pairs p0 to p5 with a mask, one of two equal pictures, one that failed."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    pairs = []
    for number in range(len(QES) + 1):
        noise = np.random.default_rng(number).normal(size=(HEIGHT, WIDTH, 3)).astype(np.float32)
        authentic = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), noise, 40, 215, cv2.NORM_MINMAX).astype(np.uint8)
        authentic[0, 0] = 10 * number
        manipulated = authentic.copy()
        if number < len(QES):
            manipulated[INNER] = authentic[INNER][::-1, ::-1] // 2
        paths = pictures / f"{number}-0.png", pictures / f"{number}-1.png"
        for path, picture in zip(paths, (authentic, manipulated), strict=True):
            Image.fromarray(picture).save(path)
        source = "thread-a" if number < 2 else "thread-b"
        pairs.append(Pair(f"p{number}", f"pair {number}", *paths, root=pictures, source=source))
    pairs.append(Pair("q", "q", None, None, Problem(Reason.IS_URL, "an address")))
    annotate_dataset(pairs, folder / "dataset", AnnotatorSettings(), AnnotateRun(workers=1), annotator=KnownAnnotator)
    return folder / "dataset"


@dataclass
class Review:
    """`webiml review` as it runs. `port` stays the same when it is started again."""

    folder: Path
    port: int = 0
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "webiml", "review", str(self.folder), "--no-browser", "--json"]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port), "--reviewer", "Ann"],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"WEBIML_TOKEN": TOKEN},
        )
        assert self.process.stdout is not None
        self.port = int(json.loads(self.process.stdout.readline())["address"].rstrip("/").rpartition(":")[2])

    def end(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.communicate(timeout=20)

    def address(self, **fragment: str) -> str:
        return f"http://127.0.0.1:{self.port}/?token={TOKEN}#{'&'.join(f'{k}={v}' for k, v in fragment.items())}"

    def lines(self, reviewer: str) -> list[dict]:
        """What reviews.jsonl has of that person."""
        path = self.folder / "reviews.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in map(json.loads, lines) if line["reviewer"] == reviewer]


@contextmanager
def reviewing(folder: Path) -> Iterator[Review]:
    """The command over this dataset, until the block ends."""
    review = Review(folder)
    review.start()
    try:
        yield review
    finally:
        if review.process is not None and review.process.poll() is None:
            review.end(signal.SIGINT)
