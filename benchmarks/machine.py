"""On what a figure was measured: every printed table opens with this line."""

from __future__ import annotations

import os
import platform
from datetime import date
from pathlib import Path

from webiml.runners.cores import usable_cores


def machine() -> str:
    """Date, processor, cores that may be used, memory, system and Python."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{date.today()}, {_processor()}, {usable_cores()} cores, {gigabytes:.0f} GB, {system}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()
