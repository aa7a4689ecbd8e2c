"""How fast is `webiml annotate`, and what does it take? Prints tables; a timed test would fail on a busy machine.

    python benchmarks/speed.py [--part start|nets|pairs|spg|sdg|large|memory] [--count 60] [--workers 2]

    start   `webiml --help` and `import webiml`, median of ten
    nets    each network that ships on one pair of 384x256, by torch and by onnxruntime, one thread and two
    pairs   --count pairs of 384x256 of all kinds: as a user runs it, and where the time goes within one process
    spg     the same of SPG pairs alone
    sdg     the same of SDG pairs alone
    large   a pair of 4000x3000 of either kind: seconds, and the peak memory of all its processes together
    memory  peak memory of 100 and of 1,000 small pairs

The pairs are made from examples/pictures, seeded, in a temporary folder. Memory is the resident size of the command and
of everything it started, added up (what they share counts more than once), looked at fifty times a second.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from machine import machine

from webiml.forge.blending import paste, placement, recolour
from webiml.forge.objects import blob

PICTURES = Path(__file__).parent.parent / "examples" / "pictures"
WEBIML = [sys.executable, "-m", "webiml"]
MIX = {"SPG": 0.4, "SDG": 0.4, "identical": 0.1, "unrelated": 0.1}
STEPS = {  # file and function: what its time is named, with all that it calls but what is named apart
    ("read.py", "read_bytes"): "read",
    ("decode.py", "decode"): "decode",
    ("evidence.py", "features"): "features",
    ("alignment.py", "align"): "align",
    ("difference.py", "difference_prior"): "difference",
    ("picture.py", "search"): "search",
    ("evidence.py", "hypotheses"): "hypotheses",
    ("correlation.py", "correlation_prior"): "correlation",
    ("matching.py", "descriptors"): "descriptors",
    ("evidence.py", "matching"): "matching",
    ("weights.py", "__call__"): "networks",
    ("codec.py", "encode_png"): "encode",
}
WITHIN = {"search": "hypotheses", "descriptors": "matching"}  # the first is called by the second
NETWORKS = {"dass": "3", "corr_dino": "3", "pair_classifier": "1", "trunk": "2"}  # name to batch
TIMED_NET = """
import statistics, sys, time
from pathlib import Path
import cv2, numpy as np, torch
from webiml.nets import weights
from webiml.train.shipped import as_shipped
name, batch = sys.argv[1], int(sys.argv[2])
card = weights.card(name)
shipped = as_shipped(name.replace("_", "-"), card["settings"], Path())
sizes = {"batch": batch, "height": 256, "width": 384, "rows": 32, "columns": 48}
arrays = [np.random.default_rng(0).random([sizes.get(n, n) for n in shape], np.float32)
          for shape in shipped.interface.inputs.values()]
def median(call):
    call()
    taken = []
    for _ in range(7):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return 1000 * statistics.median(taken)
torch.set_num_threads(1)
net, tensors = shipped.whole.eval(), [torch.from_numpy(array) for array in arrays]
with torch.inference_mode():
    spent = [median(lambda: net(*tensors))]
for threads in (1, 2):
    cv2.setNumThreads(threads)
    spent.append(median(lambda: weights.load(name)(*arrays)))
print(f"{card['parameters']:>12,}{spent[0]:>9.0f}{spent[1]:>13.0f}{spent[2]:>13.0f}")
"""


@dataclass(frozen=True)
class Ran:
    """One command that ended well: how long it took, its peak memory in bytes, and what it printed."""

    seconds: float
    peak: int
    output: str


def main() -> None:
    """Measure each part that was asked for."""
    parts: dict[str, Callable[[argparse.Namespace], None]]
    parts = {"start": start, "nets": nets, "pairs": pairs, "spg": spg, "sdg": sdg, "large": large, "memory": memory}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=list(parts), action="append", help="may be given again; default: all")
    parser.add_argument("--count", type=int, default=60, help="pairs of --part pairs")
    parser.add_argument("--many", type=int, default=1000, help="pairs of --part memory, against a tenth of them")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    print(machine())
    for name in arguments.part or parts:
        parts[name](arguments)


def start(arguments: argparse.Namespace) -> None:
    """Start-up, as a user waits for it."""
    timed = "import time; t = time.perf_counter(); import webiml; print(time.perf_counter() - t)"
    helped = [run([*WEBIML, "--help"]).seconds for _ in range(10)]
    imported = [float(run([sys.executable, "-c", timed]).output) for _ in range(10)]
    bare = [run([sys.executable, "-c", ""]).seconds for _ in range(10)]
    print("\nstart, median of 10, seconds")
    print(f"  webiml --help                {statistics.median(helped):.3f}")
    print(f"  import webiml                {statistics.median(imported):.3f}")
    print(f"  python alone, to compare     {statistics.median(bare):.3f}")


def nets(_: argparse.Namespace) -> None:
    """Each network as annotating runs it: three views of DASS and Corr-DINO, both pictures for the trunk."""
    print("\nnetworks, one pair of 384x256, median of 7, milliseconds")
    print(f"  {'':<28}{'parameters':>12}{'torch':>9}{'onnxruntime':>13}{'two threads':>13}")
    for name, size in NETWORKS.items():
        print(f"  {name:<28}" + run([sys.executable, "-c", TIMED_NET, name, size]).output.rstrip())


def pairs(arguments: argparse.Namespace) -> None:
    """Small pairs of all kinds: the whole command, then the steps of one process."""
    annotate_made(arguments, MIX)


def spg(arguments: argparse.Namespace) -> None:
    """Small SPG pairs."""
    annotate_made(arguments, {"SPG": 1.0})


def sdg(arguments: argparse.Namespace) -> None:
    """Small SDG pairs."""
    annotate_made(arguments, {"SDG": 1.0})


def annotate_made(arguments: argparse.Namespace, mix: Mapping[str, float]) -> None:
    """Time `annotate` on made pairs, then the steps of one process."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, out = Path(temporary) / "pairs", Path(temporary) / "dataset"
        kinds = make_pairs(folder, arguments.count, arguments.seed, (256, 384), mix)
        ran = annotate([folder], out, arguments.workers)
        summary = json.loads(ran.output)
        mixed = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
        print(f"\n{arguments.count} pairs of 384x256 ({mixed}), {arguments.workers} workers")
        print(f"  {arguments.count / ran.seconds:.2f} pairs a second, start and report included ({ran.seconds:.1f} s)")
        print(f"  kept {summary['kept']}, rejected {summary['rejected']}, failed {summary['failed']}")
        print_steps(folder)


def print_steps(folder: Path) -> None:
    """Where the time of one process goes, as cProfile sees it."""
    from webiml.annotate import pair_files
    from webiml.pairs.source import list_pairs
    from webiml.settings import AnnotatorSettings

    pair_files.start_worker(AnnotatorSettings(), pair_files.default_annotator)
    listed = list_pairs([folder]).pairs
    pair_files.annotate_pair_files(listed[0])  # what is imported and read once is no step
    profile = cProfile.Profile()
    with profile:
        for pair in listed:
            pair_files.annotate_pair_files(pair)
    spent: dict[str, float] = {}
    stats = pstats.Stats(profile)
    for (file, _, function), (_, _, _, seconds, callers) in stats.stats.items():  # type: ignore[attr-defined]
        if name := STEPS.get((Path(file).name, function)):
            # The trunk is a network, too, but a part of what describes.
            within = sum(taken[3] for (_, _, caller), taken in callers.items() if caller == "descriptors")
            spent[name] = (seconds - within * (name == "networks")) / len(listed)
    for part, whole in WITHIN.items():
        if part in spent and whole in spent:
            spent[whole] -= spent[part]
    total = stats.total_tt / len(listed)  # type: ignore[attr-defined]
    spent["the rest"] = total - sum(spent.values())
    print(f"\n  steps, mean over all pairs, one process, milliseconds of {1000 * total:.0f}")
    for name in [*STEPS.values(), "the rest"]:
        print(f"    {name:<12}{1000 * spent.get(name, 0):>8.1f}")


def large(arguments: argparse.Namespace) -> None:
    """Pairs of twelve megapixels, one at a time."""
    print("\none pair of 4000x3000, start and report included")
    for kind in ("SPG", "SDG"):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            make_pairs(folder / "pairs", 1, arguments.seed, (3000, 4000), {kind: 1.0})
            ran = annotate(sorted((folder / "pairs").rglob("*.jpg")), folder / "dataset", arguments.workers)
        found = ", ".join(name for name, count in json.loads(ran.output)["kinds"].items() if count)
        print(f"  {kind} (taken for {found}): {ran.seconds:.1f} s, peak memory {ran.peak / 1e6:.0f} MB")


def memory(arguments: argparse.Namespace) -> None:
    """Does memory grow with the number of pairs?"""
    print(f"\npeak memory, pairs of 64x96, {arguments.workers} workers")
    peaks = []
    for count in (arguments.many // 10, arguments.many):
        with tempfile.TemporaryDirectory() as temporary:
            make_pairs(Path(temporary) / "pairs", count, arguments.seed, (64, 96))
            ran = annotate([Path(temporary) / "pairs"], Path(temporary) / "dataset", arguments.workers)
        peaks.append(ran.peak)
        print(f"  {count:>6,} pairs {ran.peak / 1e6:>8.0f} MB {ran.seconds:>8.1f} s")
    print(f"  difference  {(peaks[1] - peaks[0]) / 1e6:>8.0f} MB")


# ---------------------------------------------------------------- pairs


def make_pairs(folder: Path, count: int, seed: int, size: tuple[int, int], mix: Mapping[str, float] = MIX) -> list[str]:
    """Write `count` pair folders of pictures of `size` (H, W), kinds drawn from `mix`; returns the kinds. Seeded."""
    cv2.setNumThreads(1)
    sources = [cv2.imread(str(path)) for path in sorted(PICTURES.glob("*.jpg"))]
    small = [(256, 384), size][min(size) < 256]  # edits are made at most this large, and enlarged
    kinds = []
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        one, two = (view(sources[i], small, rng) for i in rng.permutation(len(sources))[:2])
        kind = str(rng.choice(list(mix), p=list(mix.values())))
        thing = blob(small, 0.15, rng)
        transform = placement(thing, small, 0.05, 0.25, rng)
        pasted = {"SPG": (one, two), "SDG": (two, one)}
        other = one if kind == "identical" else two
        if kind in pasted:
            onto, donor = pasted[kind]
            other, _ = paste(onto, donor, thing, transform, "feathered", rng)
        place = folder / f"pair-{index:05d}"
        place.mkdir(parents=True)
        for name, picture in (("0.jpg", one), ("1.jpg", recolour(other, rng, gamma=1.12, gain=0.045))):
            if small != size:
                picture = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_CUBIC)
                grain = rng.integers(-6, 7, picture.shape, np.int8)  # enlarged pictures are smoother than real ones
                picture = cv2.add(picture, grain, dtype=cv2.CV_8U)
            cv2.imwrite(str(place / name), picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
        kinds.append(kind)
    return kinds


def view(picture: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A random window of the right shape, resized to `size` (H, W)."""
    height, width = picture.shape[:2]
    share = rng.uniform(0.6, 1.0) * min(height / size[0], width / size[1])
    h, w = int(share * size[0]), int(share * size[1])
    y, x = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
    return cv2.resize(picture[y : y + h, x : x + w], size[::-1], interpolation=cv2.INTER_AREA)


# ---------------------------------------------------------------- commands


def annotate(inputs: list[Path], out: Path, workers: int) -> Ran:
    """`webiml annotate`, as a user runs it."""
    return run([*WEBIML, "annotate", *map(str, inputs), "--out", str(out), "--workers", str(workers), "--json"])


def run(command: list[str]) -> Ran:
    """Run a command to its end, watching the memory of its whole tree of processes."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watch = Watch(process.pid)
        output, _ = process.communicate()
        seconds = time.perf_counter() - started
        peak = watch.end()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}.")
    return Ran(seconds, peak, output)


class Watch(threading.Thread):
    """Peak resident memory of a process and its descendants, looked at every 20 milliseconds."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak, self.over = pid, 0, threading.Event()
        self.start()

    def run(self) -> None:
        """Look until `end`."""
        while not self.over.wait(0.02):
            self.peak = max(self.peak, sum(map(resident, tree(self.pid))))

    def end(self) -> int:
        """Stop looking; the highest sum in bytes, 0 where there is no /proc."""
        self.over.set()
        self.join()
        return self.peak


def tree(pid: int) -> list[int]:
    """A process and all its descendants that are alive."""
    try:
        children = [
            int(child)
            for thread in Path(f"/proc/{pid}/task").iterdir()
            for child in (thread / "children").read_text().split()
        ]
    except OSError:  # it has ended, or there is no /proc
        return []
    return [pid, *(one for child in children for one in tree(child))]


def resident(pid: int) -> int:
    """Resident bytes of one process; 0 when it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


if __name__ == "__main__":
    main()
