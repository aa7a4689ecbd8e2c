"""The tables and the plot of web_supervision.py, from what its runs left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from localizer_scoring import HALF, best_of_curve

from webiml.metrics.resampling import interval, paired_difference

Run = Mapping[str, Any]  # the JSON of one run
SURE = 0.05  # p-values above it are called no difference seen


@dataclass(frozen=True)
class Tested:
    """Both halves of one net and variant: every picture by nets that saw nothing of its component.

    Attributes:
        groups: component of each manipulated picture. f1: (N, LEVELS), of the mask `map >= level`. auc: (N,).
        flagged: (M,), share of each authentic picture's area in the mask at 0.5.
    """

    groups: list[str]
    f1: np.ndarray
    auc: np.ndarray
    flagged: np.ndarray

    def figures(self) -> dict[str, np.ndarray]:
        """(N,) of each figure at 0.5, by name; IoU follows from F1."""
        at_half = self.f1[:, HALF]
        return {"F1": at_half, "IoU": at_half / (2 - at_half), "AUC": self.auc}


def tested(results: Sequence[Run], net: str, variant: str | None) -> Tested:
    """The runs of one net and variant, put together."""
    pictures = [
        one
        for result in sorted(results, key=lambda result: result["half"])
        for one in result["pictures"]
        if (result["net"], result["variant"]) == (net, variant)
    ]
    manipulated = [one for one in pictures if one["f1"] is not None]
    return Tested(
        [one["component"] for one in manipulated],
        np.array([one["f1"] for one in manipulated]),
        np.array([one["auc"] for one in manipulated]),
        np.array([one["flagged"] for one in pictures if one["f1"] is None]),
    )


def variants_of(results: Sequence[Run], net: str) -> list[str | None]:
    """What a net went on with, in the order of its runs; None is its start."""
    return list(dict.fromkeys(result["variant"] for result in results if result["net"] == net))


def print_tables(
    results: Sequence[Run], comparisons: Sequence[tuple[str, str, str]], pairs: Mapping[str, Sequence[int]]
) -> None:
    """One line a net and variant, then one a comparison.

    Args: comparisons: words, first variant, second variant; the second's gain over the first is shown.
    """
    nets = list(dict.fromkeys(result["net"] for result in results))
    first = tested(results, nets[0], None)
    counted = f"{len(first.f1)} manipulated pictures of {len(set(first.groups))} components"
    print(f"{counted}, {len(first.flagged)} authentic")
    for masks, counts in pairs.items():
        print(f"pairs with masks {masks}: {' and '.join(map(str, counts))}")
    print()
    print_header(
        "net", "goes on with", "F1 at 0.5", "IoU", "best F1", "at", "AUC", "authentic area marked", "seconds a run"
    )
    for net in nets:
        for variant in variants_of(results, net):
            found = tested(results, net, variant)
            figures = [f"{values.mean():.3f}" for values in found.figures().values()]
            threshold, best = best_of_curve(found.f1.mean(axis=0))
            seconds = max(one["seconds"] for one in results if (one["net"], one["variant"]) == (net, variant))
            figures[2:2] = [f"{best:.3f}", f"{threshold:.2f}"]
            print_row(net, variant or "(the start)", *figures, f"{found.flagged.mean():.1%}", f"{seconds:.0f}")
    print()
    print_header("net", "question", "figure", "gain", "95 %", "p", "of what it was", "seen")
    for net in nets:
        for words, before, after in comparisons:
            if not {before, after} <= set(variants_of(results, net)):
                continue
            old, new = tested(results, net, before), tested(results, net, after)
            for name, values in new.figures().items():
                share = float(old.figures()[name].mean())
                print_row(net, words, *gain_of(name, old.figures()[name], values, new.groups, share))


def gain_of(
    name: str, before: np.ndarray, after: np.ndarray, groups: Sequence[str], share: float | None = None
) -> list[str]:
    """Cells of a comparison: figure, gain, interval, p, with `share` what part of that the gain is, and a verdict."""
    found = paired_difference(before, after, groups)
    cells = [name, f"{found.mean:+.3f}", f"{found.low:+.3f} to {found.high:+.3f}", f"{found.p:.4f}"]
    cells += [] if share is None else [f"{found.mean / share:+.0%}" if share else "-"]
    return [*cells, "yes" if found.p < SURE else "no difference seen"]


def print_header(*names: str) -> None:
    """The first two lines of a table in Markdown."""
    print_row(*names)
    print_row(*("---" for _ in names))


def print_row(*cells: str) -> None:
    """One line of it."""
    print(f"| {' | '.join(cells)} |")


def write_plot(results: Sequence[Run], curve: Sequence[tuple[float, str]], path: Path) -> None:
    """F1 and AUC over the share of the annotated pairs, one line a net, with 95 % intervals over components.

    Args: curve: shares, in per cent, and the variants that had them.
    """
    from matplotlib.figure import Figure

    shares = {variant for _, variant in curve}
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("F1", "AUC"), strict=True):
        nets = [
            net for net in dict.fromkeys(result["net"] for result in results) if shares <= {*variants_of(results, net)}
        ]
        for number, net in enumerate(nets):
            several = [tested(results, net, variant) for _, variant in curve]
            means = np.array([one.figures()[name].mean() for one in several])
            ends = np.array([interval(one.figures()[name], one.groups) for one in several]).T
            at = np.array([share for share, _ in curve]) + 0.8 * number
            axes.errorbar(at, means, np.abs(ends - means), marker="o", markersize=4, capsize=3, label=net)
        axes.set_xlabel("annotated pairs of the other half, %")
        axes.set_ylabel("F1 at 0.5" if name == "F1" else "pixel AUC")
        axes.set_xticks([share for share, _ in curve])
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
