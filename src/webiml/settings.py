"""Settings: one frozen dataclass a command. Its fields are the flags, the YAML keys and what is hashed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from webiml.errors import SettingError

Backbone = Literal["efficientnet-lite0", "dinov2-small", "dinov2-base", "dinov2-large", "dinov2-giant"]


@dataclass(frozen=True)
class AnnotatorSettings:
    """What decides the result of an annotation. Hashed into every dataset; a resume with other values is refused."""

    method: Literal["learned", "prior"] = "learned"
    """How a pair is annotated: by the networks, or by the priors alone."""
    weights: Path | None = None
    """Folder of networks of your own, made by `webiml export`; what is not in it is taken from those that ship."""
    min_qes: float = 0.5
    """Keep masks whose Quality Evaluation Score is above this, [0, 1]."""
    min_area: float = 0.001
    """Reject masks that cover less than this share of the picture, [0, 1]."""
    max_area: float = 0.9
    """Reject masks that cover more than this share of the picture, [0, 1]."""
    max_unknown: float = 0.4
    """Reject SPG pairs of which the authentic picture leaves more than this share uncovered, [0, 1]."""
    max_megapixels: float = 200.0
    """Refuse pictures above this size before they are decoded, megapixels."""

    def __post_init__(self) -> None:
        for name in ("min_qes", "min_area", "max_area", "max_unknown"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise SettingError(f"--{name.replace('_', '-')} must lie between 0 and 1, got {value}.")
        if self.min_area > self.max_area:
            raise SettingError(
                f"--min-area {self.min_area} is above --max-area {self.max_area}: nothing could be kept."
            )
        _refuse_megapixels(self.max_megapixels)


@dataclass(frozen=True)
class AnnotateRun:
    """How a run is carried out; decides nothing about results."""

    format: Literal["folder", "shards"] = "folder"
    """Shape of the dataset: plain files, or sorted WebDataset tars for training at scale."""
    shard_pairs: int = 1000
    """Pairs a tar holds, with --format shards."""
    workers: int = 0
    """Processes that annotate; 0 takes one for each core. Results do not depend on it."""
    pictures: bool = True
    """Put a sheet of pairs with overlays into report.html."""
    strict: bool = False
    """Exit with 1 when a row failed."""
    dry_run: bool = False
    """List what would be done, write nothing."""
    json: bool = False
    """Print one machine-readable summary on stdout instead of the table."""
    quiet: bool = False
    """Print nothing but errors (and the JSON summary, if asked for)."""

    def __post_init__(self) -> None:
        _refuse_workers(self.workers)
        if self.shard_pairs < 1:
            raise SettingError(f"--shard-pairs must be at least 1, got {self.shard_pairs}.")


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
class TrainSettings:
    """What decides the result of a training. Hashed into every checkpoint; a resume with other values is refused."""

    preset: Literal["tiny", "small", "paper"] = "tiny"
    """Size of the network: tiny ships and trains on a laptop, paper is the size of the publication."""
    steps: int = 2000
    """Optimizer steps of the whole training."""
    batch: int = 8
    """Samples a step, over all processes together."""
    size: int = 256
    """Side of the square crops that the network learns from, pixels."""
    seed: int = 0
    """Seed of the first weights, of all samples and of every draw while training."""
    lr: float = 1e-3
    """Largest learning rate of AdamW, reached after the warm-up."""
    weight_decay: float = 0.05
    """Decay of AdamW, for weights of two or more dimensions; 0 turns it off."""
    warmup: int = 100
    """Steps over which the learning rate rises from 0; 0 starts at the largest."""
    schedule: Literal["cosine", "poly"] = "cosine"
    """How the learning rate falls to a hundredth after the warm-up: half a cosine, or the power 0.9 of what is left."""
    clip: float = 1.0
    """Largest norm of the gradient of all parameters; 0 turns clipping off."""
    ema: float = 0.999
    """Decay of the moving average of the weights that is validated and shipped; 0 turns averaging off."""

    def __post_init__(self) -> None:
        limits = {"steps": (1, 10**8), "batch": (1, 65536), "size": (32, 4096), "seed": (0, 2**32 - 1)}
        limits |= {"lr": (1e-9, 1.0), "weight_decay": (0, 1), "warmup": (0, self.steps), "clip": (0, 1e6)}
        limits |= {"ema": (0, 0.999999)}
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise SettingError(
                    f"--{name.replace('_', '-')} must lie between {low:g} and {high:g}, got {getattr(self, name)}."
                )
        if self.size % 32:
            raise SettingError(f"--size must be a multiple of 32, got {self.size}.")

    def digest(self) -> str:
        """First 16 hex digits of the SHA-256 of the settings as sorted JSON."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class TrainRun:
    """How a training is carried out; decides nothing about results but what rounding and chance of a device do."""

    workers: int = 0
    """Processes that make samples; 0 takes one for each core but one, at least one."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the network learns; auto takes a CUDA device where there is one."""
    minutes: float = 0.0
    """Stop with a checkpoint after so many minutes; the same command goes on from there. 0 sets no limit."""
    validate_every: int = 250
    """Steps between two validations; the last step is always validated."""
    log_every: int = 25
    """Steps of which a line of OUT/log.jsonl is the mean."""
    checkpoint_minutes: float = 5.0
    """Minutes between two checkpoints; a kill costs at most so much."""
    dry_run: bool = False
    """Measure three steps, say what the training would cost, write nothing."""
    json: bool = False
    """Print one machine-readable summary on stdout instead of the table."""
    quiet: bool = False
    """Print nothing but errors (and the JSON summary, if asked for)."""

    def __post_init__(self) -> None:
        _refuse_workers(self.workers)
        for name in ("validate_every", "log_every"):
            if getattr(self, name) < 1:
                raise SettingError(f"--{name.replace('_', '-')} must be at least 1, got {getattr(self, name)}.")
        for name in ("minutes", "checkpoint_minutes"):
            if not 0 <= getattr(self, name) <= 1e6:
                raise SettingError(
                    f"--{name.replace('_', '-')} must lie between 0 and 1000000, got {getattr(self, name)}."
                )


@dataclass(frozen=True)
class SampleSettings:
    """What a training learns from. Kept in every checkpoint; a resume with other values is refused."""

    pairs: int = 2000
    """Forged pairs that the samples of all steps are taken from; each is made once and kept."""
    backbone: Backbone = "efficientnet-lite0"
    """What Corr-DINO sees both pictures with: the trunk that ships, or a size of DINOv2 that `webiml fetch` got."""
    pictures: int = 12000
    """Forged, jittered and authentic pictures, and pages, that a localizer learns from; each is made once and kept."""
    mix: str = "forged=0.65,jittered=0.15,authentic=0.2"
    """Shares of what a localizer learns from: forged, jittered (Object Jitter), authentic (all three of --images),
    annotated (of --data), document (rendered and forged pages), page (rendered pages)."""
    net: str = ""
    """A localizer of your own, with `webiml train localizer`, as package.module:function; see docs/training.md."""

    def __post_init__(self) -> None:
        for name in ("pairs", "pictures"):
            if not 1 <= getattr(self, name) <= 10**7:
                raise SettingError(f"--{name} must lie between 1 and 10000000, got {getattr(self, name)}.")


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
        _refuse_workers(self.workers)
        if not 1 <= self.count <= 10_000_000:
            raise SettingError(f"--count must lie between 1 and 10000000, got {self.count}.")
        for flag, function in (("--remover", self.remover), ("--labels", self.labels)):
            if function and function.count(":") != 1:
                raise SettingError(f"{flag} must look like package.module:function, got {function!r}.")
        if self.coco and self.labels:
            raise SettingError("Give --coco or --labels, not both: either says where the objects of a picture are.")


@dataclass(frozen=True)
class LocalizeSettings:
    """What decides the result of a localization. Kept in every folder of results; a resume with others is refused."""

    weights: str = "web-iml"
    """The localizer: the name of one that ships, a file or a folder of your own made by `webiml export`, or
    OWNER/REPOSITORY on the Hugging Face Hub."""
    revision: str = ""
    """Commit of the repository on the Hub, its full hash; needed there, and of no use elsewhere."""
    threshold: float = 0.5
    """Mark pixels whose probability is at least this, above 0 and below 1."""
    views: int = 1
    """Views that are averaged: 1 as the picture is, 2 its mirror image, too, 3 and upside down."""
    max_megapixels: float = 200.0
    """Refuse pictures above this size before they are decoded, megapixels."""

    def __post_init__(self) -> None:
        if not self.weights:
            raise SettingError("--weights must name a localizer, such as web-iml.")
        if not 0 < self.threshold < 1:
            raise SettingError(f"--threshold must lie above 0 and below 1, got {self.threshold}.")
        if not 1 <= self.views <= 3:
            raise SettingError(f"--views must be 1, 2 or 3, got {self.views}.")
        _refuse_megapixels(self.max_megapixels)


@dataclass(frozen=True)
class LocalizeRun:
    """How a run is carried out; decides nothing about results."""

    workers: int = 0
    """Processes that localize; 0 takes one for each core. Results do not depend on it."""
    pictures: bool = True
    """Show pictures in report.html."""
    download: bool = False
    """Fetch a localizer of the Hugging Face Hub that is not on this machine yet; without it nothing is fetched."""
    strict: bool = False
    """Exit with 1 when a row failed."""
    dry_run: bool = False
    """List what would be done, write nothing."""
    json: bool = False
    """Print one machine-readable summary with all rows on stdout instead of the table."""
    quiet: bool = False
    """Print nothing but errors (and the JSON summary, if asked for)."""

    def __post_init__(self) -> None:
        _refuse_workers(self.workers)


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
        _refuse_megapixels(self.max_megapixels)


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
        _refuse_workers(self.workers)


def _refuse_megapixels(megapixels: float) -> None:
    if not 0 < megapixels <= 10_000:
        raise SettingError(f"--max-megapixels must lie above 0 and at most 10000, got {megapixels}.")


def _refuse_workers(workers: int) -> None:
    if not 0 <= workers <= 256:
        raise SettingError(f"--workers must lie between 0 and 256, got {workers}.")


def read_shares(text: str, flag: str, what: str, known: tuple[str, ...], example: str) -> dict[str, float]:
    """Shares such as `one=2,other`, of names in `known` and in that order; they add up to 1.

    Args: flag, what, example: for the sentence of an error: the flag, what its names are, and a text that is right.
    Raises:
        SettingError: a part cannot be read, or nothing is left.
    """
    given: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = part.partition("=")
        try:
            share = float(number) if number else 1.0
        except ValueError:
            share = -1.0
        if name not in known or name in given or not 0 <= share < float("inf"):
            raise SettingError(
                f"{flag}: {part!r} cannot be read; give {what}=share with a {what} of {', '.join(known)}, each once, "
                f"such as {example}."
            )
        given[name] = share
    total = sum(given.values())
    if not total > 0:
        raise SettingError(f"{flag} leaves nothing: give at least one {what} a share above 0.")
    return {name: given[name] / total for name in known if given.get(name)}
