"""What is refused before any work: settings that name what cannot be used."""

from __future__ import annotations

from pathlib import Path

from webiml.collect.sources.read import Source, read_source
from webiml.errors import SettingError
from webiml.grow.generations import Work
from webiml.grow.record import deciding, differences
from webiml.settings.grow import GrowSettings


def listed_source(settings: GrowSettings) -> Source:
    """The links of the source, once all else that the settings name was looked at.

    Raises:
        SettingError: something cannot be used.
    """
    refuse_nested(settings)
    deciding(settings)  # looks whether the networks are there
    for name in settings.against:
        if "://" not in name and not Path(name).exists():
            raise SettingError(f"against: {name} does not exist; check the path.")
    listed = read_source(settings.source, settings.collect_run.reader)
    if listed.reaches_network:
        if not settings.collect.contact:
            raise SettingError(
                "collect: contact is missing; give an e-mail address or a page where the owner of a server reaches "
                "you, such as contact: you@example.org."
            )
        import webiml.collect.fetch  # noqa: F401 (says which extra is missing before anything is written)
    return listed


def refuse_nested(settings: GrowSettings) -> None:
    """Raises SettingError when the store, the generations and a source that is a folder do not lie apart."""
    folders = {"generations": settings.generations}
    if "://" not in settings.store:
        folders["store"] = Path(settings.store)
    if "://" not in settings.source and Path(settings.source).is_dir():
        folders["source"] = Path(settings.source)
    real = {name: folder.resolve() for name, folder in folders.items()}
    for inner, outer in ((one, other) for one in real for other in real if one != other):
        if real[inner].is_relative_to(real[outer]):
            raise SettingError(f"{inner} {folders[inner]} lies inside {outer} {folders[outer]}: keep them apart.")


def refuse_other_settings(work: Work, settings: GrowSettings) -> None:
    """Raises SettingError when a generation was begun with other settings than these."""
    differs = differences(work.settings, deciding(settings))
    if differs:
        raise SettingError(
            f"Generation {work.number:06d} was stopped, and other settings began it ({'; '.join(differs)}): finish it "
            f"with those, or delete {work.folder} to begin it anew."
        )
