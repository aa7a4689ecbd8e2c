"""COCO: pictures, and one JSON file with a run-length mask for each manipulated one.

    images/<key>.<ext>               manipulated pictures
    images/authentic-<sha256>.<ext>  authentic pictures, each once, without an annotation
    annotations.json                 images, annotations, categories, licenses

One annotation a picture holds its whole mask, `iscrowd` 0, segmentation {"size": [H, W], "counts": "..."} as
pycocotools encodes it (cocodataset/cocoapi PythonAPI/pycocotools/mask.py), so a reader must know run lengths.
Sizes and masks are those after the EXIF rotation.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from webiml.datasets.export.cut import cut_lines, drop_rows, going
from webiml.datasets.export.index import JsonLines, json_record, put
from webiml.datasets.export.pair import Laid, PairFiles, Plan, Unfit
from webiml.errors import SettingError
from webiml.images.decode import size_of
from webiml.store.dataset import Role
from webiml.store.place import Place

ROLES: tuple[Role, ...] = ("authentic", "manipulated", "mask")
ANNOTATIONS = "annotations.json"
_CATEGORY = {"id": 1, "name": "manipulated", "supercategory": "manipulation"}
_MAX_PIXELS = 10_000_000_000  # the pictures were opened when the dataset was made
_HELD = 64 << 20  # bytes of annotations in memory; more go to a temporary file


def check_extra() -> None:
    """See that pycocotools is there.

    Raises:
        SettingError: it is not.
    """
    try:
        import pycocotools.mask  # noqa: F401
    except ImportError:
        raise SettingError('To write run lengths, install an extra: pip install "webiml[data]".') from None


def lay(pair: PairFiles) -> Laid:
    """The picture, its mask as run lengths, and, shared, the authentic picture.

    Raises:
        Unfit: there is no mask: without one the picture would count as authentic.
    """
    from pycocotools import mask as run_lengths

    if pair.mask is None:
        raise Unfit("no_mask", "nothing was segmented, so there is no mask")
    coded: Any = run_lengths.encode(np.asfortranarray(pair.mask >= 128, dtype=np.uint8))
    area, box = int(run_lengths.area(coded)), [float(value) for value in run_lengths.toBbox(coded)]
    annotation = None
    if area:
        segmentation = {"size": [int(n) for n in coded["size"]], "counts": coded["counts"].decode("ascii")}
        annotation = {"category_id": 1, "segmentation": segmentation, "area": area, "bbox": box, "iscrowd": 0}
    own = {f"images/{pair.row.key}{pair.endings['manipulated']}": pair.files["manipulated"]}
    authentic = f"images/authentic-{pair.sha256['authentic']}{pair.endings['authentic']}"
    note = {
        "size": pair.mask.shape,
        "authentic_size": size_of(pair.files["authentic"], _MAX_PIXELS),
        "annotation": annotation,
    }
    return Laid(pair.row, own, {authentic: pair.files["authentic"]}, note=note)


def write(out: Place, pairs: Iterator[Laid], plan: Plan) -> Iterator[tuple[Laid, list[str]]]:
    """Write the annotations and the authentic pictures; what is yielded are the pairs with the names of their files."""
    ids: dict[str, int] = {}  # of authentic pictures
    licenses: dict[str, int] = {}
    number = annotated = 0
    with out.writer(ANNOTATIONS) as file, tempfile.SpooledTemporaryFile(_HELD) as held:
        lines = JsonLines(file)
        lines.text('{"info": {"description": "made by webiml dataset export"},\n"images": [\n')
        for laid in pairs:
            row, (name, *_), (authentic, data) = laid.row, laid.own, next(iter(laid.shared.items()))
            number += 1
            image = {"id": number, "file_name": name, **_size(laid.note["size"]), "manipulated": True}
            if row.license:
                image["license"] = licenses.setdefault(row.license, len(licenses) + 1)
            if row.manipulated_url:
                image["coco_url"] = row.manipulated_url
            lines.add(image | {"authentic": authentic, "row": json_record(row)})
            if laid.note["annotation"] is not None:
                annotated += 1
                record = {"id": annotated, "image_id": number, **laid.note["annotation"]}
                held.write(json.dumps(record).encode() + b"\n")
            if authentic not in ids:
                number += 1
                ids[authentic] = number
                put(out, authentic, data)
                lines.add(
                    {"id": number, "file_name": authentic, **_size(laid.note["authentic_size"]), "manipulated": False}
                )
            yield laid, list(laid.own)
        lines.text('],\n"annotations": [\n')
        held.seek(0)
        for line in held:
            lines.add(json.loads(line))
        lines.text(f'],\n"categories": [{json.dumps(_CATEGORY)}],\n"licenses": [\n')
        for text, one in licenses.items():
            lines.add({"id": one, "name": text, "url": ""})
        lines.text("]}\n")


def remove_pairs(place: Place, keys: set[str]) -> None:
    """Take pairs out of the export, and authentic pictures that no other pair has; the same call finishes it.

    Raises:
        SettingError: the annotations were changed by somebody else.
        OutputError: it cannot be written.
    """
    files = going(place, keys).files
    gone, ids = set(files), set()
    used: set[int] = set()

    def keep(record: dict[str, Any]) -> bool:
        if "file_name" in record:
            if record["file_name"] in gone:
                ids.add(record["id"])
                return False
            used.add(record.get("license", 0))
            return True
        return record["id"] in used if "url" in record else record["image_id"] not in ids

    cut_lines(place, ANNOTATIONS, keep)
    for name in files:
        place.delete(name)
    drop_rows(place, keys)


def _size(size: Sequence[int]) -> dict[str, int]:
    return {"width": int(size[1]), "height": int(size[0])}
