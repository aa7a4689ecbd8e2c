"""Settings of `webiml serve`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from webiml.errors import SettingError
from webiml.settings.limits import refuse_port, refuse_workers
from webiml.settings.localize import LocalizeSettings


@dataclass(frozen=True)
class ServeSettings(LocalizeSettings):
    """What the service answers with, and how much of this machine a client may take."""

    max_megapixels: float = 50.0
    """Refuse pictures above this size before they are decoded, megapixels."""
    max_body_mb: float = 32.0
    """Refuse requests with more bytes than this, megabytes."""
    queue: int = 64
    """Requests that wait or run at a time; one more is answered with 503 and told when to come back."""
    seconds: float = 60.0
    """Time for the work of one request, seconds; what takes longer is stopped and answered with 503."""
    body_seconds: float = 20.0
    """Time in which a request's bytes must have come, seconds; later it is answered with 408."""
    workers: int = 0
    """Processes that work, one request each at a time; 0 takes one for each core."""
    results_mb: float = 128.0
    """Memory for the maps that links in answers lead to, megabytes; the oldest go first."""
    results_minutes: float = 10.0
    """Time that such a link lasts at most, minutes."""
    keep: Path | None = None
    """Keep every picture and its result in this folder; without it nothing is kept on disk."""

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_workers(self.workers)
        if not 1 <= self.queue <= 10_000:
            raise SettingError(f"--queue must lie between 1 and 10000, got {self.queue}.")
        bounds = (
            ("max_body_mb", 4096.0),
            ("seconds", 86_400.0),
            ("body_seconds", 3600.0),
            ("results_mb", 1_048_576.0),
            ("results_minutes", 10_080.0),
        )
        for name, most in bounds:
            value = getattr(self, name)
            if not 0 < value <= most:
                raise SettingError(f"--{name.replace('_', '-')} must lie above 0 and at most {most:g}, got {value}.")


@dataclass(frozen=True)
class ServeRun:
    """Where the service listens, and what is said about it."""

    host: str = "127.0.0.1"
    """Address to listen at; one that other machines reach needs --allow-host."""
    port: int = 0
    """Port to listen at; 0 takes a free one."""
    allow_host: tuple[str, ...] = ()
    """A name or address, without port, by which clients call this machine; may be given several times."""
    browser: bool = False
    """Open the page in the browser."""
    download: bool = False
    """Fetch a localizer of the Hugging Face Hub that is not on this machine yet; without it nothing is fetched."""
    json: bool = False
    """Print one JSON object with the address and the token on stdout instead of the line of text."""
    quiet: bool = False
    """Print the address alone."""

    def __post_init__(self) -> None:
        refuse_port(self.port)
