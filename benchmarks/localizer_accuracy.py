"""How well does a localizer find what was manipulated, on single pictures with published truth?

    python benchmarks/localizer_accuracy.py --pairs ../shared/data/casia1_dev/pairs.csv
                                            --authentic ../shared/data/casia1_dev/authentic.csv
                                            [--weights NAME_OR_PATH] [--views 3] [--jpeg 70] [--scale 0.75]
                                            [--worst DIR] [--json OUT.json] [--floors]

Protocol: every manipulated picture of the table once (its SPG rows), at native size; per-image F1 of the 8-bit map at
fixed 0.5 (>= 128), mean over pictures, nothing inverted, nothing ignored, no authentic picture in it; an empty mask and
a picture that cannot be read score 0. "Best of the set" is the one threshold with the highest such mean; AUC the mean
of per-image pixel AUCs. The 95 % intervals draw the table's `component`s with replacement. Flagged is the share of an
authentic picture's area in its mask. Image-level figures are taken after both classes were saved with one and the same
JPEG quality (90): files of two classes are seldom saved alike, and their quantisation tables alone would tell them
apart. Confidence: the AUROC with which 1 - confidence finds the pixels on the wrong side of 0.5, beside that of
1 - |2p - 1|, over 400 pixels a picture. ECE: 15 equal bins; of the probability over all pixels, of the score over all
re-saved pictures, both classes together. --jpeg and --scale change every picture first, and the truth with it.

--floors scores what looks at nothing, or at one more JPEG, by the same protocol; alone, or with --weights beside it.
"""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import named_table
from localizer_scoring import (
    AUTHENTIC,
    FLOORS,
    HALF,
    Answer,
    Change,
    Look,
    Seen,
    Single,
    authentic_singles,
    best_threshold,
    drawn,
    floor,
    interval,
    localizer,
    look_at_all,
    manipulated_singles,
    ranked_auc,
    read_single,
)
from machine import machine
from one_factor import sheet

from webiml.errors import WebimlError
from webiml.images.codec import encode_png, to_8bit
from webiml.images.draw import heat, overlay
from webiml.metrics.calibration import reliability
from webiml.store.atomic import make_folder, write_bytes

WEIGHTS = "web-iml"
ALARM = 0.01  # share of the area of an authentic picture above which it counts as flagged
SHOWN, ROWS = 30, 10  # pictures that --worst draws of each sort, and of them on one sheet


def main() -> None:
    """Score the localizer, the floors or both, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=named_table, required=True, metavar="[NAME=]TABLE", help="as in accuracy.py")
    parser.add_argument("--authentic", type=Path, help="more authentic pictures: a table with a column `image`")
    parser.add_argument("--weights", help=f"name or path of the localizer; {WEIGHTS} unless --floors is given alone")
    parser.add_argument("--views", type=int, default=1, help="views that are averaged")
    parser.add_argument("--jpeg", type=int, help="save every picture with this quality first")
    parser.add_argument("--scale", type=float, help="make every picture so many times as large first, then --jpeg")
    parser.add_argument("--count", type=int, help="so many manipulated and so many authentic pictures, drawn by key")
    parser.add_argument("--floors", action="store_true", help="score what a localizer has to beat, too")
    parser.add_argument("--worst", type=Path, help="write sheets of the worst, of random and of most flagged ones here")
    parser.add_argument("--json", type=Path, help="write every figure here")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    name, table = arguments.pairs
    if arguments.jpeg is not None and not 1 <= arguments.jpeg <= 100:
        parser.error(f"--jpeg lies between 1 and 100, got {arguments.jpeg}.")
    if arguments.scale is not None and not 0 < arguments.scale <= 4:
        parser.error(f"--scale lies above 0 and at most at 4, got {arguments.scale}.")
    singles = drawn(manipulated_singles(table), arguments.count)
    singles += drawn(authentic_singles(table, arguments.authentic), arguments.count)
    change = Change(arguments.jpeg, arguments.scale)
    made_on = f"{machine()}, {arguments.workers} processes of one thread"
    print(f"{made_on}\n{name}: {kinds_of(singles)}; {asdict(change)}\n")
    everything: dict[str, Any] = {"machine": made_on, "table": name, "change": asdict(change)}

    def seen_by(make: Callable[[], Look]) -> list[Seen]:
        return look_at_all(make, singles, workers=arguments.workers, change=change)

    if arguments.floors:
        everything["floors"] = print_floors(seen_by)
    if arguments.weights or not arguments.floors:
        weights = arguments.weights or WEIGHTS
        make = functools.partial(localizer, weights, arguments.views)
        try:
            seen = seen_by(make)
        except WebimlError as error:
            raise SystemExit(str(error)) from None
        everything |= {"weights": weights, "views": arguments.views, "figures": figures(seen)}
        everything["pictures"] = [line_of(one) for one in seen]
        print(f"{weights}, {arguments.views} view(s)\n")
        print_figures(everything["figures"])
        if arguments.worst:
            write_sheets(arguments.worst, seen, make(), change)
    if arguments.json:
        write_bytes(arguments.json, json.dumps(everything, indent=1, allow_nan=False).encode())


def figures(seen: Sequence[Seen]) -> dict[str, Any]:
    """Every figure of one localizer; None where it is not defined."""
    manipulated = [one for one in seen if one.single.kind != AUTHENTIC]
    authentic = [one for one in seen if one.single.kind == AUTHENTIC and not one.problem]
    kinds = {"all": manipulated} | {
        kind: [one for one in manipulated if one.single.kind == kind]
        for kind in sorted({one.single.kind for one in manipulated}, reverse=True)
    }
    threshold, best = best_threshold(manipulated)
    result: dict[str, Any] = {
        "kinds": {kind: of_kind(several) for kind, several in kinds.items()},
        "threshold": threshold,
        "f1_best": best,
        "f1_best_each": float(np.mean([one.f1[1:].max() for one in manipulated if one.f1 is not None])),
        "authentic": of_authentic(authentic),
        "problems": {one.single.key: one.problem for one in seen if one.problem},
        "seconds": float(np.median([one.seconds for one in seen])),
    }
    result["kinds"]["all"]["loss"] = best - result["kinds"]["all"]["f1"]
    for name in ("score", "largest"):
        values = (np.array([getattr(one, name) for one in several]) for several in (manipulated, authentic))
        result[f"image_auc_{name}"] = ranked_auc(*values)
    result["confidence"] = {"manipulated": of_confidence(manipulated), "all": of_confidence(seen)}
    score = np.array([[one.score for one in (*manipulated, *authentic)]], np.float64)
    true = np.arange(score.size)[None] < len(manipulated)
    result["ece_score"] = reliability(score, true).ece
    for name, several in (("ece", seen), ("ece_manipulated", manipulated)):
        result[name] = sum((one.bins for one in several[1:]), several[0].bins).ece
    return result


def of_kind(seen: Sequence[Seen]) -> dict[str, Any]:
    """F1 and AUC of the manipulated pictures of one kind."""
    f1 = np.array([one.f1[HALF] for one in seen if one.f1 is not None])
    auc = np.array([one.auc for one in seen if one.auc is not None])
    return {
        "n": len(seen),
        "f1": float(f1.mean()),
        "f1_interval": interval(f1, [one.single.component for one in seen]),
        "auc": float(auc.mean()) if len(auc) else None,
        "auc_interval": interval(auc, [one.single.component for one in seen if one.auc is not None])
        if len(auc)
        else None,
        "missed": float((f1 < 0.05).mean()),
    }


def of_authentic(seen: Sequence[Seen]) -> dict[str, Any] | None:
    """How much of pictures is flagged in which there is nothing to find."""
    if not seen:
        return None
    flagged = np.array([one.flagged[HALF] for one in seen])
    return {
        "n": len(seen),
        "flagged": float(flagged.mean()),
        "flagged_interval": interval(flagged, [one.single.component for one in seen]),
        "alarms": float((flagged > ALARM).mean()),
        "untouched": float((flagged == 0).mean()),
    }


def of_confidence(seen: Sequence[Seen]) -> dict[str, float | None]:
    """AUROC with which wrong pixels are found, by the confidence map and by the probability itself."""
    wrong = np.concatenate([one.wrong for one in seen])
    found: dict[str, float | None] = {"wrong": float(wrong.mean()) if wrong.size else None}
    for name in ("doubt", "unsure"):
        values = np.concatenate([getattr(one, name) for one in seen])
        found[name] = ranked_auc(values[wrong], values[~wrong])
    return found


def line_of(one: Seen) -> dict[str, Any]:
    """What the JSON keeps of one picture."""
    return {
        "key": one.single.key,
        "kind": one.single.kind,
        "component": one.single.component,
        "f1": None if one.f1 is None else float(one.f1[HALF]),
        "auc": one.auc,
        "flagged": float(one.flagged[HALF]),
        "score": one.score,
        "problem": one.problem,
    }


def kinds_of(singles: Sequence[Single]) -> str:
    """How many there are of each kind."""
    kinds = [one.kind for one in singles]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))


def print_figures(found: dict[str, Any]) -> None:
    """The figures in the order of the protocol."""
    print(f"{'kind':<14}{'n':>5}{'F1 at 0.5':>11}{'95 %':>16}{'pixel AUC':>11}{'95 %':>16}{'missed':>9}")
    for kind, numbers in found["kinds"].items():
        line = f"{kind:<14}{numbers['n']:>5}{numbers['f1']:>11.3f}{between(numbers['f1_interval']):>16}"
        line += f"{shown(numbers['auc']):>11}{between(numbers['auc_interval']):>16}{numbers['missed']:>9.3f}"
        print(line)
    print(f"\nF1 at the best threshold of the set, {found['threshold']:.3f}: {found['f1_best']:.3f} ", end="")
    print(f"({found['kinds']['all']['loss']:.3f} more); at the best of each picture: {found['f1_best_each']:.3f}")
    if authentic := found["authentic"]:
        print(f"authentic ({authentic['n']}): {authentic['flagged']:.2%} of the area flagged on average ", end="")
        low, high = authentic["flagged_interval"]
        print(f"({low:.2%} to {high:.2%}), {authentic['alarms']:.1%} of them with more than {ALARM:.0%}")
    print(f"image-level AUC, all saved alike: score {shown(found['image_auc_score'])}, ", end="")
    print(f"largest probability {shown(found['image_auc_largest'])}")
    for where, numbers in found["confidence"].items():
        confidence, plain = numbers["doubt"], numbers["unsure"]
        more = f" ({confidence - plain:+.3f})" if confidence is not None and plain is not None else ""
        words = f"confidence {shown(confidence)}, |2p - 1| {shown(plain)}{more}"
        print(f"wrong pixels of {where} pictures found, AUROC: {words}")
    print(f"ECE: probability {found['ece']:.4f} (manipulated alone {found['ece_manipulated']:.4f}), ", end="")
    print(f"score {found['ece_score']:.4f}")
    print(f"{found['seconds']:.3f} s a picture (median)")
    for key, problem in found["problems"].items():
        print(f"counted as 0 or, authentic, left out: {key}: {problem}")


def print_floors(seen_by: Callable[[Callable[[], Look]], list[Seen]]) -> dict[str, Any]:
    """One line a floor, and all their figures."""
    print(f"{'floor':<20}{'F1 at 0.5':>11}{'best each':>11}{'best of set':>13}", end="")
    print(f"{'pixel AUC':>11}{'image AUC':>11}{'flagged':>9}")
    result = {}
    for name in FLOORS:
        result[name] = found = figures(seen_by(functools.partial(floor, name)))
        line = f"{name:<20}{found['kinds']['all']['f1']:>11.3f}{found['f1_best_each']:>11.3f}{found['f1_best']:>13.3f}"
        line += f"{shown(found['kinds']['all']['auc']):>11}{shown(found['image_auc_score']):>11}"
        print(line + f"{shown((found['authentic'] or {}).get('flagged')):>9}", flush=True)
    print()
    return result


def between(ends: Sequence[float] | None) -> str:
    """Two ends of an interval."""
    return f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else "-"


def shown(number: float | None) -> str:
    """Three digits, or a dash where there is no number."""
    return "-" if number is None else f"{number:.3f}"


def write_sheets(out: Path, seen: Sequence[Seen], look: Look, change: Change) -> None:
    """worst-N.png, random-N.png (manipulated pictures) and flagged-N.png (authentic ones), ROWS pictures each."""
    make_folder(out)
    f1 = {one.single.key: float(one.f1[HALF]) for one in seen if one.f1 is not None and not one.problem}
    flagged = {one.single.key: float(one.flagged[HALF]) for one in seen if one.f1 is None and not one.problem}
    by_key = {one.single.key: one.single for one in seen}
    chosen = {
        "worst": sorted(f1, key=lambda key: f1[key])[:SHOWN],
        "random": [one.key for one in drawn([by_key[key] for key in f1], SHOWN)],
        "flagged": [key for key in sorted(flagged, key=lambda key: -flagged[key]) if flagged[key] > 0][:SHOWN],
    }
    for sort, keys in chosen.items():
        strips = [strip(by_key[key], look, change, f1.get(key)) for key in keys]
        for start in range(0, len(strips), ROWS):
            page = np.vstack(strips[start : start + ROWS])
            write_bytes(out / f"{sort}-{start // ROWS + 1}.png", encode_png(page))


def strip(single: Single, look: Look, change: Change, f1: float | None) -> np.ndarray:
    """Picture, truth, probability and mask side by side."""
    rgb, truth = change(*read_single(single))
    found: Answer = look(rgb)
    mask = to_8bit(found.probability) >= HALF
    words = f"mask, score {found.score:.2f}" if f1 is None else f"mask, F1 {f1:.2f}, score {found.score:.2f}"
    return sheet(
        {
            single.key[:48]: rgb,
            f"truth: {single.kind}": overlay(rgb, truth),
            f"probability, at most {found.probability.max():.2f}": heat(found.probability),
            words: overlay(rgb, mask),
        }
    )


if __name__ == "__main__":
    main()
