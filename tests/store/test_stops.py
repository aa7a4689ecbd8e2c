"""Whatever stops a writer, at whatever step: the same call goes on to the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("shape", ["folder", "shards"])
@pytest.mark.parametrize("how", ["kill", "full"])
def test_stopped_at_every_step_and_resumed(tmp_path, shape, how):
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parents[1] / "src")])}
    command = [sys.executable, str(here / "stops.py"), str(tmp_path), shape, how]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    # 3 pairs with a file of their own or two, some calls each and one for their line, and the rest
    assert int(run.stdout) > (35 if shape == "folder" else 25)
