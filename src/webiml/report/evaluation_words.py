"""What result.json says, in words, for a page, Markdown, LaTeX and the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from webiml.report.tables import count_of, number, share

LEVELS = {
    "jpeg": "quality",
    "blur": "side of the kernel, pixels",
    "noise-sigma": "sigma, grey levels",
    "noise-variance": "variance, grey levels squared",
    "resize": "share of both sides",
    "resave": "way",
}
"""What a level of each degradation is."""


def headline(result: Mapping[str, Any]) -> str:
    """What was scored on what, by which protocol, and what came out; one sentence."""
    pixel, image, alarms = result["pixel"], result["image"], result["false_alarms"]
    f1 = _in_words(pixel["f1"], pixel["intervals"].get("f1"))
    parts = [f"pixel F1 at 0.5 is {f1}", f"IoU {number(pixel['iou'])}", f"pixel AUC {number(pixel['auc'])}"]
    if image["auc"] is not None:
        parts.append(f"image AUC {number(image['auc'])}")
    if alarms["area"] is not None:
        parts.append(f"{share(alarms['area'])} of the area of authentic pictures marked")
    return f"{subject(result)}: {', '.join(parts)}."


def title(result: Mapping[str, Any]) -> str:
    """What was scored on what."""
    return f"{what_words(result['what'])} on {', '.join(result['benchmarks'])}"


def subject(result: Mapping[str, Any]) -> str:
    """What was scored on what, by which protocol."""
    pictures = f"{result['manipulated']:,} manipulated and {count_of(result['authentic'], 'authentic picture')}"
    return f"{title(result)} ({pictures}), protocol {result['protocol']}"


def what_words(what: Mapping[str, Any]) -> str:
    """Whose maps were scored."""
    return f"Maps in {what['name']}" if what["kind"] == "predictions" else str(what["name"])


def training_words(result: Mapping[str, Any]) -> str:
    """Whether the localizer learned from these pictures, as far as that is known."""
    training = result["training_data"]
    if not training["known"]:
        return "Training data unknown: nothing says whether these very pictures taught what is scored here."
    if not training["leaks"]:
        return (
            f"No overlap found: none of these pictures is among the {training['pictures']:,} that the localizer "
            "learned from, by bytes or by perceptual hash."
        )
    return f"{_overlap(training['leaks'])}, which --allow-leaks let pass: the figures say less of new pictures."


def training_mark(result: Mapping[str, Any]) -> str:
    """The same for the caption of every table; empty where no overlap was found."""
    training = result["training_data"]
    if not training["known"]:
        return "Training data unknown."
    return f"{_overlap(training['leaks'])}." if training["leaks"] else ""


def parts(result: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Each benchmark, and all together where there are several, with their names."""
    found: list[tuple[str, Mapping[str, Any]]] = list(result["benchmarks"].items())
    return [*found, ("all together", result)] if len(found) != 1 else found


def level_words(level: float | str) -> str:
    """A level as a person writes it."""
    return level if isinstance(level, str) else f"{level:g}"


def undegraded(result: Mapping[str, Any]) -> dict[str, float | None]:
    """The figures that are drawn over the levels of a degradation, of the pictures as they are."""
    pixel = result["pixel"]
    return {
        "f1": pixel["f1"],
        "iou": pixel["iou"],
        "auc": pixel["auc"],
        "image_auc": result["image"]["auc"],
        "false_alarm_area": result["false_alarms"]["area"],
    }


def _in_words(value: float | None, ends: Sequence[float] | None) -> str:
    if value is None or not ends:
        return number(value)
    return f"{number(value)} (95 % interval {number(ends[0])} to {number(ends[1])})"


def _overlap(leaks: int) -> str:
    return f"{leaks:,} {'picture overlaps' if leaks == 1 else 'pictures overlap'} with the training data"
