"""A pack and a folder of generated pictures with detail everywhere."""

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image


def textured(seed: int, size: tuple[int, int] = (240, 320)) -> np.ndarray:
    """Coarse and fine structure, different for each seed, (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    out = np.zeros((*size, 3), np.float32)
    for sigma in (2, 6, 25):
        layer = cv2.GaussianBlur(rng.standard_normal((*size, 3)).astype(np.float32), (0, 0), sigma)
        out += layer / layer.std()
    return cv2.normalize(out, np.empty_like(out), 10, 245, cv2.NORM_MINMAX).astype(np.uint8)


def file_bytes(array: np.ndarray, kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **({"quality": 95} if kind == "JPEG" else {}))
    return buffer.getvalue()


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures, the last two val: p0 has an object, p5 and p7 may not ship, p2 and p3 are one scene."""
    folder = tmp_path_factory.mktemp("pack")
    rows = []
    with tarfile.open(folder / "images-000.tar", "w") as tar:

        def add(name: str, data: bytes) -> None:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))

        for index in range(8):
            add(f"p{index}.jpg", file_bytes(textured(index), "JPEG"))
            rows.append({"key": f"p{index}", "split": "train" if index < 6 else "val", "source": "made", "width": 320})
            rows[-1] |= {"source_path": "2" if index == 3 else f"{index}", "licence": "CC0-1.0", "height": 240}
            rows[-1] |= {"tar": "images-000.tar", "may_ship_weights": index not in (5, 7), "author": f"a{index}"}
        outline = np.zeros((240, 320), np.uint8)
        outline[60:140, 80:180] = 1
        add("p0.mask.png", file_bytes(outline, "PNG"))
    rows[1]["licence"] = "CC-BY-SA-4.0"
    pq.write_table(pa.Table.from_pylist(rows), folder / "index.parquet")
    return folder


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five pictures, one of them in a subfolder and one with an object mask; one broken; a table of authors."""
    root = tmp_path_factory.mktemp("pictures")
    (root / "more").mkdir()
    for index in range(4):
        (root / f"f{index}.png").write_bytes(file_bytes(textured(20 + index), "PNG"))
    (root / "more" / "deep.jpg").write_bytes(file_bytes(textured(24), "JPEG"))
    outline = np.zeros((240, 320), np.uint8)
    outline[100:200, 40:140] = 3
    (root / "f1.mask.png").write_bytes(file_bytes(outline, "PNG"))
    (root / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture at all")
    (root / "notes.txt").write_text("a note")
    (root / "pictures.csv").write_text("file,source,license,author\nf0.png,my camera,CC-BY-4.0,Ada\n")
    return root
