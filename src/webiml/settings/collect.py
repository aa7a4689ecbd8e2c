"""Settings of `webiml collect`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal  # noqa: F401 (fields of RunnerSettings have it, and cyclopts looks them up here)

from webiml.errors import SettingError
from webiml.settings.limits import refuse_megapixels, refuse_workers
from webiml.settings.runner import RunnerSettings
from webiml.types import LinkReason


@dataclass(frozen=True)
class CollectSettings:
    """How links are asked for. What robots.txt and opt-out headers say is always obeyed."""

    contact: str = ""
    """Where the owner of a server reaches you, an e-mail address or a page; it is part of the user agent. Needed where
    links are asked for."""
    connections: int = 64
    """Links that are asked for at once, over all hosts."""
    host_connections: int = 4
    """Links that are asked for at once of one host."""
    host_rate: float = 5.0
    """Requests a second to one host; 0 sets no limit, for servers of your own."""
    retries: int = 3
    """Times that a link is asked for again when its server is busy or does not answer."""
    connect_seconds: float = 10.0
    """Give up on a server that has not let us in after so long, seconds."""
    read_seconds: float = 15.0
    """Give up on a link of which nothing has come for so long, seconds."""
    total_seconds: float = 60.0
    """Give up on a link that is not done after so long, seconds."""
    least_rate: float = 1024.0
    """Give up on a link that comes slower than this over ten seconds, bytes a second; 0 sets no limit."""
    max_megabytes: float = 100.0
    """Refuse larger files, before or while they come, megabytes."""
    max_megapixels: float = 200.0
    """Refuse pictures above this size, as their header says, megapixels."""
    max_redirects: int = 5
    """Redirects that are followed of a link."""
    allow_private: bool = False
    """Also ask hosts with private, loopback or link-local addresses, such as a server of your own."""

    def __post_init__(self) -> None:
        limits = {
            "connections": (1, 4096),
            "host_connections": (1, 4096),
            "host_rate": (0, 1e6),
            "retries": (0, 20),
            "connect_seconds": (0.1, 3600),
            "read_seconds": (0.1, 3600),
            "total_seconds": (0.1, 86400),
            "least_rate": (0, 1e9),
            "max_megabytes": (0.001, 1024),
            "max_redirects": (0, 20),
        }
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise SettingError(
                    f"--{name.replace('_', '-')} must lie between {low:g} and {high:g}, got {getattr(self, name)}."
                )
        refuse_megapixels(self.max_megapixels)
        if any(not character.isprintable() for character in self.contact) or len(self.contact) > 200:
            raise SettingError("--contact must be one line of at most 200 characters, such as you@example.org.")


@dataclass(frozen=True)
class CollectRun(RunnerSettings):
    """What is asked for, and how the run is carried out."""

    reader: str = ""
    """A source of your own, as package.module:function; see docs/sources.md."""
    retry: str = ""
    """Ask only again for links that ended for one of these reasons, such as timeout,server_error."""
    refresh: bool = False
    """Ask again for pictures that were fetched, whether they are still the same."""
    workers: int = 0
    """With --runner ray: workers that ask; 0 takes as many as the cluster has room for."""
    strict: bool = False
    """Exit with 1 when a link was refused or failed."""
    dry_run: bool = False
    """Count what would be asked for, ask for nothing, write nothing."""
    json: bool = False
    """Print one machine-readable summary on stdout instead of the table."""
    quiet: bool = False
    """Print nothing but errors (and the JSON summary, if asked for)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_workers(self.workers)
        if self.workers and self.runner == "local":
            raise SettingError("--workers only matters on a cluster: add --runner ray.")
        if self.retry and self.refresh:
            raise SettingError("Give --retry or --refresh, not both: they ask again for different links.")
        if self.reader and self.reader.count(":") != 1:
            raise SettingError(f"--reader must look like package.module:function, got {self.reader!r}.")
        _ = self.reasons  # which refuses what it does not know

    @cached_property
    def reasons(self) -> frozenset[str]:
        """The reasons of --retry."""
        known = [reason.value for reason in LinkReason]
        given = [part.strip() for part in self.retry.split(",") if part.strip()]
        for one in given:
            if one not in known:
                raise SettingError(f"--retry knows no reason {one!r}; the reasons are {', '.join(known)}.")
        return frozenset(given)
