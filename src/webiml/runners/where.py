"""Where this process runs: what has to stand beside every figure."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from webiml.runners.cores import usable_cores


def commit() -> str | None:
    """The commit of the checkout that this package lies in, with -dirty behind it where files differ; else None."""
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return None
    try:
        command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None


def machine() -> str:
    """Processor, cores that may be used, memory, system and Python."""
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    memory = f"{_gigabytes():.0f} GB, " if _gigabytes() else ""
    return f"{_processor()}, {usable_cores()} cores, {memory}{system}"


def _gigabytes() -> float:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):  # Windows
        return 0.0


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()
