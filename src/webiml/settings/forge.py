"""Settings of `webiml forge`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from webiml.errors import SettingError
from webiml.settings.limits import read_shares, refuse_workers

FORGE_KINDS = ("SPG", "SDG", "identical", "unrelated", "single", "jittered")
DOCUMENT_KINDS = ("replaced", "moved", "erased", "pasted")
_KINDS_OF = {"photograph": FORGE_KINDS, "document": DOCUMENT_KINDS}
_USUAL_KINDS = {
    "photograph": "SPG=0.4,SDG=0.35,identical=0.1,unrelated=0.15",
    "document": "replaced=0.55,pasted=0.2,erased=0.15,moved=0.1",
}
_USUAL_SIZES = {"photograph": 384, "document": 768}
_SMALLEST = {"photograph": 64, "document": 256}  # pixels: on a smaller page nothing can be read


@dataclass(frozen=True)
class ForgeSettings:
    """What decides how pairs are forged. Hashed into every folder of pairs; a resume with other values is refused."""

    seed: int = 0
    """Seed of all draws: same pictures, seed and key, same pair."""
    domain: Literal["photograph", "document"] = "photograph"
    """What is forged: pictures of IMAGES, or pages that are rendered here."""
    size: int = 0
    """Longest side of what is forged, before the web, pixels; larger pictures are cropped or reduced, none enlarged.
    0 takes 384 for photographs and 768 for documents."""
    kinds: str | None = None
    """Of photographs, shares of SPG, SDG, identical, unrelated, single (a manipulated picture alone) and jittered
    (Object Jitter: objects in another size, exposure or texture), such as SPG=2,SDG=1; `SPG` alone makes nothing else.
    Without it SPG=0.4,SDG=0.35,identical=0.1,unrelated=0.15. Of documents, shares of replaced, moved, erased and
    pasted among the edits; without it replaced=0.55,pasted=0.2,erased=0.15,moved=0.1."""

    def __post_init__(self) -> None:
        if not self.size:
            object.__setattr__(self, "size", _USUAL_SIZES[self.domain])
        if self.kinds is None:
            object.__setattr__(self, "kinds", _USUAL_KINDS[self.domain])
        least = _SMALLEST[self.domain]
        if not least <= self.size <= 4096:
            raise SettingError(f"--size must lie between {least} and 4096 pixels, got {self.size}.")
        if self.seed < 0:
            raise SettingError(f"--seed must not be negative, got {self.seed}.")
        _ = self.shares  # which refuses what cannot be read

    @property
    def shares(self) -> dict[str, float]:
        """Each kind that is made, in the order of FORGE_KINDS or DOCUMENT_KINDS, and its share; they add up to 1."""
        example = "SPG=2,SDG=1" if self.domain == "photograph" else "replaced=3,pasted=1"
        return read_shares(self.kinds or "", "--kinds", "kind", _KINDS_OF[self.domain], example)

    def decides(self) -> dict[str, object]:
        """What is kept with a folder of pairs. That photographs are forged goes without saying."""
        return {name: value for name, value in asdict(self).items() if (name, value) != ("domain", "photograph")}


@dataclass(frozen=True)
class ForgeRun:
    """How forging is carried out; what pictures are taken decides results, too, and is kept with the folder."""

    count: int = 100
    """Pairs to make; with a larger number the same command goes on where it was."""
    split: str = ""
    """Take only pictures of packs whose `split` is this, such as train; empty takes all. Of documents: the typefaces
    and layouts of train or of val; empty is train."""
    only_shippable: bool = False
    """Take only pictures of packs that are marked `may_ship_weights`."""
    remover: str = ""
    """A function that fills holes in some of the removals, as package.module:function; empty: OpenCV alone."""
    coco: str = ""
    """A COCO annotation file that knows the objects of pictures without a `<name>.mask.png`, by their file_name."""
    labels: str = ""
    """A function that finds the objects of such pictures, (rgb) -> labels, as package.module:function."""
    workers: int = 0
    """Processes that forge; 0 takes one for each core. Results do not depend on it."""
    sheet: bool = False
    """Draw sheets/KIND.png, a contact sheet of each kind."""
    strict: bool = False
    """Exit with 1 when a picture was skipped or a pair failed."""
    dry_run: bool = False
    """List what would be done, write nothing."""
    json: bool = False
    """Print one machine-readable summary on stdout instead of the table."""
    quiet: bool = False
    """Print nothing but errors (and the JSON summary, if asked for)."""

    def __post_init__(self) -> None:
        refuse_workers(self.workers)
        if not 1 <= self.count <= 10_000_000:
            raise SettingError(f"--count must lie between 1 and 10000000, got {self.count}.")
        for flag, function in (("--remover", self.remover), ("--labels", self.labels)):
            if function and function.count(":") != 1:
                raise SettingError(f"{flag} must look like package.module:function, got {function!r}.")
        if self.coco and self.labels:
            raise SettingError("Give --coco or --labels, not both: either says where the objects of a picture are.")
