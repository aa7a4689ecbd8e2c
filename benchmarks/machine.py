"""On what a figure was measured: every printed table opens with this line."""

from __future__ import annotations

from datetime import date

from webiml.runners.where import machine as this_machine


def machine() -> str:
    """Date, processor, cores that may be used, memory, system and Python."""
    return f"{date.today()}, {this_machine()}"
