"""What IMDL-BenCo's JsonDataset reads: pictures, masks, and a list of both.

    Tp/<key>.<ext> Gt/<key>.png     manipulated pictures and their masks, 0 or 255
    Au/<sha256>.<ext>               authentic pictures, each once
    imdl-benco.json                 [["Tp/a.jpg", "Gt/a.png"], ["Au/....jpg", "Negative"], ...]

Source: JsonDataset, and ManiDataset, which reads Tp and Gt without the list (scu-zjz/IMDLBenCo
IMDLBenCo/datasets/iml_datasets.py). Paths of the list are looked for from the working directory there.
Its loader opens pictures with Pillow, does not turn them as their EXIF says, and wants mask and picture of one size
(IMDLBenCo/datasets/utils.py, abstract_dataset.py), so a pair whose manipulated picture is stored turned is left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from webiml.datasets.export.cut import cut_lines, drop_rows, going
from webiml.datasets.export.index import JsonLines, put
from webiml.datasets.export.pair import Laid, PairFiles, Plan, Unfit
from webiml.images.decode import is_turned
from webiml.store.dataset import Role
from webiml.store.place import Place

ROLES: tuple[Role, ...] = ("authentic", "manipulated", "mask")
LIST = "imdl-benco.json"


def lay(pair: PairFiles) -> Laid:
    """The picture, its mask and, shared, the authentic one.

    Raises:
        Unfit: there is no mask, or the picture is stored turned.
    """
    if pair.mask is None:
        raise Unfit("no_mask", "nothing was segmented, so there is no mask")
    if is_turned(pair.files["manipulated"], (pair.row.height or 0) * (pair.row.width or 0)):
        raise Unfit("stored_turned", "its EXIF says that it is to be turned, which this format's reader does not do")
    key = pair.row.key
    own = {
        f"Tp/{key}{pair.endings['manipulated']}": pair.files["manipulated"],
        f"Gt/{key}.png": pair.files["mask"],
    }
    authentic = f"Au/{pair.sha256['authentic']}{pair.endings['authentic']}"
    return Laid(pair.row, own, {authentic: pair.files["authentic"]})


def write(out: Place, pairs: Iterator[Laid], plan: Plan) -> Iterator[tuple[Laid, list[str]]]:
    """Write the list and the authentic pictures; what is yielded are the pairs with the names of their files."""
    seen: set[str] = set()
    with out.writer(LIST) as file:
        lines = JsonLines(file)
        lines.text("[\n")
        for laid in pairs:
            lines.add(list(laid.own))
            for name, data in laid.shared.items():
                if name not in seen:
                    put(out, name, data)
                    lines.add([name, "Negative"])
                    seen.add(name)
            yield laid, list(laid.own)
        lines.text("]\n")


def remove_pairs(place: Place, keys: set[str]) -> None:
    """Take pairs out of the export, and authentic pictures that no other pair has; the same call finishes it.

    Raises:
        SettingError: the list was changed by somebody else.
        OutputError: it cannot be written.
    """
    files = going(place, keys).files
    gone = set(files)
    cut_lines(place, LIST, lambda record: record[0] not in gone)
    for name in files:
        place.delete(name)
    drop_rows(place, keys)
