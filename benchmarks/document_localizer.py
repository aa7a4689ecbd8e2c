"""How well does Web-IML find what was changed on documents, and what helps it to begin with?

    python benchmarks/document_localizer.py --out DIR [--pages 300] [--recipe recipes/document.yaml] [--workers 2]
                                            --pairs ../shared/data/casia1_dev/pairs.csv --images PACK [--images PACK2]

The recipe fine-tunes the preset `tiny` from three starts: the trunk alone (pretrained on photographs that nobody
forged), the localizer that ships (forged photographs), and that one after it has gone on with pairs that `webiml
annotate` annotated. The pairs come from a validation set, so the last start and what follows from it are deleted when
they are scored and never ship; without --pairs they are left out. Scored are pages forged by `webiml forge --domain
document --split val`, whose typefaces and layouts no training page has, and for false alarms the authentic sides of a
third of them. Protocol: F1 and IoU of each page at a fixed 0.5, native size, one look, not calibrated; mean over pages;
95 % intervals and paired differences over pages. The last weights count; no checkpoint is chosen.

OUT keeps pages, samples, trainings and one JSON a start: what is there is not done again, so the same command goes on
after a kill.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ablation import slug
from ablation_localizer import start
from localizer_scoring import AUTHENTIC, HALF, Single, best_of_curve, drawn
from machine import machine
from scoring import read_table
from web_supervision import FURTHER, WITH_PAIRS, annotate, learn, learned_from, save_alike, scored, web_iml
from web_supervision import MIX as PHOTOGRAPHS
from web_supervision_tables import gain_of, print_header, print_row

from webiml.errors import WebimlError
from webiml.forge.folder import forge_documents
from webiml.metrics.resampling import interval
from webiml.settings import ForgeSettings
from webiml.store.atomic import make_folder, write_bytes
from webiml.train.start import load_start
from webiml.train.web_iml import prepare_pictures

PAGE_SEED, PAGE_SIZE = 13, 768  # of the pages that are scored; longest side, pixels
SHIPPED = "web-iml"
AS_IT_SHIPS, TRUNK, PHOTOGRAPHED = "web-iml, not fine-tuned", "trunk only", "forged photographs"
ANNOTATED = "forged and annotated pairs"
COMPARISONS = (
    ("what fine-tuning brings", AS_IT_SHIPS, PHOTOGRAPHED),
    ("forged photographs against the trunk", TRUNK, PHOTOGRAPHED),
    ("annotated pairs on top of them", PHOTOGRAPHED, ANNOTATED),
)


def main() -> None:
    """Do what is missing and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--recipe", type=Path, default=Path(__file__).parents[1] / "recipes" / "document.yaml")
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--images", type=Path, action="append", help="a pack, for the third start; may be repeated")
    parser.add_argument("--pairs", type=Path, metavar="TABLE", help="pairs to annotate, for the third start")
    parser.add_argument("--count", type=int, default=3000, help="pictures made of the packs, for the third start")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    if (arguments.pairs is None) != (arguments.images is None):
        raise SystemExit("The third start needs --pairs and --images; give both, or neither.")
    out, workers = arguments.out, arguments.workers
    starts = [AS_IT_SHIPS, TRUNK, PHOTOGRAPHED, *([ANNOTATED] if arguments.pairs else [])]
    try:
        make_folder(out)
        settings = ForgeSettings(seed=PAGE_SEED, size=PAGE_SIZE, domain="document")
        forge_documents(out / "pages", settings, "val", arguments.pages, workers=workers)
        pages = pages_of(out / "pages" / "pairs.csv")
        todo = [name for name in starts if not result_path(out, name).exists()]
        if todo:
            recipe = yaml.safe_load(arguments.recipe.read_text())
            prepare_pictures(
                (), out / "samples", pictures=recipe["pictures"], mix=recipe["mix"], seed=recipe.get("seed", 0),
                workers=workers, quiet=False,
            )  # fmt: skip
            if ANNOTATED in todo:
                make_annotated_start(arguments, out)
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(functools.partial(fine_tune, out, arguments.recipe), todo))
            with ProcessPoolExecutor(workers, get_context("spawn"), initializer=start) as pool:
                list(pool.map(functools.partial(score, out, pages), todo))
    except WebimlError as error:
        raise SystemExit(str(error)) from None
    for learned in (out / "annotated", training_of(out, ANNOTATED)):  # of a validation set: it does not stay
        shutil.rmtree(learned, ignore_errors=True)
    print_tables({name: json.loads(result_path(out, name).read_bytes()) for name in starts})


def pages_of(table: Path) -> list[Single]:
    """The manipulated pages, named by their first edit, and the authentic sides of a third of them."""
    rows, folder = read_table(table, kinds=["SPG"]), table.parent
    forged = [
        Single(row["key"], edit_of(row["operations"]), row["key"], folder / row["manipulated"], folder / row["mask"])
        for row in rows
    ]
    untouched = [Single(row["key"], AUTHENTIC, row["key"], folder / row["authentic"], None) for row in rows]
    return [*forged, *drawn(untouched, len(rows) // 3)]


def edit_of(operations: str) -> str:
    """The first edit among the operations of a row."""
    known = ("replaced", "moved", "erased", "pasted")
    return next((edit for one in operations.split(" ") for edit in known if one.startswith(edit)), "other")


def make_annotated_start(arguments: argparse.Namespace, out: Path) -> None:
    """The localizer that ships, after it went on with every pair of the table that `webiml annotate` keeps."""
    folder = out / "annotated"
    make_folder(folder)
    table = save_alike(arguments.pairs, None, folder / "pictures")
    prepare_pictures(
        arguments.images, folder / "samples", pictures=arguments.count, mix=PHOTOGRAPHS, seed=0,
        workers=arguments.workers, quiet=False,
    )  # fmt: skip
    everyone = {row["component"]: 0 for row in read_table(table, kinds=["SPG", "SDG"])}
    annotate(table, everyone, 0, folder, arguments.workers)
    learn(web_iml, WITH_PAIRS, FURTHER, learned_from(folder, "kept", 0), folder / "start", Path(SHIPPED))


def training_of(out: Path, name: str) -> Path:
    """Folder of the training from one start."""
    return out / "trainings" / slug(name)


def fine_tune(out: Path, recipe: Path, name: str) -> None:
    """`webiml train` by the recipe, on one thread; it goes on where it was stopped."""
    given = {PHOTOGRAPHED: [SHIPPED], ANNOTATED: [str(out / "annotated" / "start" / "best.safetensors")], TRUNK: []}
    if name not in given:
        return
    command = [sys.executable, "-m", "webiml", "train", "web-iml", "--config", str(recipe), "--quiet", "--workers", "1"]
    command += ["--samples", str(out / "samples"), "--out", str(training_of(out, name)), "--device", "cpu"]
    command += ["--validate-every", str(10**8), *(word for value in given[name] for word in ("--start", value))]
    if subprocess.run(command, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"}).returncode:
        raise SystemExit(f"Fine-tuning from {name} did not end: see above.")


def score(out: Path, pages: Sequence[Single], name: str) -> None:
    """One look at every page, into one JSON."""
    net, notes = web_iml(), dict[str, Any]()
    learned = training_of(out, name) / "best.safetensors"
    load_start(Path(SHIPPED) if name == AS_IT_SHIPS else learned, net.state_dict())
    if name != AS_IT_SHIPS:
        notes = json.loads(learned.with_suffix(".json").read_bytes())
    result: dict[str, Any] = {"start": name, "machine": machine(), "seconds": notes.get("seconds", 0.0)}
    result |= {"settings": notes.get("settings"), "pages": scored(net.eval(), pages)}
    write_bytes(result_path(out, name), json.dumps(result, allow_nan=False).encode())


def result_path(out: Path, name: str) -> Path:
    """The JSON of one start."""
    return out / f"{slug(name)}.json"


def print_tables(results: dict[str, dict[str, Any]]) -> None:
    """One line a start and edit, then one a comparison."""
    one = next(iter(results.values()))
    forged = [page for page in one["pages"] if page["f1"] is not None]
    kinds = [page["kind"] for page in forged]
    untouched = len(one["pages"]) - len(forged)
    print("\n".join(dict.fromkeys(result["machine"] for result in results.values())))
    print(f"{len(forged)} forged pages of other typefaces and layouts, {untouched} untouched ones\n")
    names = ("start", "first edit", "n", "F1 at 0.5", "95 %", "IoU", "best F1", "at", "AUC", "untouched area marked")
    print_header(*names, "seconds")
    found = {name: figures(result) for name, result in results.items()}
    for name, result in results.items():
        flagged = np.mean([page["flagged"] for page in result["pages"] if page["f1"] is None])
        for kind in ("all", *sorted(set(kinds))):
            mine = np.array([kind in ("all", one) for one in kinds])
            f1, iou, auc = (found[name][figure][mine] for figure in ("F1", "IoU", "AUC"))
            low, high = interval(f1, [str(number) for number in range(len(f1))])
            curve = np.array([page["f1"] for page in result["pages"] if page["f1"] is not None])[mine].mean(axis=0)
            threshold, best = best_of_curve(curve)
            cells = [name, kind, str(mine.sum()), f"{f1.mean():.3f}", f"{low:.3f} to {high:.3f}", f"{iou.mean():.3f}"]
            cells += [f"{best:.3f}", f"{threshold:.2f}", f"{auc.mean():.3f}"]
            whole = kind == "all"
            print_row(*cells, f"{flagged:.2%}" if whole else "", f"{result['seconds']:.0f}" if whole else "")
    print()
    print_header("question", "figure", "gain", "95 %", "p", "seen")
    groups = [page["key"] for page in forged]
    for words, before, after in COMPARISONS:
        if before in results and after in results:
            for figure in ("F1", "IoU", "AUC"):
                print_row(words, *gain_of(figure, found[before][figure], found[after][figure], groups))


def figures(result: dict[str, Any]) -> dict[str, np.ndarray]:
    """(N,) of each figure at 0.5, of the forged pages; IoU follows from F1."""
    forged = [page for page in result["pages"] if page["f1"] is not None]
    f1 = np.array([page["f1"][HALF] for page in forged])
    return {"F1": f1, "IoU": f1 / (2 - f1), "AUC": np.array([page["auc"] for page in forged])}


if __name__ == "__main__":
    main()
