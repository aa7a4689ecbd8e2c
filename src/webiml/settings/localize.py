"""Settings of `webiml localize`."""

from __future__ import annotations

from dataclasses import dataclass

from webiml.errors import SettingError
from webiml.settings.limits import refuse_megapixels, refuse_workers


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
        refuse_megapixels(self.max_megapixels)


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
        refuse_workers(self.workers)
