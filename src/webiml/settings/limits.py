"""What several settings refuse alike."""

from __future__ import annotations

from webiml.errors import SettingError


def refuse_megapixels(megapixels: float) -> None:
    """Raises SettingError for a limit of pixels that is none."""
    if not 0 < megapixels <= 10_000:
        raise SettingError(f"--max-megapixels must lie above 0 and at most 10000, got {megapixels}.")


def refuse_workers(workers: int) -> None:
    """Raises SettingError for a number of processes that is none."""
    if not 0 <= workers <= 256:
        raise SettingError(f"--workers must lie between 0 and 256, got {workers}.")


def refuse_port(port: int) -> None:
    """Raises SettingError for a port that is none."""
    if not 0 <= port <= 65_535:
        raise SettingError(f"--port must lie between 0 and 65535, got {port}; 0 takes a free one.")


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
