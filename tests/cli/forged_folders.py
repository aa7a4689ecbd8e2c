"""Folders of forged pairs: what is in them, and a run that is killed."""

import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path


def results(out: Path) -> dict[str, bytes]:
    """Every file of a folder but those that a run goes on with."""
    paths = [p for p in out.rglob("*") if p.is_file() and ".forge" not in p.parts]
    return {str(p.relative_to(out)): p.read_bytes() for p in paths}


def kill_after(command: Sequence[str], out: Path, pairs: int) -> None:
    """Start a run and kill it when so many pairs are finished."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal = out / ".forge" / "rows.jsonl"
    until = time.monotonic() + 60
    while time.monotonic() < until and (not journal.exists() or journal.read_bytes().count(b"\n") < pairs):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (out / "pairs.csv").exists()
