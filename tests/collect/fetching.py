"""Fetching in tests: impatient settings, and one call that fetches a list of addresses at once."""

import asyncio
from collections.abc import Sequence
from typing import Any

from webiml.collect.fetch import Fetched, Fetcher, Patience
from webiml.settings import CollectSettings

IMPATIENT = Patience(rate_after_seconds=0.2, rate_seconds=0.2, back_off_seconds=0.02)


def impatient(**changes: Any) -> CollectSettings:
    """Settings for a server of our own that waits for nothing."""
    fields: dict[str, Any] = {"contact": "tests@example.org", "host_rate": 0, "allow_private": True}
    return CollectSettings(**{**fields, **changes})


def fetch_all(
    urls: Sequence[str], *, fetcher: dict[str, Any] | None = None, ask: dict[str, str] | None = None, **changes: Any
) -> list[Fetched]:
    """What becomes of `urls`, all fetched at once by one fetcher.

    Args: fetcher: arguments of Fetcher beside its settings. ask: arguments of Fetcher.fetch. changes: of the settings.
    """

    async def run() -> list[Fetched]:
        options = {"patience": IMPATIENT, **(fetcher or {})}
        async with Fetcher(impatient(**changes), **options) as one:
            return await asyncio.gather(*(one.fetch(url, **(ask or {})) for url in urls))

    return asyncio.run(run())


def fetch(url: str, **options: Any) -> Fetched:
    """What becomes of one address; options as of `fetch_all`."""
    return fetch_all([url], **options)[0]
