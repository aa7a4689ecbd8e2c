"""What Ray says when something is wrong, in words for a person."""

from __future__ import annotations

from webiml import __version__
from webiml.errors import SettingError


def cause(error: Exception) -> str:
    """Why a worker died, in words that are the same for the same cause."""
    if getattr(error, "preempted", False):
        return "its machine was taken away"
    if "low on memory" in str(error) or "NODE_OUT_OF_MEMORY" in str(error):
        return "the memory of its machine ran out"
    return "its process died"


def unfit(error: Exception) -> SettingError:
    """What the machines of a cluster lack."""
    return SettingError(
        f"The machines of the Ray cluster cannot do this work ({short(error)}): install webiml {__version__} with the "
        "same extras on all of them."
    )


def short(error: Exception) -> str:
    """The last line of Ray's message, which holds what was raised in the worker."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300].rstrip(".")
