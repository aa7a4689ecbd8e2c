"""Make the pictures of the documentation from examples/pairs: the steps of the method, and what came out.

    python docs/make_pictures.py [FOLDER] [--accuracy JSON]     (default docs/pictures; takes a quarter of a minute)

Run it again whenever the method changes: pictures, captions and docs/pictures/examples.txt then show what it does now.
With what `benchmarks/accuracy.py --json` wrote, the two plots of QES are drawn too; without it they stay as they are.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from webiml import Annotation, Annotator
from webiml.annotate.classify import classify_by_network
from webiml.annotate.views import VIEWS
from webiml.evidence.dass_input import dass_input
from webiml.evidence.evidence import Evidence
from webiml.evidence.matching import MAPS
from webiml.geometry import fit
from webiml.geometry.maps import sigmoid, turned
from webiml.images.codec import encode_jpeg, to_8bit
from webiml.images.decode import decode
from webiml.images.draw import heat, overlay, thumbnail
from webiml.metrics.qes import HIGH, LOW
from webiml.nets import weights
from webiml.priors import correlation, difference

PAIRS = Path(__file__).resolve().parents[1] / "examples" / "pairs"
SPG, SDG = "more-dandelions", "coffee-by-the-sea"  # the pairs whose steps are shown
COLOURS = ((0, 190, 255), (255, 140, 0), (190, 255, 0), (255, 0, 200), (140, 120, 255), (0, 220, 130))
LINES = 40  # matches drawn; more hide the picture
MOST_PIXELS = 10_000_000
KINDS = ("SPG", "SDG")  # whose QES is plotted
GAP, CAPTION = 8, 22  # pixels around a tile and above it

Tile = tuple[str, np.ndarray]  # caption and (H, W, 3) uint8


def main() -> None:
    """Write every picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent / "pictures")
    parser.add_argument("--accuracy", type=Path, help="draw the plots of QES from this JSON of benchmarks/accuracy.py")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    found = {path.name: annotate(path.name) for path in sorted(PAIRS.iterdir()) if path.is_dir()}
    pictures = {
        "result": grid([result_row(key, found[key]) for key in (SPG, SDG)], 300),
        "examples": grid([example_row(key, annotation) for key, annotation in found.items()], 200),
        **spg_steps(found[SPG]),
        **sdg_steps(found[SDG]),
        "qes": grid([qes_row(key, found[key]) for key in (SPG, SDG)], 440),
    }
    for name, picture in pictures.items():
        (folder / f"{name}.jpg").write_bytes(encode_jpeg(picture, 88))
    if arguments.accuracy:
        for name, svg in qes_plots(json.loads(arguments.accuracy.read_bytes())["tables"]).items():
            (folder / f"{name}.svg").write_bytes(svg)
    (folder / "examples.txt").write_text("".join(f"{line(k, a)}\n" for k, a in found.items()), "utf-8")


def read(key: str) -> tuple[np.ndarray, np.ndarray]:
    """The two pictures of an example pair, (H, W, 3) uint8 each."""
    authentic, manipulated = (
        decode((PAIRS / key / f"{side}.jpg").read_bytes(), MOST_PIXELS).rgb for side in ("0", "1")
    )
    return authentic, manipulated


def annotate(key: str) -> Annotation:
    """What the annotator says of an example pair."""
    return Annotator()(*read(key))


def line(key: str, annotation: Annotation) -> str:
    """One line about a pair, for a person."""
    score = "-" if annotation.qes is None else f"{annotation.qes:.2f}"
    reason = "" if annotation.reason is None else annotation.reason.value
    return f"{key:<24} {annotation.kind.value:<10} {annotation.status.value:<9} QES {score:<5} {reason}".rstrip()


def result_row(key: str, annotation: Annotation) -> list[Tile]:
    """Authentic, manipulated, probability, mask."""
    authentic, manipulated = read(key)
    assert annotation.probability is not None and annotation.mask is not None
    return [
        (f"authentic ({annotation.kind.value})", authentic),
        ("manipulated", manipulated),
        ("probability", heat(annotation.probability)),
        ("mask", overlay(manipulated, annotation.mask)),
    ]


def example_row(key: str, annotation: Annotation) -> list[Tile]:
    """As `result_row`, with what became of the pair above it."""
    authentic, manipulated, probability, mask = result_row(key, annotation)
    score = "" if annotation.qes is None else f"QES {annotation.qes:.2f}"
    verdict = annotation.status.value + ("" if annotation.reason is None else f": {annotation.reason.value}")
    return [(key, authentic[1]), (annotation.kind.value, manipulated[1]), (score, probability[1]), (verdict, mask[1])]


def spg_steps(found: Annotation) -> dict[str, np.ndarray]:
    """The difference prior, step by step; found: what the annotator says of the pair."""
    authentic, manipulated = read(SPG)
    evidence = Evidence(authentic, manipulated)
    alignment = evidence.alignment
    assert alignment is not None
    goals = spread(alignment.inliers, LINES)
    origins = fit.apply(np.linalg.inv(alignment.transform), goals)
    given = (alignment.authentic, evidence.manipulated, alignment.validity)
    features = difference.first_look(*given)
    first = difference.curves()["first"](features)
    probability = evidence.difference.probability
    uncovered = overlay(eight_bit(alignment.authentic), ~alignment.validity)
    assert found.mask is not None
    mask = overlay(manipulated, found.mask)
    lines = joined(authentic, manipulated, [(origins, goals)])
    plain = np.abs(alignment.authentic - evidence.manipulated).max(axis=2)
    return {
        "spg-pair": grid([[(kinds(evidence), authentic), ("manipulated", manipulated)]], 440),
        "spg-matches": grid([[("matches that obey one transform", lines)]], 900),
        "spg-aligned": grid(
            [[("authentic, warped and recoloured (red: not covered)", uncovered), ("manipulated", manipulated)]], 440
        ),
        "spg-looks": grid(
            [
                [("plain difference, times 4", heat(np.clip(plain * 4, 0, 1))), ("first look", heat(first))],
                [("second look", heat(probability)), ("mask", mask)],
            ],
            440,
        ),
        "spg-denoised": grid(
            [dass_views(evidence), [("DASS, mean of the three", heat(native(found))), ("mask", mask)]], 300
        ),
    }


def sdg_steps(found: Annotation) -> dict[str, np.ndarray]:
    """The correlation prior, step by step; found: what the annotator says of the pair."""
    authentic, manipulated = read(SDG)
    evidence = Evidence(authentic, manipulated)
    hypotheses = evidence.hypotheses
    looks = [correlation.single_look(evidence.authentic, evidence.manipulated, one) for one in hypotheses]
    singles = [np.where(look.validity, correlation.curves()["single"](look.features), 0) for look in looks]
    lines = joined(
        authentic, manipulated, [(spread(one.sources, LINES), spread(one.points, LINES)) for one in hypotheses]
    )
    tiles = [
        (f"hypothesis {i}: {len(one.points)} matches{', mirrored' if one.mirrored else ''}", heat(single))
        for i, (one, single) in enumerate(zip(hypotheses, singles, strict=True), 1)
    ]
    assert found.mask is not None
    mask = overlay(manipulated, found.mask)
    laid, probability = eight_bit(evidence.correlation.authentic), evidence.correlation.probability
    places = {
        name: heat(to_range(evidence.matching[MAPS.index(name)])) for name in ("cross_0", "self_0", "mutual", "bend")
    }
    return {
        "sdg-pair": grid([[(kinds(evidence), authentic), ("manipulated", manipulated)]], 440),
        "sdg-matches": grid([[("matches, a colour for each hypothesis", lines)]], 900),
        "sdg-singles": grid([tiles[i : i + 2] for i in range(0, len(tiles), 2)], 440),
        "sdg-composite": grid(
            [[("laid as each place is explained best", laid), ("composite", heat(probability))]], 440
        ),
        "sdg-matching": grid(
            [
                [("likeness of the best match", places["cross_0"]), ("how mutual it is", places["mutual"])],
                [("likeness within the picture itself", places["self_0"]), ("how far matches bend", places["bend"])],
            ],
            440,
        ),
        "sdg-denoised": grid([[("Corr-DINO", heat(native(found))), ("mask", mask)]], 440),
    }


def to_range(values: np.ndarray) -> np.ndarray:
    """A map brought to [0, 1], enlarged so that its places can be seen."""
    low, high = float(values.min()), float(values.max())
    return np.kron((values - low) / max(high - low, 1e-6), np.ones((8, 8), np.float32))


def kinds(evidence: Evidence) -> str:
    """What the pair classifier says of a pair, as a caption."""
    likely = sorted(classify_by_network(evidence).items(), key=lambda item: -item[1])
    return "authentic" + "".join(f"   {kind.value} {share:.3f}" for kind, share in likely[:2])


def dass_views(evidence: Evidence) -> list[Tile]:
    """What DASS says of each of the three views, turned back."""
    net, stack = weights.load("dass"), dass_input(evidence)
    seen = [turned(sigmoid(net(turned(stack, view)[None])[0]), view)[0] for view in VIEWS]
    return [(name, heat(one)) for name, one in zip(("as it is", "mirrored", "upside down"), seen, strict=True)]


def native(found: Annotation) -> np.ndarray:
    """(H, W) float32, the probability of a pair that has one."""
    assert found.probability is not None
    return found.probability


def qes_row(key: str, found: Annotation) -> list[Tile]:
    """Probability, and which of its pixels QES counts: sure ones white, doubtful ones orange."""
    stored = to_8bit(native(found))
    sure, heard = stored >= HIGH, stored >= LOW
    counted = np.zeros((*stored.shape, 3), np.uint8)
    counted[heard] = COLOURS[1]
    counted[sure] = 255
    words = f"QES {found.qes:.2f}: {sure.sum():,} of {heard.sum():,} pixels are sure"
    return [(key, heat(native(found))), (words, counted)]


def qes_plots(tables: Mapping[str, dict]) -> dict[str, bytes]:
    """Does QES tell good masks from bad ones? SVG of the true IoU over QES, and of what is gained by keeping fewer.

    Args: tables: by name, each with `pairs`: a list of dicts with kind, qes in [0, 1] and the true iou in [0, 1].
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    matplotlib.rcParams["svg.hashsalt"] = "webiml"  # the same numbers give the same bytes
    width = 3.2 * max(len(tables), 2)  # inches
    scatter, panels = pyplot.subplots(1, len(tables), figsize=(width, 3.4), sharey=True, squeeze=False)
    for panel, (name, table) in zip(panels[0], tables.items(), strict=True):
        for kind, colour in zip(KINDS, ("tab:blue", "tab:orange"), strict=True):
            score, overlap = scores(table, kind)
            panel.scatter(score, overlap, s=7, alpha=0.6, linewidths=0, color=colour, label=f"{kind} ({len(score)})")
        panel.axvline(0.5, color="grey", linewidth=0.8, linestyle="--")
        panel.set(title=name, xlabel="QES", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        panel.legend(loc="lower right", fontsize="small")
    panels[0][0].set_ylabel("IoU with the published mask")
    curves, panels = pyplot.subplots(1, len(KINDS), figsize=(6.4, 3.4), sharey=True, squeeze=False)
    for panel, kind in zip(panels[0], KINDS, strict=True):
        for name, table in tables.items():
            panel.plot(*risk_coverage(*scores(table, kind)), label=name)
        panel.set(title=kind, xlabel="share kept, highest QES first", xlim=(0, 1))
        panel.legend(loc="upper left", fontsize="small")
    panels[0][0].set(ylabel="1 - mean IoU of those", ylim=(0, None))
    drawn = {}
    for name, figure in (("qes-iou", scatter), ("risk-coverage", curves)):
        figure.tight_layout()
        figure.savefig(stream := io.BytesIO(), format="svg", metadata={"Date": None})
        pyplot.close(figure)
        drawn[name] = stream.getvalue()
    return drawn


def scores(table: dict, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """QES and true IoU of the pairs of a kind, (N,) float64 each."""
    pairs = [pair for pair in table["pairs"] if pair["kind"] == kind]
    return np.array([pair["qes"] for pair in pairs], float), np.array([pair["iou"] for pair in pairs], float)


def risk_coverage(score: np.ndarray, overlap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of the pairs kept, and 1 - mean IoU of those, when pairs are taken by falling score; equal scores at once.

    Source: El-Yaniv and Wiener, "On the Foundations of Noise-free Selective Classification", JMLR 2010.
    """
    order = np.argsort(-score, kind="stable")
    last_of_equals = np.flatnonzero(np.diff(score[order], append=-np.inf) != 0)
    kept = last_of_equals + 1
    return kept / max(len(score), 1), 1 - np.cumsum(overlap[order])[last_of_equals] / kept


def spread(points: np.ndarray, most: int) -> np.ndarray:
    """At most `most` of the (N, 2) points, evenly over their order."""
    return points[np.linspace(0, len(points) - 1, min(most, len(points))).astype(int)]


def joined(left: np.ndarray, right: np.ndarray, matches: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Both pictures side by side with a line for each match; matches: (N, 2) points left and right, a colour each."""
    height = max(left.shape[0], right.shape[0])
    shift = left.shape[1] + GAP
    canvas = np.full((height, shift + right.shape[1], 3), 255, np.uint8)
    canvas[: left.shape[0], : left.shape[1]] = left
    canvas[: right.shape[0], shift:] = right
    image = Image.fromarray(canvas)
    draw = ImageDraw.Draw(image)
    for i, (points, goals) in enumerate(matches):
        colour = COLOURS[i % len(COLOURS)]
        for (x, y), (u, v) in zip(points.tolist(), goals.tolist(), strict=True):
            draw.line([(x, y), (u + shift, v)], fill=colour, width=1)
            for centre, middle in ((x, y), (u + shift, v)):
                draw.ellipse([centre - 3, middle - 3, centre + 3, middle + 3], outline=colour, width=2)
    return np.asarray(image)


def grid(rows: Sequence[Sequence[Tile]], side: int) -> np.ndarray:
    """Rows of captioned tiles on white, each tile at most `side` wide."""
    small = [[(caption, thumbnail(picture, side)) for caption, picture in row] for row in rows]
    columns = max(len(row) for row in small)
    widths = [max(row[i][1].shape[1] for row in small if i < len(row)) for i in range(columns)]
    heights = [CAPTION + max(picture.shape[0] for _, picture in row) for row in small]
    canvas = np.full((sum(heights) + GAP * (len(rows) + 1), sum(widths) + GAP * (columns + 1), 3), 255, np.uint8)
    captions = []
    top = GAP
    for row, height in zip(small, heights, strict=True):
        start = GAP
        for (caption, picture), width in zip(row, widths, strict=False):
            captions.append(((start, top), caption))
            canvas[top + CAPTION : top + CAPTION + picture.shape[0], start : start + picture.shape[1]] = picture
            start += width + GAP
        top += height + GAP
    image = Image.fromarray(canvas)
    draw = ImageDraw.Draw(image)
    for place, caption in captions:
        draw.text(place, caption, fill=(40, 40, 40), font=ImageFont.load_default(15))
    return np.asarray(image)


def eight_bit(picture: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32 in [0, 1] as uint8."""
    return np.rint(picture * 255).astype(np.uint8)


if __name__ == "__main__":
    main()
