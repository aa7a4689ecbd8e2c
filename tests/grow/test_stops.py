"""Whatever ends a run, wherever: the same call goes on, to the same bytes but for times."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.grow.growing import contents

from webiml.store.dataset import read_rows

TIMES = {"annotations.parquet", "grown.json", ".webiml/journal.jsonl"}  # hold times


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_again_and_again_it_ends_with_the_generation_of_a_run_that_was_not(tmp_path):
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "src")])}
    command = [sys.executable, str(Path(__file__).with_name("stops.py")), str(tmp_path)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) == 10
    whole, stopped = (tmp_path / name / "generations" / "000000" for name in ("whole", "stopped"))

    def timeless(generation: Path) -> tuple[object, object]:
        files = {name: data for name, (data, _) in contents(generation).items() if name not in TIMES}
        return files, [replace(row, annotated_at=None) for row in read_rows(generation)]

    assert timeless(stopped) == timeless(whole)
    assert [entry.name for entry in (stopped.parent / ".webiml").iterdir()] == ["lock"]
    assert sorted(os.listdir(stopped.parent)) == [".webiml", "000000"]
