"""What FiftyOne opens as a FiftyOneDataset, written without it.

    metadata.json samples.json         one sample a pair
    data/<key>.<ext>                   manipulated pictures
    fields/ground_truth/<key>.png      masks, 0 or 255      fields/probability/<key>.png
    fields/authentic_path/<key>.<ext>  authentic pictures

Source: voxel51/fiftyone fiftyone/utils/data/importers.py, as in release 1.22.1. A metadata.json without "version" is
opened by its LegacyFiftyOneDatasetImporter: samples are dictionaries, paths are relative to the folder, and the folders
below fields/ are named like the fields that hold paths. The newer form is a dump of its database.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from webiml.datasets.export.cut import cut_lines, drop_rows, going
from webiml.datasets.export.index import JsonLines, put
from webiml.datasets.export.pair import Laid, PairFiles, Plan
from webiml.store.dataset import Role
from webiml.store.place import Place
from webiml.store.rows import INPUT, to_record
from webiml.types import Row

ROLES: tuple[Role, ...] = ("authentic", "manipulated", "mask", "probability")
SAMPLES, METADATA = "samples.json", "metadata.json"
_FOLDERS = {
    "authentic": "fields/authentic_path",
    "manipulated": "data",
    "mask": "fields/ground_truth",
    "probability": "fields/probability",
}
_LEFT_OUT = ("authentic_path", "manipulated_path", "shard", "transform", "alternative_transform", "kind_probabilities")
_METADATA = {
    "media_type": "image",
    "info": {
        "mask_targets": {"ground_truth": {"255": "manipulated"}},
        "app_config": {"media_fields": ["filepath", "authentic_path"]},
    },
}


def lay(pair: PairFiles) -> Laid:
    """The files of a pair, in the folder of their field."""
    names = {role: f"{_FOLDERS[role]}/{pair.row.key}{pair.endings.get(role, '.png')}" for role in pair.files}
    return Laid(pair.row, {names[role]: data for role, data in pair.files.items()}, note=names)


def write(out: Place, pairs: Iterator[Laid], plan: Plan) -> Iterator[tuple[Laid, list[str]]]:
    """Write samples and metadata; what is yielded are the pairs with the names of their files."""
    put(out, METADATA, json.dumps(_METADATA, indent=1).encode() + b"\n")
    with out.writer(SAMPLES) as file:
        lines = JsonLines(file)
        lines.text('{"samples": [\n')
        for laid in pairs:
            lines.add(_sample(laid.row, laid.note))
            yield laid, list(laid.own)
        lines.text("]}\n")


def remove_pairs(place: Place, keys: set[str]) -> None:
    """Take pairs out of the export; after any stop the same call finishes it.

    Raises:
        SettingError: the samples were changed by somebody else.
        OutputError: it cannot be written.
    """
    files = going(place, keys).files
    cut_lines(place, SAMPLES, lambda record: record["key"] not in keys)
    for name in files:
        place.delete(name)
    drop_rows(place, keys)


def _sample(row: Row, names: dict[str, str]) -> dict[str, Any]:
    sample: dict[str, Any] = {"filepath": names["manipulated"], "tags": [row.status]}
    sample["authentic_path"] = names["authentic"]
    if "mask" in names:
        sample["ground_truth"] = {"_cls": "Segmentation", "mask_path": names["mask"]}
    if "probability" in names:
        sample["probability"] = {"_cls": "Heatmap", "map_path": names["probability"], "range": [0, 255]}
    for name, value in to_record(row).items():
        if value is not None and name not in _LEFT_OUT:
            field = re.sub(r"[^A-Za-z0-9_]", "_", name.removeprefix(INPUT))  # a field of a document database
            sample[f"input_{field}" if name.startswith(INPUT) else field] = value
    return sample
