"""What of a benchmark is there, and what is wrong with it: every picture and every mask is opened once."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import cv2
import numpy as np

from webiml.errors import BadImage, one_line
from webiml.evaluate.benchmarks.items import Benchmark, Item, MaskRule, read_source, read_truth
from webiml.images.decode import decode, decode_published
from webiml.runners.cores import few_threads
from webiml.runners.local import Crashed, run_ordered
from webiml.types import Problem, Reason

MOST = 0.5  # a mask that marks more of its picture than this is unusual
GREY = (16, 239)  # levels strictly between are neither black nor white
MAX_GREY = 0.01  # share of a mask's pixels that may be grey: antialiased or JPEG borders
MAX_PIXELS = 200_000_000


class Fault(StrEnum):
    """What is wrong with an item, or with the whole benchmark."""

    MISSING_MASK = "missing_mask"
    MISSING_PICTURE = "missing_picture"
    UNUSABLE = "unusable"  # a row or a name that cannot be understood, and why
    UNREADABLE_PICTURE = "unreadable_picture"
    UNREADABLE_MASK = "unreadable_mask"
    MASK_SIZE = "mask_size"
    EMPTY_MASK = "empty_mask"
    FULL_MASK = "full_mask"
    NOT_BINARY = "not_binary"
    DUPLICATE = "duplicate"
    MOSTLY_MARKED = "mostly_marked"  # unusual, not wrong
    INVERTED = "inverted"  # the whole benchmark
    COUNT = "count"  # the whole benchmark


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `key` is empty when it concerns the whole benchmark."""

    fault: Fault
    detail: str
    key: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """What `check_benchmark` found.

    Attributes:
        manipulated: manipulated pictures that can be scored: picture and mask are read and have one size.
        authentic: authentic pictures that can be read. unusable: items of neither.
        findings: in the order of the keys, those of the whole benchmark first.
    """

    benchmark: Benchmark
    manipulated: int
    authentic: int
    unusable: int
    findings: tuple[Finding, ...]

    @property
    def wrong(self) -> int:
        """Findings, but for those that are only unusual."""
        return sum(finding.fault is not Fault.MOSTLY_MARKED for finding in self.findings)


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a worker saw of one item. `area`: share of the picture that is marked, None without a mask."""

    sha256: str = ""
    area: float | None = None
    usable: bool = False
    findings: tuple[Finding, ...] = ()


def check_benchmark(
    benchmark: Benchmark,
    workers: int,
    on_item: Callable[[Item], None] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Check:
    """Open every picture and every mask of a benchmark and say what is there, what is missing and what is wrong.

    Args:
        workers: processes, at least 1; the result does not depend on it.
        on_item: called with each item when it has been looked at, in the order of the keys.
        max_pixels: larger pictures are not decoded.
    """
    looked: list[_Looked] = []
    look = partial(_look, rule=benchmark.rule, max_pixels=max_pixels)
    with closing(run_ordered(look, benchmark.items, workers, partial(few_threads, 1))) as results:
        for item, result in results:
            if isinstance(result, Crashed):
                result = _Looked(findings=(_finding(item, Fault.UNREADABLE_PICTURE, result.detail),))
            looked.append(result)
            if on_item is not None:
                on_item(item)
    pairs = list(zip(benchmark.items, looked, strict=True))
    manipulated = sum(result.usable and item.manipulated for item, result in pairs)
    authentic = sum(result.usable and not item.manipulated for item, result in pairs)
    findings = [finding for result in looked for finding in result.findings]
    findings += _duplicates(pairs)
    findings.sort(key=lambda finding: finding.key)
    findings[:0] = [*_counts(benchmark, manipulated, authentic), *_polarity(looked)]
    return Check(benchmark, manipulated, authentic, len(pairs) - manipulated - authentic, tuple(findings))


def _look(item: Item, rule: MaskRule, max_pixels: int) -> _Looked:
    """One item, in a worker process."""
    if item.problem is not None:
        return _Looked(findings=(_listed(item, item.problem),))
    try:
        data = read_source(item.image, item.root)
        sha256 = hashlib.sha256(data).hexdigest()
        size = decode(data, max_pixels).rgb.shape[:2]
        del data
    except BadImage as error:
        fault = Fault.MISSING_PICTURE if error.reason is Reason.NOT_FOUND else Fault.UNREADABLE_PICTURE
        return _Looked(findings=(_finding(item, fault, str(error)),))
    except Exception as error:  # a bug of ours, or no memory
        return _Looked(findings=(_finding(item, Fault.UNREADABLE_PICTURE, one_line(error)),))
    if item.mask is None:
        return _Looked(sha256, usable=True)
    try:
        truth = read_truth(item, rule, max_pixels)
        levels = cv2.cvtColor(decode_published(read_source(item.mask, item.root), max_pixels), cv2.COLOR_RGB2GRAY)
    except BadImage as error:
        fault = Fault.MISSING_MASK if error.reason is Reason.NOT_FOUND else Fault.UNREADABLE_MASK
        return _Looked(sha256, findings=(_finding(item, fault, str(error)),))
    except Exception as error:
        return _Looked(sha256, findings=(_finding(item, Fault.UNREADABLE_MASK, one_line(error)),))
    findings = tuple(_finding(item, fault, detail) for fault, detail in _mask_faults(truth, levels, rule))
    if truth.shape != size:
        words = f"the picture is {size[0]}x{size[1]}, its mask {truth.shape[0]}x{truth.shape[1]} (H x W)"
        return _Looked(sha256, float(truth.mean()), False, (_finding(item, Fault.MASK_SIZE, words), *findings))
    return _Looked(sha256, float(truth.mean()), True, findings)


def _mask_faults(truth: np.ndarray, levels: np.ndarray, rule: MaskRule) -> Iterator[tuple[Fault, str]]:
    """What is wrong with a mask by itself.

    Args:
        truth: (H, W) bool. levels: (H, W) uint8, the mask as it was saved, grey.
    """
    area = float(truth.mean())
    if area == 0:
        ones = " (its levels are 0 and 1)" if levels.max() == 1 else ""
        yield Fault.EMPTY_MASK, f"nothing is marked{ones}"
    elif area == 1:
        yield Fault.FULL_MASK, "everything is marked"
    elif area > MOST:
        yield Fault.MOSTLY_MARKED, f"more than half is marked ({area:.0%}): inverted?"
    grey = float(((levels > GREY[0]) & (levels < GREY[1])).mean())
    if grey > MAX_GREY and _is_for_two_levels(rule):
        yield Fault.NOT_BINARY, f"{grey:.0%} of it is neither black nor white"


def _is_for_two_levels(rule: MaskRule) -> bool:
    """Whether a rule expects black and white: one that cuts elsewhere, or looks at a colour, knows of more levels."""
    return rule.channel == "grey" and rule.above in (0, 127)


def _listed(item: Item, problem: Problem) -> Finding:
    """The finding of an item that was listed with a problem."""
    if problem.reason is Reason.NOT_FOUND and item.manipulated:
        return _finding(item, Fault.MISSING_MASK, problem.detail)
    if problem.reason is Reason.MISSING_MANIPULATED:
        return _finding(item, Fault.MISSING_PICTURE, problem.detail)
    return _finding(item, Fault.UNUSABLE, f"{problem.reason.value}: {problem.detail}")


def _duplicates(pairs: Sequence[tuple[Item, _Looked]]) -> Iterator[Finding]:
    """Items whose picture has the same bytes as an earlier one's.

    One picture may stand in several rows of a table, each with a mask of its own: that is no mistake.
    """
    same: dict[str, list[Item]] = defaultdict(list)
    for item, result in pairs:
        for earlier in same[result.sha256] if result.sha256 else ():
            if earlier.manipulated != item.manipulated:
                words = (
                    f"the same picture as {earlier.key}, which is {'' if earlier.manipulated else 'not '}manipulated"
                )
            elif earlier.image != item.image or earlier.mask == item.mask:
                words = f"the same picture as {earlier.key}"
            else:
                continue
            yield _finding(item, Fault.DUPLICATE, words)
            break
        same[result.sha256].append(item)


def _counts(benchmark: Benchmark, manipulated: int, authentic: int) -> Iterator[Finding]:
    """Counts that differ from what is expected."""
    expected = benchmark.expected
    for words, found, wanted in (
        ("manipulated", manipulated, expected.manipulated),
        ("authentic", authentic, expected.authentic),
    ):
        if wanted is not None and found != wanted:
            yield Finding(Fault.COUNT, f"{found:,} {words} pictures, {wanted:,} are expected ({expected.source})")


def _polarity(looked: Sequence[_Looked]) -> Iterator[Finding]:
    """Whether most masks mark most of their pictures."""
    areas = [result.area for result in looked if result.area is not None]
    many = sum(area > MOST for area in areas)
    if many > len(areas) / 2:
        words = f"{many:,} of {len(areas):,} masks mark more than half of their picture: the set looks inverted"
        yield Finding(Fault.INVERTED, words)


def _finding(item: Item, fault: Fault, detail: str) -> Finding:
    return Finding(fault, detail, item.key, item.name)
