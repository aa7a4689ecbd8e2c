"""Settings of `webiml review`."""

from __future__ import annotations

from dataclasses import dataclass

from webiml.settings.limits import refuse_port


@dataclass(frozen=True)
class ReviewRun:
    """Where the page listens, and what is said about it; decides nothing about what is written."""

    host: str = "127.0.0.1"
    """Address to listen at; one that other machines reach needs --allow-host."""
    port: int = 0
    """Port to listen at; 0 takes a free one."""
    allow_host: tuple[str, ...] = ()
    """A name or address, without port, by which browsers call this machine; may be given several times."""
    browser: bool = True
    """Open the page in the browser, where there is a screen."""
    json: bool = False
    """Print one JSON object with the address and the token on stdout instead of the line of text."""
    quiet: bool = False
    """Print the address alone."""

    def __post_init__(self) -> None:
        refuse_port(self.port)
