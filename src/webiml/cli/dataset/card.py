"""`webiml dataset card`: a dataset described for people, as a card of the Hugging Face Hub."""

from __future__ import annotations

import json as json_format
from pathlib import PurePosixPath

from webiml import __version__
from webiml.cli.summary import line
from webiml.cli.terminal import plain, say
from webiml.errors import SettingError

FILE = "README.md"


def card(
    dataset: str,
    /,
    *,
    out: str | None = None,
    name: str | None = None,
    json: bool = False,
    quiet: bool = False,
) -> int:
    """Describe a dataset as a card of the Hugging Face Hub: README.md, and two pictures in card/ beside it.

    It says how many pairs there are of each kind, their sizes, mask areas and QES, where they come from and under which
    licences, what was rejected and why, how it was made, its limits, and how to have something taken out.

    Examples:

    - `webiml dataset card dataset`
    - `webiml dataset card dataset --name "Forged cats" --out hub/README.md`

    Exit codes: 0 it was written, 2 a wrong setting, 3 it could not be written.

    Parameters
    ----------
    dataset
        A dataset that `webiml annotate` has written: a folder, or an address such as s3://bucket/dataset.
    out
        The card, a file whose name ends in .md; README.md in the dataset when not given.
    name
        Name of the dataset, for people; the name of its folder when not given.
    json
        Print one JSON object on stdout instead of the text.
    quiet
        Print nothing but errors (and the JSON object, if asked for).
    """
    if out is not None and not out.endswith(".md"):
        raise SettingError(f"--out {out} must name a file that ends in .md, such as {FILE}.")
    # Heavy imports wait until the flags are known to be right
    from webiml.datasets.card import write_card
    from webiml.datasets.export.begin import name_of
    from webiml.report.words import REASON_MEANING
    from webiml.store.place import open_place

    place = open_place(dataset)
    folder, file = place, FILE
    if out is not None:
        head, slash, file = out.rpartition("/")
        folder = open_place(head or ("/" if slash else "."))
    counts = write_card(place, folder, PurePosixPath(file).name, name or name_of(place), REASON_MEANING)
    where = f"{folder}/{file}"
    if json:
        record = {"card": where, "rows": counts.rows, "kept": counts.kept, "version": __version__}
        say(json_format.dumps(record))
    elif not quiet:
        lines = [f"pairs {counts.rows:,}   kept {counts.kept:,}", line("card", plain(where))]
        lines.append(line("next", "read it, and write above the samples what a reader must know that no table tells"))
        say("\n".join(lines))
    return 0
