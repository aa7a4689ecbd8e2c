"""The GPU of a process: whether onnxruntime may and can run networks on it, and with which options.

Source: microsoft/onnxruntime docs/execution-providers/CUDA-ExecutionProvider.md (the options), and
    onnxruntime/core/providers/cuda/cuda_execution_provider_info.h, .cc (`use_tf32` and what it is by default).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

from webiml.errors import SettingError

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
OPTIONS = {
    # By default every size of picture that is new would be measured with every algorithm (onnxruntime, issue 709).
    "cudnn_conv_algo_search": "HEURISTIC",
    # By default products are rounded to 10 bits where the GPU can do that: too far from what a CPU gives.
    "use_tf32": "0",
    # Several workers may share one GPU: none of them takes twice what it needs.
    "arena_extend_strategy": "kSameAsRequested",
}
INSTALL = 'pip uninstall onnxruntime, then pip install "onnxruntime-gpu[cuda,cudnn]"'

Provider = str | tuple[str, dict[str, str]]


def gpu_providers(available: Sequence[str], visible: str | None) -> list[Provider]:
    """What onnxruntime is to run a network with, in a process that was given a GPU.

    Args:
        available: names of what this onnxruntime can run networks with.
        visible: CUDA_VISIBLE_DEVICES; Ray sets it for a worker that it gives a GPU or a share of one.
    Raises:
        SettingError: the process was given no GPU, or this onnxruntime can use none.
    """
    if (visible or "").split(",")[0].strip() in ("", "-1"):
        raise SettingError(
            "Networks are to run on a GPU, but CUDA_VISIBLE_DEVICES names none for this worker: "
            "give it one with --runner ray --worker-gpus, or leave the GPU out."
        )
    if CUDA not in available:
        raise SettingError(f"This worker was given a GPU, but its onnxruntime can use none: {INSTALL}.")
    return [(CUDA, dict(OPTIONS)), CPU]  # the CPU does what has no kernel on the GPU


def given_gpu(onnxruntime: Any) -> list[Provider]:
    """`gpu_providers` of this process and of the onnxruntime that it has imported."""
    return gpu_providers(onnxruntime.get_available_providers(), os.environ.get("CUDA_VISIBLE_DEVICES"))


def preload(onnxruntime: Any) -> None:
    """Load CUDA and cuDNN from where pip has put them; what is not found there is looked for on the system later."""
    if hasattr(onnxruntime, "preload_dlls"):  # from 1.21 on
        with redirect_stdout(sys.stderr):  # it prints what it does not find
            onnxruntime.preload_dlls()


def refuse_other(used: Sequence[str], wanted: Sequence[Provider]) -> None:
    """Raise when a network was to run on the GPU and does not: onnxruntime takes the CPU then, and only logs it.

    Args: used: names of what its session runs with.
    Raises:
        SettingError: CUDA or cuDNN are missing, or of another version.
    Source: microsoft/onnxruntime, issue 23372.
    """
    names = [one if isinstance(one, str) else one[0] for one in wanted]
    if CUDA in names and CUDA not in used:
        raise SettingError(
            f"This worker was given a GPU, but its onnxruntime finds no CUDA or cuDNN that fits: {INSTALL}."
        )
