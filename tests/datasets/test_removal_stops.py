"""Whatever stops a removal, at whatever step: the same call, or any later one, ends with the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from webiml.datasets.export.write import FORMATS

PLACES = ("folder", "shards", "store")
EXPORTS = [f"export-{format}" for format in sorted(FORMATS)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    ("what", "how"),
    [
        *((what, how) for what in PLACES for how in ("kill", "full")),
        *((what, "kill") for what in ("several", *EXPORTS)),
    ],
)
def test_stopped_at_every_step_and_resumed(tmp_path, what, how):
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "src")])}
    command = [sys.executable, str(Path(__file__).with_name("removal_stops.py")), str(tmp_path), what, how]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 20  # a plan twice, tombstones, a table and a file at least, three calls each
