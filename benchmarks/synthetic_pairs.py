"""Make pairs of which the truth is known, to fit calibration constants (train split) and to check them (val split).

    python benchmarks/synthetic_pairs.py --images PACK [--images PACK2] --split val --out DIR --count 200 --seed 7

PACK is a folder with index.parquet and the tars it names: <key>.jpg, and <key>.mask.png where objects are outlined
(0 background, 1..n objects). Only rows with `may_ship_weights` are used. DIR gets pairs.csv and, as PNG,
authentic/<key>.png, manipulated/<key>.png and masks/<key>.png (0 or 255, empty for identical and unrelated pairs).

First a forgery is made at native size, then the two sides go through the web, each on its own. What a pair looks like
depends on its key and the seed alone, never on --count or --workers.
"""

from __future__ import annotations

import argparse
import csv
import functools
import hashlib
import multiprocessing
import os
import tarfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
from PIL import Image
from synthetic_edits import (
    Edit,
    Picture,
    Rng,
    copy_move,
    drawing,
    local_edit,
    paste,
    pick_object,
    placement,
    recolour,
    removal,
    splice,
)
from synthetic_web import resaved, through_the_web

MIX = {"SPG": 0.40, "SDG": 0.40, "identical": 0.08, "unrelated": 0.12}
MIN_SIDE, MAX_SIDE = 200, 640  # pixels, before the web; larger pictures are reduced, smaller ones left out
RESAVED_ONLY = 0.25  # share of the pairs that keep their frame, size and colours and are only saved again
COLUMNS = ["key", "authentic", "manipulated", "mask", "kind", "operation", "web", "split"]
COLUMNS += ["background_source", "donor_source", "source", "license"]

Member = tuple[Path, int, int]  # a tar, and offset and length of one file in it, bytes


@dataclass(frozen=True)
class Item:
    """One picture of a pack, not yet read. `scene` is equal for two crops of the same photograph."""

    key: str
    scene: str
    license: str
    picture: Member
    outlines: Member | None


@dataclass(frozen=True)
class Forgery:
    """A pair before the web: the mask is (H, W) bool and belongs to the manipulated picture."""

    authentic: Picture
    manipulated: Picture
    mask: np.ndarray
    operation: str
    background: Item
    donor: Item | None


# ---------------------------------------------------------------- packs


def list_items(packs: list[Path], split: str) -> list[Item]:
    """Every usable picture of one split, sorted by key, so that draws do not depend on the order of files."""
    items = []
    for pack in packs:
        members: dict[str, Member] = {}
        rows = pq.read_table(pack / "index.parquet").to_pylist()
        for name in sorted({row["tar"] for row in rows}):
            with tarfile.open(pack / name) as tar:
                members |= {m.name: (pack / name, m.offset_data, m.size) for m in tar if m.isfile()}
        for row in rows:
            small = min(row["width"], row["height"]) * min(1.0, MAX_SIDE / max(row["width"], row["height"])) < MIN_SIDE
            if not row["may_ship_weights"] or row["split"] != split or small:
                continue
            scene = f"{row['source']}/{row['source_path']}"
            picture, outlines = members[f"{row['key']}.jpg"], members.get(f"{row['key']}.mask.png")
            items.append(Item(row["key"], scene, row["licence"], picture, outlines))
    return sorted(items, key=lambda item: item.key)


def read_member(member: Member, flag: int) -> np.ndarray:
    path, offset, length = member
    with open(path, "rb") as file:
        file.seek(offset)
        array = cv2.imdecode(np.frombuffer(file.read(length), np.uint8), flag)
    if array is None:
        raise SystemExit(f"{path} holds something at byte {offset} that is no picture. Is the pack complete?")
    return array


@functools.lru_cache(maxsize=32)
def read(item: Item) -> tuple[Picture, np.ndarray | None]:
    """The picture, at most MAX_SIDE long, and its outlines (H, W) uint8 or None."""
    picture = cv2.cvtColor(read_member(item.picture, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    outlines = read_member(item.outlines, cv2.IMREAD_GRAYSCALE) if item.outlines else None
    scale = MAX_SIDE / max(picture.shape[:2])
    if scale < 1:
        size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        outlines = None if outlines is None else cv2.resize(outlines, size, interpolation=cv2.INTER_NEAREST)
    return picture, outlines


# ---------------------------------------------------------------- forgeries of each kind


def draw_items(items: list[Item], count: int, rng: Rng) -> list[Item]:
    """`count` pictures of different scenes."""
    chosen: list[Item] = []
    for index in rng.permutation(len(items)):
        if items[index].scene not in {item.scene for item in chosen}:
            chosen.append(items[index])
        if len(chosen) == count:
            return chosen
    raise SystemExit(f"{len(items)} pictures are too few: {count} different scenes are needed.")


def draw_donor_first(items: list[Item], rng: Rng) -> list[Item]:
    """A donor and a background of another scene; half of the donors have outlined objects."""
    outlined = [item for item in items if item.outlines]
    if not outlined or rng.random() < 0.5:
        return draw_items(items, 2, rng)
    donor = outlined[int(rng.integers(len(outlined)))]
    return [donor, *draw_items([item for item in items if item.scene != donor.scene], 1, rng)]


def make_spg(items: list[Item], rng: Rng) -> Forgery | None:
    donor, background = draw_donor_first(items, rng)
    picture, outlines = read(background)
    edits: dict[str, tuple[float, Callable[[], Edit]]] = {
        "splice": (0.40, lambda: splice(picture, *read(donor), rng)),
        "copy_move": (0.20, lambda: copy_move(picture, outlines, rng)),
        "removal": (0.16, lambda: removal(picture, outlines, rng)),
        "local_edit": (0.16, lambda: local_edit(picture, outlines, rng)),
        "drawing": (0.08, lambda: drawing(picture, rng)),
    }
    name = str(rng.choice(list(edits), p=[share for share, _ in edits.values()]))
    made = edits[name][1]()
    if made is None:
        return None
    manipulated, inside = made
    change = np.abs(manipulated.astype(np.int16) - picture).max(axis=2)
    changed = cv2.morphologyEx((change >= 3).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8)) > 0
    mask = inside & changed  # what was edited and is not, by chance, what it was before
    if not 0.004 <= mask.mean() <= 0.6 or mask.sum() < 0.5 * inside.sum() or change[mask].mean() < 8:
        return None  # nothing that anybody would see
    return Forgery(picture, manipulated, mask, name, background, donor if name == "splice" else None)


def make_sdg(items: list[Item], rng: Rng) -> Forgery | None:
    donor, background = draw_donor_first(items, rng)
    authentic, outlines = read(donor)
    picture, _ = read(background)
    thing = pick_object(authentic, outlines, 0.02, 0.40, rng)
    if authentic[thing > 0].std() < 12:  # 8-bit levels: nothing that could be found again
        return None
    out, mask = picture, np.zeros(picture.shape[:2], bool)
    copies = int(rng.choice([1, 2, 3], p=[0.72, 0.2, 0.08]))
    source = recolour(authentic, rng, 0.8) if rng.random() < 0.6 else authentic
    for _ in range(copies):
        transform = placement(thing, picture.shape[:2], (0.022, 0.35 if copies == 1 else 0.18), rng)
        blend = str(rng.choice(["hard", "soft", "feathered"]))
        out, inside = paste(out, source, thing, transform, blend, 0.3 * (rng.random() < 0.25), rng)
        mask |= inside
    if not 0.015 <= mask.mean() <= 0.45:
        return None
    return Forgery(authentic, out, mask, f"paste_{copies}", background, donor)


def make_identical(items: list[Item], rng: Rng) -> Forgery | None:
    (item,) = draw_items(items, 1, rng)
    picture, _ = read(item)
    return Forgery(picture, picture, np.zeros(picture.shape[:2], bool), "none", item, None)


def make_unrelated(items: list[Item], rng: Rng) -> Forgery | None:
    one, two, three = draw_items(items, 3, rng)
    picture, forged = read(two)[0], rng.random() < 0.5
    if forged:
        made = splice(picture, *read(three), rng)
        picture = made[0] if made else picture
    mask = np.zeros(picture.shape[:2], bool)  # nothing of it comes from the authentic picture, so nothing can be told
    return Forgery(read(one)[0], picture, mask, "splice" if forged else "none", two, one)


MAKERS = {"SPG": make_spg, "SDG": make_sdg, "identical": make_identical, "unrelated": make_unrelated}


# ---------------------------------------------------------------- the folder


def rng_for(seed: int, key: str) -> Rng:
    """The draws of one pair, a function of its key and the seed alone."""
    return np.random.default_rng(np.frombuffer(hashlib.sha256(f"{seed}/{key}".encode()).digest(), np.uint64))


def forge(items: list[Item], kinds: list[str], rng: Rng) -> tuple[str, Forgery]:
    """One forgery of a kind drawn from MIX. An edit that cannot be seen is made anew."""
    shares = np.array([MIX[kind] for kind in kinds])
    kind = str(rng.choice(kinds, p=shares / shares.sum()))
    for _ in range(50):
        forgery = MAKERS[kind](items, rng)
        if forgery is not None:
            return kind, forgery
    raise SystemExit(f"No {kind} pair can be made from these pictures.")


def write_png(path: Path, array: np.ndarray) -> None:
    part = path.with_suffix(".part")
    Image.fromarray(array).save(part, "PNG", compress_level=1)
    os.replace(part, path)


def make_pair(key: str, items: list[Item], kinds: list[str], seed: int, out: Path) -> dict[str, str]:
    """Write the three files of one pair and return its row."""
    cv2.setNumThreads(1)
    rng = rng_for(seed, key)
    kind, forgery = forge(items, kinds, rng)
    if rng.random() < RESAVED_ONLY:
        web = "resaved"
        authentic, manipulated = resaved(forgery.authentic, rng), resaved(forgery.manipulated, rng)
        mask = forgery.mask
    else:
        web = "full"
        nothing = np.zeros(forgery.authentic.shape[:2], bool)
        authentic, _ = through_the_web(forgery.authentic, nothing, rng, mirror=0.08)
        manipulated, mask = through_the_web(forgery.manipulated, forgery.mask, rng, mirror=0.0)
    row = {"key": key, "kind": kind, "operation": forgery.operation, "web": web}
    for column, folder, array in (
        ("authentic", "authentic", authentic),
        ("manipulated", "manipulated", manipulated),
        ("mask", "masks", mask.astype(np.uint8) * 255),
    ):
        row[column] = f"{folder}/{key}.png"
        write_png(out / row[column], array)
    used = [item for item in (forgery.background, forgery.donor) if item]
    row["background_source"], row["donor_source"] = forgery.background.key, forgery.donor.key if forgery.donor else ""
    row["source"] = " + ".join(item.key for item in used)
    row["license"] = " + ".join(dict.fromkeys(item.license for item in used))
    return row


def make_pairs(
    packs: list[Path], out: Path, *, split: str, count: int, seed: int, kinds: list[str], workers: int = 1
) -> Iterator[dict[str, str]]:
    """Make `count` pairs under `out` and yield their rows in the order of their keys; pairs.csv is written last."""
    items = list_items(packs, split)
    for folder in ("authentic", "manipulated", "masks"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    keys = [f"{split}-{index:05d}" for index in range(count)]
    work = functools.partial(make_pair, items=items, kinds=kinds, seed=seed, out=out)
    rows = []
    with ExitStack() as stack:
        each = map
        if workers > 1:  # spawned: a fork of a process in which OpenCV or Arrow runs threads may hang
            pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
            each = stack.enter_context(pool).map
        for row in each(work, keys):
            rows.append(row | {"split": split})
            yield rows[-1]
    part = out / "pairs.csv.part"
    with open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    os.replace(part, out / "pairs.csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, action="append", required=True, help="a pack; may be given again")
    parser.add_argument("--split", choices=("train", "val"), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--kinds", default=",".join(MIX), help="comma-separated; the shares of MIX are kept")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    kinds = arguments.kinds.split(",")
    if unknown := set(kinds) - set(MIX):
        parser.error(f"--kinds: {', '.join(sorted(unknown))} is none of {', '.join(MIX)}.")
    for pack in arguments.images:
        if not (pack / "index.parquet").is_file():
            parser.error(f"--images: {pack} holds no index.parquet.")
    done = make_pairs(
        arguments.images, arguments.out, split=arguments.split, count=arguments.count, seed=arguments.seed,
        kinds=[kind for kind in MIX if kind in kinds], workers=arguments.workers,
    )  # fmt: skip
    counts: dict[str, int] = {}
    for row in done:
        counts[row["kind"]] = counts.get(row["kind"], 0) + 1
    print(f"{sum(counts.values())} pairs in {arguments.out}:", ", ".join(f"{v} {k}" for k, v in sorted(counts.items())))


if __name__ == "__main__":
    main()
