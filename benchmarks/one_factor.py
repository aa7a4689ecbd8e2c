"""What does one thing that the web does to one side of a pair cost? Everything else stays as it is.

    python benchmarks/one_factor.py --pairs ../shared/data/casia1_dev/pairs.csv [--sample 60] [--method prior|learned]
                                    [--worst DIR] [--json OUT.json]

Scores the pairs as they are, then once for each factor below; protocol as in accuracy.py, all pairs counted. The loss
is the mean IoU of the pairs as they are less that with the factor. The mask follows whatever moves the manipulated
picture; what an edit of the authentic one hides stays in it: a crop of the authentic side takes away what a mask
could be found by. --worst writes the three pairs of each factor that lost most: authentic, manipulated, truth, found.
"""

from __future__ import annotations

import argparse
import functools
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from accuracy import named_table, summary
from machine import machine
from PIL import Image, ImageDraw, ImageFont
from scoring import METHODS, KnownPair, Scored, annotator, read_pair, read_table, score_table
from second_web_copy import LEFT_IN, MOST_DRAWS, Rng, framed, rng_for, turn, warped, with_text

from webiml.images.codec import decode_map, encode_jpeg, encode_png, from_8bit
from webiml.images.decode import decode
from webiml.images.draw import heat, overlay
from webiml.store.atomic import make_folder, write_bytes

KINDS = ("SPG", "SDG")
JPEG_QUALITY = 30
SCALE = 0.35
DEGREES = 5.0  # to either side
CUT_OFF = 0.4  # share of the area
WORST = 3
SIDE = 384  # pixels, the longest side of a picture on a sheet

Picture = np.ndarray  # (H, W, 3) uint8 RGB
Edit = Callable[[Picture, np.ndarray, Rng], tuple[Picture, np.ndarray]]  # a side and its (H, W) bool mask


@dataclass(frozen=True)
class Factor:
    """One edit of one side; the authentic side comes with a mask that is empty and goes nowhere."""

    side: str
    edit: Edit


def jpeg(picture: Picture, mask: np.ndarray, rng: Rng) -> tuple[Picture, np.ndarray]:
    return decode(encode_jpeg(picture, JPEG_QUALITY), picture.size).rgb, mask


def smaller(picture: Picture, mask: np.ndarray, rng: Rng) -> tuple[Picture, np.ndarray]:
    size = (round(picture.shape[1] * SCALE), round(picture.shape[0] * SCALE))
    soft = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA), soft >= 0.5


def rotated(picture: Picture, mask: np.ndarray, rng: Rng) -> tuple[Picture, np.ndarray]:
    """Zoomed just so that no corner is empty."""
    matrix = turn(picture.shape[:2], DEGREES * rng.choice([-1, 1]))
    return warped(picture, matrix, cv2.INTER_CUBIC), warped(mask.astype(np.float32), matrix, cv2.INTER_LINEAR) >= 0.5


def mirrored(picture: Picture, mask: np.ndarray, rng: Rng) -> tuple[Picture, np.ndarray]:
    return np.ascontiguousarray(picture[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])


def cropped(picture: Picture, mask: np.ndarray, rng: Rng) -> tuple[Picture, np.ndarray]:
    """A window anywhere, of the picture's shape; it shows a quarter of the mask at least where there is such a one."""
    height, width = (round(side * np.sqrt(1 - CUT_OFF)) for side in mask.shape)
    windows = []
    for _ in range(MOST_DRAWS):
        top, left = rng.integers(mask.shape[0] - height + 1), rng.integers(mask.shape[1] - width + 1)
        windows.append(np.s_[top : top + height, left : left + width])
        if mask[windows[-1]].sum() >= LEFT_IN * mask.sum():
            break
    window = max(windows, key=lambda window: mask[window].sum()) if mask.any() else windows[-1]
    return np.ascontiguousarray(picture[window]), np.ascontiguousarray(mask[window])


def bordered(picture: Picture, mask: np.ndarray, rng: Rng) -> tuple[Picture, np.ndarray]:
    """5 to 15 % of the shorter side, one colour."""
    framing, followed = framed(picture, mask, rng)
    assert followed is not None
    return framing, followed


def watermarked(picture: Picture, mask: np.ndarray, rng: Rng) -> tuple[Picture, np.ndarray]:
    """Text over 2 to 6 % of the picture, half transparent."""
    return cv2.addWeighted(picture, 0.5, with_text(picture, rng)[0], 0.5, 0), mask


FACTORS = {
    "JPEG 30, manipulated": Factor("manipulated", jpeg),
    "0.35x, manipulated": Factor("manipulated", smaller),
    "0.35x, authentic": Factor("authentic", smaller),
    "turned 5 degrees, manipulated": Factor("manipulated", rotated),
    "mirrored, authentic": Factor("authentic", mirrored),
    "40 % cut off, manipulated": Factor("manipulated", cropped),
    "40 % cut off, authentic": Factor("authentic", cropped),
    "border, manipulated": Factor("manipulated", bordered),
    "watermark, manipulated": Factor("manipulated", watermarked),
}


def main() -> None:
    """Score the pairs with each factor and print one line a factor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=named_table, required=True, metavar="[NAME=]TABLE", help="as in accuracy.py")
    parser.add_argument(
        "--sample", type=int, help="score this many SPG and SDG pairs together, drawn by --seed and key"
    )
    parser.add_argument("--seed", type=int, default=5, help="decides the sample and what is drawn for a factor")
    parser.add_argument(
        "--method", choices=METHODS, help="how a pair is segmented; the annotator's default unless given"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--worst", type=Path, help="write the three pairs of each factor that lost most here, as PNG")
    parser.add_argument("--json", type=Path, help="write every score here")
    arguments = parser.parse_args()
    name, table = arguments.pairs
    rows = read_table(table, arguments.sample, arguments.seed, KINDS)
    if not rows:
        parser.error(f"--pairs: {table} holds neither SPG nor SDG pairs.")
    made_on = f"{machine()}, {arguments.workers} workers"
    print(f"{made_on}\n{name}: {len(rows)} pairs, method {arguments.method or 'default'}, seed {arguments.seed}\n")
    print_heading()
    everything = {"machine": made_on, "table": name, "method": arguments.method or "default", "factors": {}}
    untouched: Scored | None = None
    for factor in ("as they are", *FACTORS):
        with tempfile.TemporaryDirectory() as maps:
            scored = score_table(
                table, workers=arguments.workers, rows=rows, make=functools.partial(annotator, arguments.method),
                maps=Path(maps), change=functools.partial(apply, factor, arguments.seed) if untouched else None,
            )  # fmt: skip
            everything["factors"][factor] = print_line(factor, scored, untouched or scored)
            if untouched and arguments.worst:
                write_worst(arguments.worst, factor, table, rows, arguments.seed, scored, untouched, Path(maps))
        untouched = untouched or scored
        if arguments.json:
            write_bytes(arguments.json, json.dumps(everything, indent=1, allow_nan=False).encode())


def apply(factor: str, seed: int, pair: KnownPair) -> KnownPair:
    """The pair with one factor; what is drawn depends on seed, key and factor alone."""
    side, edit = FACTORS[factor].side, FACTORS[factor].edit
    rng = rng_for(seed, pair.key, factor)
    if side == "authentic":
        return replace(pair, authentic=edit(pair.authentic, np.zeros(pair.authentic.shape[:2], bool), rng)[0])
    picture, mask = edit(pair.manipulated, pair.mask, rng)
    return replace(pair, manipulated=picture, mask=mask)


def print_heading() -> None:
    """What stands above each kind's numbers."""
    print(" " * 30 + "".join(f"   {kind} n    IoU    loss   kind   kept" for kind in KINDS))


def print_line(factor: str, scored: Scored, untouched: Scored) -> dict:
    """Print one factor's line and return its numbers."""
    line, result = f"{factor:<30}", {"kinds": {}, "pairs": [asdict(one) for one, _ in scored]}
    for kind in KINDS:
        part, before = ([both for both in some if both[0].kind == kind] for some in (scored, untouched))
        if not part:
            line += f"{0:>8}{'-':>7}{'-':>8}{'-':>7}{'-':>7}"
            continue
        numbers, loss = summary(part), summary(before)["iou"] - summary(part)["iou"]
        shown = {name: numbers[name] for name in ("n", "iou", "kind_accuracy", "kept")}
        result["kinds"][kind] = shown | {"loss": loss}
        line += f"{len(part):>8}{shown['iou']:>7.3f}{loss:>8.3f}{shown['kind_accuracy']:>7.3f}{shown['kept']:>7.2f}"
    print(line, flush=True)
    return result


def write_worst(
    out: Path, factor: str, table: Path, rows: list[dict[str, str]], seed: int, scored: Scored, untouched: Scored,
    maps: Path,
) -> None:  # fmt: skip
    """The pairs that lost most IoU to a factor, as it was applied; FACTOR-1-KEY.png is the worst."""
    make_folder(out)
    losses = [before.iou - after.iou for (before, _), (after, _) in zip(untouched, scored, strict=True)]
    for place, index in enumerate(np.argsort(losses, kind="stable")[::-1][:WORST], start=1):
        pair = apply(factor, seed, read_pair(table.parent, rows[index]))
        probability = from_8bit(decode_map((maps / f"{pair.key}.png").read_bytes()))
        score = scored[index][0]
        tiles = {
            f"{factor}: authentic": pair.authentic,
            "manipulated": pair.manipulated,
            f"truth: {pair.kind}": overlay(pair.manipulated, pair.mask),
            f"found: {score.predicted}, IoU {score.iou:.2f}, was {untouched[index][0].iou:.2f}": heat(probability),
        }
        words = "".join(sign if sign.isalnum() else "-" for sign in factor)
        write_bytes(out / f"{words}-{place}-{pair.key}.png", encode_png(sheet(tiles)))


def sheet(tiles: dict[str, Picture]) -> Picture:
    """Pictures side by side, each under its caption, at most SIDE large and never enlarged."""
    canvas = Image.new("RGB", (len(tiles) * (SIDE + 8), SIDE + 24), "white")
    draw = ImageDraw.Draw(canvas)
    for place, (caption, picture) in enumerate(tiles.items()):
        small = Image.fromarray(picture)
        small.thumbnail((SIDE, SIDE))
        canvas.paste(small, (place * (SIDE + 8), 24))
        draw.text((place * (SIDE + 8), 3), caption, "black", font=ImageFont.load_default(14))
    return np.asarray(canvas)


if __name__ == "__main__":
    main()
