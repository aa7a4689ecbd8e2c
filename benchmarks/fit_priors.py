"""Fit the logistic curves behind the priors and the kind, on synthetic pairs of the train split only.

    python benchmarks/fit_priors.py --images ../shared/data/train_pack --images ../shared/data/train_pack_2

Writes src/webiml/priors/{difference,correlation}.json and src/webiml/annotate/classify.json: a few numbers a feature,
no network. No validation set is read. Held-out calibration is what `benchmarks/calibration.py` measures.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from scipy.optimize import minimize

from webiml.evidence import kind
from webiml.evidence.evidence import Evidence
from webiml.forge.folder import forge_folder
from webiml.forge.pictures import list_pictures
from webiml.geometry.logistic import from_dict
from webiml.geometry.maps import disk
from webiml.images.codec import to_8bit
from webiml.images.decode import decode
from webiml.metrics.overlap import iou
from webiml.metrics.qes import qes
from webiml.priors import correlation, difference
from webiml.settings import ForgeSettings

SOURCE = Path(__file__).parent.parent / "src" / "webiml"
FILES = {
    "difference": SOURCE / "priors" / "difference.json",
    "correlation": SOURCE / "priors" / "correlation.json",
    "classify": SOURCE / "annotate" / "classify.json",
}
KINDS = "SPG=0.40,SDG=0.40,identical=0.08,unrelated=0.12"
SIZE = 512  # pixels, the long side of what is forged
INSIDE, OUTSIDE = 800, 800  # pixels a map gives: in and around the mask, and elsewhere at half the weight
SHARPNESS = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5)
JUDGED = 150  # pairs whose whole maps decide the sharpness
GOOD = 0.7  # IoU of a mask that should be kept
Run = Callable[[Callable, list[dict]], list]  # map over worker processes


@dataclass(frozen=True)
class Sample:
    """Pixels, or whole pairs, to fit on: features by name, (N,) bool truth and (N,) weight."""

    features: dict[str, np.ndarray]
    truth: np.ndarray
    weight: np.ndarray


def main() -> None:
    """Make pairs, fit one curve after the other (a later one needs the earlier), write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, action="append", required=True, help="a pack of training pictures")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pairs", type=Path, help="keep the synthetic pairs here and use them again")
    parser.add_argument("--curves", nargs="+", choices=list(FILES), default=list(FILES), help="fit these only")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.pairs or Path(temporary)
        if not (folder / "pairs.csv").exists():
            pictures = list_pictures(arguments.images, split="train", only_shippable=True)
            settings = ForgeSettings(seed=arguments.seed, size=SIZE, kinds=KINDS)
            forge_folder(pictures, folder, settings, arguments.count, workers=arguments.workers)
        rows = pd.read_csv(folder / "pairs.csv").to_dict("records")
        note = {"pairs": len(rows), "seed": arguments.seed, "split": "train", "made_by": "benchmarks/fit_priors.py"}
        with multiprocessing.get_context("spawn").Pool(
            arguments.workers, initializer=cv2.setNumThreads, initargs=(1,)
        ) as pool:
            run = partial(pool.map, chunksize=4)
            fits = {"difference": fit_difference, "correlation": fit_correlation, "classify": fit_classify}
            for name in arguments.curves:
                write(FILES[name], fits[name](folder, rows, run), note)


def fit_difference(folder: Path, rows: list[dict], run: Run) -> dict:
    """Both looks of the SPG prior."""
    rows = [row for row in rows if row["kind"] in ("SPG", "identical")]
    curves = {"first": fit("difference/first", run(partial(first_sample, folder), rows))}
    curves["second"] = fit("difference/second", run(partial(second_sample, folder, curves["first"]), rows))
    maps = run(partial(difference_map, folder, curves), rows[:JUDGED])
    return curves | {"second": sharpen("difference/second", curves["second"], maps)}


def fit_correlation(folder: Path, rows: list[dict], run: Run) -> dict:
    """The single hypothesis and the composite of the SDG prior."""
    rows = [row for row in rows if row["kind"] in ("SDG", "unrelated")]
    curves = {"single": fit("correlation/single", run(partial(single_sample, folder), rows))}
    curves["composite"] = fit("correlation/composite", run(partial(composite_sample, folder, curves["single"]), rows))
    maps = run(partial(correlation_map, folder, curves), rows[:JUDGED])
    return curves | {"composite": sharpen("correlation/composite", curves["composite"], maps)}


def fit_classify(folder: Path, rows: list[dict], run: Run) -> dict:
    """Same scene or not; edited or not; shared object or not. Needs the fitted priors."""
    same = [row for row in rows if row["kind"] in ("SPG", "identical")]
    other = [row for row in rows if row["kind"] in ("SDG", "unrelated")]
    return {
        "same_scene": fit("classify/same_scene", run(partial(scene_sample, folder), rows), ridge=3e-3),
        "something_differs": fit("classify/something_differs", run(partial(edit_sample, folder), same), ridge=3e-3),
        "shared_object": fit("classify/shared_object", run(partial(object_sample, folder), other), ridge=3e-3),
    }


def read(folder: Path, row: dict) -> tuple[Evidence, np.ndarray]:
    """A pair's evidence and its true mask at working size."""
    authentic, manipulated, truth = (
        decode((folder / row[side]).read_bytes(), max_pixels=10_000_000).rgb
        for side in ("authentic", "manipulated", "mask")
    )
    evidence = Evidence(authentic, manipulated)
    height, width = evidence.manipulated.shape[:2]
    return evidence, cv2.resize(truth[..., 0], (width, height), interpolation=cv2.INTER_AREA) > 127


def first_sample(folder: Path, row: dict) -> Sample | None:
    """Pixels of the first look at a difference."""
    evidence, mask = read(folder, row)
    if (found := evidence.alignment) is None or found.agreement * found.validity.mean() < 0.4:
        return None
    look = difference.first_look(found.authentic, evidence.manipulated, found.validity)
    return choose(row["key"], look, mask, found.validity)


def second_sample(folder: Path, first: dict, row: dict) -> Sample | None:
    """Pixels of the second look at a difference."""
    evidence, mask = read(folder, row)
    if (found := evidence.alignment) is None or found.agreement * found.validity.mean() < 0.4:
        return None
    inputs = found.authentic, evidence.manipulated, found.validity
    suspects = from_dict(first)(difference.first_look(*inputs))
    suspects[~found.validity] = 0
    return choose(row["key"], second_look(suspects, *inputs), mask, found.validity)


def second_look(suspects: np.ndarray, authentic: np.ndarray, manipulated: np.ndarray, validity: np.ndarray) -> dict:
    """Features of the second look, recoloured without the suspects."""
    authentic = difference.recoloured(suspects, authentic, manipulated, validity)
    return difference.second_look(suspects, authentic, manipulated, validity)


def single_sample(folder: Path, row: dict) -> Sample | None:
    """Pixels of each hypothesis; another copy of the object than the one that proposed it is left out."""
    evidence, mask = read(folder, row)
    samples = []
    for number, hypothesis in enumerate(evidence.hypotheses):
        look = correlation.single_look(evidence.authentic, evidence.manipulated, hypothesis)
        _, label = cv2.connectedComponents(mask.astype(np.uint8))
        y, x = correlation.pixels(hypothesis.points, mask.shape)
        own = np.isin(label, np.setdiff1d(label[y, x], 0))
        samples.append(choose(f"{row['key']}/{number}", look.features, own, look.validity & (own | (label == 0))))
    return join(samples)


def composite_sample(folder: Path, single: dict, row: dict) -> Sample | None:
    """Pixels of all hypotheses together."""
    evidence, mask = read(folder, row)
    if not evidence.hypotheses:
        return None
    looks = [correlation.single_look(evidence.authentic, evidence.manipulated, h) for h in evidence.hypotheses]
    singles = [from_dict(single)(look.features) for look in looks]
    look = correlation.composite_look(evidence.manipulated, evidence.hypotheses, looks, singles)
    return choose(row["key"], look, mask, np.ones(mask.shape, bool))


def difference_map(folder: Path, curves: dict, row: dict) -> tuple[np.ndarray, np.ndarray]:
    """The whole map of a pair and its truth."""
    evidence, mask = read(folder, row)
    if (found := evidence.alignment) is None:
        return np.zeros(mask.shape, np.float32), mask
    inputs = found.authentic, evidence.manipulated, found.validity
    suspects = from_dict(curves["first"])(difference.first_look(*inputs))
    suspects[~found.validity] = 0
    return from_dict(curves["second"])(second_look(suspects, *inputs)) * found.validity, mask


def correlation_map(folder: Path, curves: dict, row: dict) -> tuple[np.ndarray, np.ndarray]:
    """The whole map of a pair and its truth."""
    evidence, mask = read(folder, row)
    if not evidence.hypotheses:
        return np.zeros(mask.shape, np.float32), mask
    looks = [correlation.single_look(evidence.authentic, evidence.manipulated, h) for h in evidence.hypotheses]
    singles = [from_dict(curves["single"])(look.features) for look in looks]
    look = correlation.composite_look(evidence.manipulated, evidence.hypotheses, looks, singles)
    return from_dict(curves["composite"])(look), mask


def sharpen(name: str, curve: dict, maps: list[tuple[np.ndarray, np.ndarray]]) -> dict:
    """Steepen a curve so that QES > 0.5 tells good masks from bad ones best; the mask at 0.5 stays as it is.

    A per-pixel fit is honest about every pixel of an edge, so that a good mask of a small object is mostly "in doubt".
    """
    pairs = [(p, mask) for p, mask in maps if mask.any()]
    good = np.array([iou(p >= 0.5, mask) >= GOOD for p, mask in pairs])
    best, chosen = -1.0, 1.0
    for sharpness in SHARPNESS:
        steep = [
            1 / (1 + np.exp(-sharpness * np.log(np.clip(p, 1e-6, 1 - 1e-6) / np.clip(1 - p, 1e-6, 1))))
            for p, _ in pairs
        ]
        kept = np.array([(qes(to_8bit(p.astype(np.float32))) or 0) > 0.5 for p in steep])
        balanced = (kept[good].mean() + (~kept[~good]).mean()) / 2
        print(f"  sharpness {sharpness}: keeps {kept[good].mean():.2f} of good, {kept[~good].mean():.2f} of bad masks")
        if balanced > best + 1e-9:
            best, chosen = float(balanced), sharpness
    print(f"{name}: sharpness {chosen}", flush=True)
    features = {n: [*row[:2], *(float(f"{v * chosen:.5g}") for v in row[2:])] for n, row in curve["features"].items()}
    return {"offset": round(curve["offset"] * chosen, 5), "features": features}


def scene_sample(folder: Path, row: dict) -> Sample | None:
    """One pair: do both pictures show the same scene?"""
    evidence, _ = read(folder, row)
    return whole(kind.scene_features(evidence), row["kind"] in ("SPG", "identical"))


def edit_sample(folder: Path, row: dict) -> Sample | None:
    """One pair of the same scene: was anything edited?"""
    evidence, _ = read(folder, row)
    return whole(kind.difference_features(evidence), row["kind"] == "SPG")


def object_sample(folder: Path, row: dict) -> Sample | None:
    """One pair of different scenes: do they share an object?"""
    evidence, _ = read(folder, row)
    return whole(kind.object_features(evidence), row["kind"] == "SDG")


def whole(features: dict, truth: bool) -> Sample:
    """A sample of one."""
    columns = {name: np.array([value], np.float32) for name, value in features.items()}
    return Sample(columns, np.array([truth]), np.ones(1))


def choose(key: str, features: dict, mask: np.ndarray, usable: np.ndarray) -> Sample | None:
    """Pixels of a map, in and around the mask and elsewhere, so that small objects count as much as large ones."""
    rng = np.random.default_rng(np.frombuffer(key.encode().ljust(8, b"."), np.uint8))
    reach = max(3.0, float(np.sqrt(mask.sum())) / 3)
    near = cv2.dilate(mask.astype(np.uint8), disk(reach)) > 0
    parts, weights = [], []
    for where, count, weight in ((near & usable, INSIDE, 1.0), (~near & usable, OUTSIDE, 0.5)):
        found = np.flatnonzero(where)
        if len(found):
            parts.append(rng.choice(found, count))
            weights.append(np.full(count, weight))
    if not parts:
        return None
    index = np.concatenate(parts)
    shape = mask.shape
    columns = {
        name: np.broadcast_to(value, shape).reshape(-1)[index].astype(np.float32) for name, value in features.items()
    }
    return Sample(columns, mask.reshape(-1)[index], np.concatenate(weights))


def join(samples: list[Sample | None]) -> Sample | None:
    """Several samples as one."""
    found = [sample for sample in samples if sample is not None]
    if not found:
        return None
    return Sample(
        {name: np.concatenate([sample.features[name] for sample in found]) for name in found[0].features},
        np.concatenate([sample.truth for sample in found]),
        np.concatenate([sample.weight for sample in found]),
    )


def fit(name: str, samples: list[Sample | None], *, ridge: float = 1e-4) -> dict:
    """Weighted maximum likelihood with a small ridge; returns the curve's JSON form."""
    started = time.time()
    joined = join(samples)
    assert joined is not None
    columns, truth, weight = joined.features, joined.truth, joined.weight
    x = np.column_stack(list(columns.values())).astype(np.float64)
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
    z = (x - mean) / scale
    design = np.hstack([z, np.minimum(z, 0), np.ones((len(z), 1))])
    weight = weight / weight.sum()

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        score = design @ w
        error = 1 / (1 + np.exp(-np.clip(score, -30, 30))) - truth
        return float((weight * (np.logaddexp(0, score) - truth * score)).sum() + ridge * w @ w), design.T @ (
            weight * error
        ) + 2 * ridge * w

    result = minimize(loss, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    k = len(columns)
    print(f"{name}: {len(truth):,} samples, loss {result.fun:.4f}, {time.time() - started:.0f} s", flush=True)
    slope, low = result.x[:k], result.x[k : 2 * k]
    table = zip(columns, np.column_stack([mean, scale, slope, low]).tolist(), strict=True)
    return {
        "offset": round(float(result.x[-1]), 5),
        "features": {n: [float(f"{v:.5g}") for v in row] for n, row in table},
    }


def write(path: Path, curves: dict, note: dict) -> None:
    """Write the curves of one file, one feature a line."""
    text = json.dumps(note | {"curves": curves}, indent=1)
    path.write_text(text + "\n", "utf-8")
    print("wrote", path.relative_to(SOURCE.parent.parent), flush=True)


if __name__ == "__main__":
    main()
