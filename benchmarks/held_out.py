"""Pairs forged of pictures that nothing learned from: what several benchmarks beside this one measure on."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from webiml.forge.folder import forge_folder
from webiml.forge.pictures import list_pictures
from webiml.settings import ForgeSettings


def held_out_parser(description: str | None, *, count: int, seed: int) -> argparse.ArgumentParser:
    """What `held_out_pairs` asks of a command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, action="append", default=[], help="a pack; may be given again")
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--seed", type=int, default=seed)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pairs", type=Path, help="keep the pairs here; used as they are when pairs.csv is there")
    return parser


@contextmanager
def held_out_pairs(
    parser: argparse.ArgumentParser, arguments: argparse.Namespace, *, kinds: str, size: int
) -> Iterator[Path]:
    """The table of pairs forged of the packs' val split, made where it is missing; temporary without --pairs.

    Args: kinds, size: as in `ForgeSettings`.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.pairs or Path(temporary)
        if not (folder / "pairs.csv").exists():
            if not arguments.images:
                parser.error("--images is needed to make pairs; or --pairs with a folder that holds pairs.csv.")
            pictures = list_pictures(arguments.images, split="val", only_shippable=True)
            settings = ForgeSettings(seed=arguments.seed, size=size, kinds=kinds)
            forge_folder(pictures, folder, settings, arguments.count, workers=arguments.workers)
        yield folder / "pairs.csv"
