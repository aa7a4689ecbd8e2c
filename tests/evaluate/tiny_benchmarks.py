"""Small folders that lie like the published benchmarks, made of 16x20 pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

SIZE = (16, 20)
MARKED = np.zeros(SIZE, bool)  # what every good mask marks: a fifth of the picture
MARKED[4:12, 5:13] = True


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)


def white(marked: np.ndarray = MARKED) -> np.ndarray:
    """A mask as most sets save it: (H, W) uint8, 255 manipulated."""
    return marked.astype(np.uint8) * 255


def black(marked: np.ndarray = MARKED) -> np.ndarray:
    """DSO-1 and NIST16: black is manipulated."""
    return white(~marked)


def ones(marked: np.ndarray = MARKED) -> np.ndarray:
    """DocTamper and others: 1 is manipulated."""
    return marked.astype(np.uint8)


def green_on_red(marked: np.ndarray = MARKED) -> np.ndarray:
    """Columbia: what was pasted is green, the rest red; (H, W, 3), BGR."""
    drawn = np.zeros((*marked.shape, 3), np.uint8)
    drawn[marked] = (0, 200, 0)
    drawn[~marked] = (0, 0, 200)
    return drawn


def grey(marked: np.ndarray = MARKED) -> np.ndarray:
    """Korus: white, and grey that counts, too."""
    levels = white(marked)
    levels[:8][marked[:8]] = 127
    return levels


@dataclass(frozen=True)
class Shape:
    """How one benchmark lies: paths of a picture, its mask and an authentic picture, and how a mask is drawn."""

    image: str
    mask: str
    authentic: str = ""
    draw: Callable[[np.ndarray], np.ndarray] = white
    kind: str = ""


SHAPES: Mapping[str, Shape] = {
    "casia-v1": Shape(
        "Tp/Sp/Sp_D_NND_A_ani000{}_x.jpg",
        "CASIA 1.0 groundtruth/Sp/Sp_D_NND_A_ani000{}_x_gt.png",
        "Au/Au_ani_000{}.jpg",
        kind="splice",
    ),
    "casia-v1 of CAT-Net": Shape(
        "CASIA 1.0 dataset/Modified Tp/Tp/CM/Sp_S_NND_A_{}.jpg",
        "CASIA 1.0 groundtruth/CM/Sp_S_NND_A_{}_gt.png",
        "CASIA 1.0 dataset/Au/Au_{}.jpg",
        kind="copy-move",
    ),
    "casia-v1 of BenCo": Shape("Tp/Sp_D_NND_{}.jpg", "Gt/Sp_D_NND_{}_gt.png", "Au/{}.jpg", kind="splice"),
    "casia-v1-plus": Shape(
        "Sp/Sp_D_NND_A_{}.jpg", "groundtruth/Sp_D_NND_A_{}_gt.png", "Au_corel/{}.jpg", kind="splice"
    ),
    "casia-v2": Shape("Tp/Tp_S_NNN_{}.tif", "CASIA 2 Groundtruth/Tp_S_NNN_{}_gt.png", "Au/Au_{}.jpg", kind="copy-move"),
    "casia-v2 of BenCo": Shape("Tp/Tp_D_CRN_{}.jpg", "Gt/Tp_D_CRN_{}_gt.png", "Au/Au_{}.jpg", kind="splice"),
    "columbia": Shape(
        "4cam_splc/canong3_sub_0{}.tif",
        "4cam_splc/edgemask/canong3_sub_0{}_edgemask.png",
        "4cam_auth/canong3_0{}.tif",
        green_on_red,
        "splice",
    ),
    "columbia twice": Shape(
        "4cam_splc/4cam_splc/a_{}.tif",
        "4cam_splc/4cam_splc/edgemask/a_{}_edgemask.png",
        "4cam_auth/4cam_auth/a_{}.tif",
        green_on_red,
        "splice",
    ),
    "coverage": Shape("image/{}t.tif", "mask/{}forged.tif", "image/{}.tif", kind="copy-move"),
    "coverage of MVSS-Net": Shape("tampered/{}t.tif", "mask/{}forged.tif", "Au/{}.tif", kind="copy-move"),
    "nist16": Shape("probe_save/NC_{}_splice.png", "mask/NC_{}_splice.png", kind="splice"),
    "imd2020": Shape("z{}/00_fake.jpg", "z{}/00_fake_mask.png", "z{}/z_orig.jpg"),
    "dso-1": Shape(
        "DSO-1/splicing-0{}.png", "DSO-1-Fake-Images-Masks/splicing-0{}.png", "DSO-1/normal-0{}.png", black, "splice"
    ),
    "vipp": Shape("Forgery/Forgery_a {}.jpg", "masks/Forgery_a {}.png", "NonTamp/NonTamp_{}.jpg"),
    "cocoglide": Shape(
        "fake/glide_inpainting_val2017_{}_up.png", "mask/hot dog_{}_mask.png", "real/hot dog_{}.png", kind="inpainting"
    ),
    "autosplice": Shape("Forged_JPEG100/{}_1.jpg", "Mask/{}_mask.png", "Authentic/{}.jpg", ones, "inpainting"),
    "autosplice-75": Shape("Forged_JPEG75/{}_1.jpg", "Mask/{}_mask.png", "Authentic/{}.jpg", kind="inpainting"),
    "korus": Shape(
        "Nikon_D90/tampered-realistic/r{}.TIF", "Nikon_D90/ground-truth/r{}.PNG", "Nikon_D90/pristine/r{}.TIF", grey
    ),
    "openforensics": Shape("Test-Dev/{}a.jpg", "Annotations_GT/Images/Test-Dev/{}a.png"),
    "defacto": Shape(
        "DEFACTO/Copy-Move-images/img/{}.tif", "DEFACTO/Copy-Move-annotations/probe_mask/{}.png", kind="copy-move"
    ),
    "rtm": Shape(
        "JPEGImages/cpmv_{}.jpg", "SegmentationClass/cpmv_{}.png", "JPEGImages/good_{}.jpg", ones, "copy-move"
    ),
    "doctamper": Shape("images/{}.jpg", "masks/{}.png", "", ones),
    "Tp and Gt": Shape("Tp/{}.jpg", "Gt/{}.png", "Au/{}.jpg"),
    "imgs and masks": Shape("imgs/{}.v2.jpg", "masks/{}.png", "", ones),
    "images and masks": Shape("images/a{}.jpg", "masks/a{}.png", "", ones),
}
"""What a test calls it; the first word is the benchmark's name where it has one."""


def write(path: Path, pixels: np.ndarray | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(pixels, bytes):
        path.write_bytes(pixels)
    else:
        cv2.imwrite(str(path), pixels)


def lay(root: Path, shape: Shape) -> Path:
    """Four manipulated pictures, of which only the first is sound, two authentic ones and a file beside them.

    2 has a mask of another size, 3 none, and 4 is a page with a picture's name.
    """
    for number in (1, 2, 3, 4):
        page = b"<!DOCTYPE html><html>Not found</html>"
        write(root / shape.image.format(number), page if number == 4 else picture(number))
        if number != 3:
            marked = np.pad(MARKED, ((0, 2), (0, 0))) if number == 2 else MARKED
            write(root / shape.mask.format(number), shape.draw(marked))
    if shape.authentic:
        for number in (1, 2):
            write(root / shape.authentic.format(number), picture(10 + number))
    write(root / "notes.txt", b"a note")
    return root
