"""Settings of `webiml evaluate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from webiml.errors import SettingError
from webiml.settings.limits import refuse_megapixels, refuse_workers

Protocol = Literal["webiml", "benco", "trufor", "mvss", "miml"]


@dataclass(frozen=True)
class EvaluateSettings:
    """What decides the numbers of an evaluation. Kept in every result."""

    protocol: Protocol = "webiml"
    """Whose rules count: ours, or those of IMDL-BenCo, TruFor, MVSS-Net or the MIML scripts; see docs/evaluate.md."""
    weights: str = ""
    """Score a localizer: the name of one that ships, a file or a folder of your own made by `webiml export`, or
    OWNER/REPOSITORY on the Hugging Face Hub."""
    net: str = ""
    """Score a network or a function of your own, as package.module:factory; see docs/evaluate.md."""
    predictions: Path | None = None
    """Score maps that any program has saved, in this folder: PNG and other pictures, .npy or .npz."""
    revision: str = ""
    """Commit of the repository on the Hub, its full hash; needed there, and of no use elsewhere."""
    views: int = 1
    """Views that --weights averages: 1 as the picture is, 2 its mirror image, too, 3 and upside down."""
    invert: bool = False
    """The maps of --predictions are dark where manipulated."""
    fit: Literal["exact", "stretch"] = "exact"
    """What of a map in --predictions that has not its picture's size: exact counts it as a failure, stretch brings it
    to the picture's size."""
    max_megapixels: float = 200.0
    """Refuse pictures above this size before they are decoded, megapixels."""

    def __post_init__(self) -> None:
        given = [flag for flag in ("weights", "net", "predictions") if getattr(self, flag)]
        if len(given) != 1:
            found = "none" if not given else " and ".join(f"--{flag}" for flag in given)
            raise SettingError(
                f"Give one of --weights NAME, --net package.module:factory or --predictions DIR; got {found}."
            )
        if not 1 <= self.views <= 3:
            raise SettingError(f"--views must be 1, 2 or 3, got {self.views}.")
        if self.views > 1 and not self.weights:
            raise SettingError("--views is for --weights: a network or maps of your own are taken as they are.")
        if (self.invert or self.fit != "exact") and not self.predictions:
            raise SettingError("--invert and --fit are for --predictions: maps that another program has saved.")
        refuse_megapixels(self.max_megapixels)


@dataclass(frozen=True)
class EvaluateRun:
    """How an evaluation is carried out; decides nothing about its numbers."""

    cache: Path | None = None
    """Where maps are kept, so that the same picture is never localized twice; the user's cache folder if not given."""
    workers: int = 0
    """Processes that localize and score; 0 takes one for each core. Results do not depend on it."""
    pictures: bool = True
    """Show the best and the worst cases as pictures in report.html."""
    allow_leaks: bool = False
    """Go on although the localizer learned from pictures of the benchmark; every table then says so."""
    download: bool = False
    """Fetch a localizer of the Hugging Face Hub that is not on this machine yet; without it nothing is fetched."""
    strict: bool = False
    """Exit with 1 when a picture could not be scored."""
    dry_run: bool = False
    """List what would be scored, write nothing."""
    json: bool = False
    """Print result.json on stdout instead of the table."""
    quiet: bool = False
    """Print nothing but errors (and the JSON, if asked for)."""

    def __post_init__(self) -> None:
        refuse_workers(self.workers)
