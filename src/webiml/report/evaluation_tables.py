"""What result.json says, in tables, for a page, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from webiml.evaluate.benchmarks.items import Benchmark
from webiml.report.evaluation_words import LEVELS, level_words, parts, training_mark, undegraded, what_words
from webiml.report.tables import Table, count_of, number, share, with_interval
from webiml.report.words import REASON_MEANING

NAMED = 50  # skipped, failed and leaking pictures that a report names


def pixel_table(result: Mapping[str, Any]) -> Table:
    """Where: means over pictures, a row for each benchmark."""
    header = ("benchmark", "manipulated", "authentic", "skipped", "failed", "F1 at 0.5 (95 %)", "IoU (95 %)")
    header += ("F1 best of set", "at threshold", "F1 best of each", "pixel AUC", "AP", "MCC")
    rows = [(name, *_pixel_cells(part)) for name, part in parts(result)]
    if len(result["benchmarks"]) > 1:
        mean = result["mean_of_benchmarks"]
        cells = (mean["f1"], mean["iou"], None, None, mean["f1_best"], mean["auc"], None, None)
        rows.append(("mean of benchmarks", "-", "-", "-", "-", *map(number, cells)))
    caption = (
        "Means over pictures. F1, IoU and MCC at 0.5. Skipped pictures enter no figure; failed ones have no map and "
        "count as one in which nothing is marked. Best of set: the one threshold that suits these very pictures best; "
        "best of each: another one for every picture. Nobody knows either for new pictures."
    )
    undefined = result["pixel"]["undefined"]
    if undefined:
        caption += f" Not defined, so left out of a mean: {', '.join(f'{n} {c:,}' for n, c in undefined.items())}."
    return Table("Where: pixels", header, tuple(rows), _caption(caption, result))


def image_table(result: Mapping[str, Any]) -> Table:
    """Whether: whole pictures, and what is marked in authentic ones."""
    header = ("benchmark", "pictures", "image AUC (95 %)", "image AP", "image F1", "accuracy", "balanced accuracy")
    header += ("EER", "false-alarm area", "false-alarm share")
    rows = []
    for name, part in parts(result):
        image, alarms = part["image"], part["false_alarms"]
        cells = map(number, (image[figure] for figure in ("ap", "f1", "accuracy", "balanced_accuracy", "eer")))
        auc = with_interval(image["auc"], image["intervals"].get("auc"))
        rows.append((name, f"{image['n']:,}", auc, *cells, share(alarms["area"]), share(alarms["share"])))
    told = "the largest probability of its map" if result["image"]["score"] == "largest" else "its score"
    caption = (
        f"Manipulated pictures against authentic ones, each told by {told}; where a threshold is needed, it is 0.5. "
        "False-alarm area: mean share of an authentic picture that is marked. False-alarm share: authentic pictures of "
        f"which more than {100 * result['false_alarms']['alarm']:g} % is marked."
    )
    return Table("Whether: whole pictures", header, tuple(rows), _caption(caption, result))


def kind_table(result: Mapping[str, Any]) -> Table | None:
    """A row for each kind of manipulation; None where no benchmark says kinds."""
    header = ("benchmark", "kind", "pictures", "failed", "F1 at 0.5 (95 %)", "IoU")
    header += ("F1 best of each", "pixel AUC", "MCC")
    rows = []
    for name, one in result["benchmarks"].items():
        for kind, part in one["kinds"].items():
            pixel = part["pixel"]
            cells = map(number, (pixel[figure] for figure in ("iou", "f1_best", "auc", "mcc")))
            f1 = with_interval(pixel["f1"], pixel["intervals"].get("f1"))
            rows.append((name, kind, f"{part['n']:,}", f"{part['failed']:,}", f1, *cells))
    if not rows:
        return None
    return Table("By kind", header, tuple(rows), _caption("Means over pictures.", result), text_columns=2)


def pooled_table(result: Mapping[str, Any]) -> Table:
    """Over all pixels together."""
    header = ("benchmark", "precision", "recall", "F1 at 0.5", "IoU", "MCC", "AUC", "AP", "best F1", "at threshold")
    names = ("precision", "recall", "f1", "iou", "mcc", "auc", "ap", "f1_best", "threshold_best")
    rows = tuple((name, *(number(part["pooled"][figure]) for figure in names)) for name, part in parts(result))
    words = "All pixels of all pictures that count, as if they were one picture: large pictures weigh more."
    return Table("Pooled over pixels", header, rows, _caption(words, result))


def count_table(result: Mapping[str, Any], benchmarks: Sequence[Benchmark]) -> Table:
    """How many pictures were there, and how many should be."""
    header = ("benchmark", "layout", "manipulated", "expected", "authentic", "expected", "what that means", "source")
    rows = []
    for one in benchmarks:
        manipulated = sum(item.manipulated for item in one.items)
        authentic = len(one.items) - manipulated
        counts = (manipulated, one.expected.manipulated, authentic, one.expected.authentic)
        said = (_against(one, manipulated, authentic), one.expected.source or "-")
        rows.append((one.name, one.layout, *map(_count, counts), *said))
    return Table("What was there", header, tuple(rows), training_mark(result), text_columns=len(header))


def left_out_tables(result: Mapping[str, Any]) -> Iterator[Table]:
    """What was skipped and what failed: why, and which pictures."""
    for word, verb, meaning in (
        ("skipped", "were skipped", "They enter no figure."),
        ("failed", "failed", "They have no map and count as one in which nothing is marked."),
    ):
        reasons, pictures = result[f"{word}_reasons"], result[f"{word}_pictures"]
        if not reasons:
            continue
        rows = tuple((reason, f"{count:,}", REASON_MEANING.get(reason, "")) for reason, count in reasons.items())
        yield Table(f"Why pictures {verb}", ("reason", "pictures", "meaning"), rows, meaning, text_columns=3)
        named = tuple((p["benchmark"], p["key"], p["reason"] or "-", p["detail"] or "") for p in pictures[:NAMED])
        total = sum(reasons.values())
        more = f"The first {len(named):,} of {total:,}; per_image.parquet has all." if total > len(named) else ""
        header = ("benchmark", "picture", "reason", "detail")
        yield Table(f"Pictures that {verb}", header, named, more, text_columns=4)


def leak_table(result: Mapping[str, Any]) -> Table | None:
    """The first pictures that overlap with the training; None without any."""
    listed = result["training_data"].get("leaking_pictures") or []
    rows = tuple(
        (one["benchmark"], one["name"], one["picture"], one["training_key"], _difference(one)) for one in listed[:NAMED]
    )
    if not rows:
        return None
    total = result["training_data"]["leaks"]
    caption = f"The first {len(rows):,} of {total:,}." if total > len(rows) else ""
    caption = f"{caption} Bits: of 64 in which the perceptual hashes differ.".strip()
    header = ("benchmark", "picture", "which", "picture of the training", "differs by")
    return Table("Overlap with the training data", header, rows, caption, text_columns=5)


def robustness_tables(result: Mapping[str, Any]) -> Iterator[Table]:
    """For each kind of degradation the figures at its levels."""
    before = (result["n"], result["skipped"], *(undegraded(result)[name] for name in _DRAWN))
    for kind, found in (result["robustness"] or {}).items():
        rows = [("not degraded", *_level_cells(before))]
        for place, level in enumerate(found["levels"]):
            values = (found["n"][place], found["skipped"][place], *(found[name][place] for name in _DRAWN))
            rows.append((level_words(level), *_level_cells(values)))
        if len(found["levels"]) > 1:
            rows.append(("mean height", *_level_cells((None, None, *(found["area"][name] for name in _DRAWN)))))
        header = ("level", "pictures", "skipped", "F1 at 0.5", "IoU", "pixel AUC", "image AUC", "false-alarm area")
        caption = f"Level: {LEVELS.get(kind, 'level')}. Mean height: the area under the curve over its span of levels."
        yield Table(f"After {kind}", header, tuple(rows), _caption(caption, result))


def fact_table(result: Mapping[str, Any]) -> Table:
    """What decides the numbers, and where they were made."""
    what, made = result["what"], result["made"]
    facts = [("scored", what_words(what))]
    facts += [(f"scored: {name}", _fact(value)) for name, value in what.items() if name not in ("kind", "name")]
    facts += [
        ("protocol", f"{result['protocol']} ({result['protocol_source']})"),
        ("resize policy", result["resize"]),
        ("threshold", f"{result['threshold']:g}"),
        ("data fingerprint", result["fingerprint"]),
    ]
    if len(result["benchmarks"]) > 1:
        facts += [(f"data fingerprint: {name}", one["fingerprint"]) for name, one in result["benchmarks"].items()]
    per_picture = result["seconds_per_picture"]
    if per_picture is not None:
        facts.append(("median time of a map", f"{per_picture:.3f} s"))
    if result.get("seconds") is not None:
        facts.append(("time of the whole run", f"{result['seconds']:.1f} s"))
    facts += [("made", made["date"]), ("machine", made["machine"]), ("commit", made["commit"] or "-")]
    facts.append(("versions", ", ".join(f"{name} {version}" for name, version in made["versions"].items())))
    return Table("How it was made", ("what", "value"), tuple(facts), text_columns=2)


def paper_table(result: Mapping[str, Any]) -> Table:
    """The few figures that a paper prints, a row for each benchmark."""
    header = ("Benchmark", "n", "F1 at 0.5", "IoU", "F1 best of set", "F1 best of each", "Pixel AUC", "Image AUC")
    header += ("False-alarm area",)
    rows = []
    for name, part in parts(result):
        pixel = part["pixel"]
        cells = map(number, (pixel[figure] for figure in ("f1", "iou", "f1_best_of_set", "f1_best", "auc")))
        image, alarms = number(part["image"]["auc"]), share(part["false_alarms"]["area"])
        rows.append((name, f"{part['n']:,}", *cells, image, alarms))
    caption = (
        f"{what_words(result['what'])}. Protocol {result['protocol']}: {result['protocol_words']} "
        f"{count_of(result['n'], 'picture')}, {result['skipped']:,} skipped, {result['failed']:,} without a map. "
        f"{result['made']['date'][:10]}."
    )
    return Table("", header, tuple(rows), _caption(caption, result))


_DRAWN = ("f1", "iou", "auc", "image_auc", "false_alarm_area")


def _pixel_cells(part: Mapping[str, Any]) -> tuple[str, ...]:
    pixel = part["pixel"]
    ends = pixel["intervals"]
    best, threshold = pixel["f1_best_of_set"], pixel["threshold_best_of_set"]
    return (
        *(f"{part[name]:,}" for name in ("manipulated", "authentic", "skipped", "failed")),
        with_interval(pixel["f1"], ends.get("f1")),
        with_interval(pixel["iou"], ends.get("iou")),
        *map(number, (best, threshold, pixel["f1_best"], pixel["auc"], pixel["ap"], pixel["mcc"])),
    )


def _level_cells(values: Sequence[Any]) -> tuple[str, ...]:
    counts = ("-" if value is None else f"{value:,}" for value in values[:2])
    return (*counts, *map(number, values[2:-1]), share(values[-1]))


def _caption(words: str, result: Mapping[str, Any]) -> str:
    return f"{words} {training_mark(result)}".strip()


def _against(one: Benchmark, manipulated: int, authentic: int) -> str:
    """What the counts say, a few words for each thing that is unknown or differs."""
    said = []
    for word, found, expected in (
        ("manipulated", manipulated, one.expected.manipulated),
        ("authentic", authentic, one.expected.authentic),
    ):
        if expected is not None and found != expected:
            said.append(f"{abs(found - expected):,} {word} {'missing' if found < expected else 'more than expected'}")
    if one.expected.manipulated is None and one.expected.authentic is None:
        said.append("count unknown")
    if not one.verified:
        said.append("layout unverified")
    said += one.notes
    return "; ".join(said) or "as expected"


def _difference(leak: Mapping[str, Any]) -> str:
    return "nothing, equal files" if leak["same_bytes"] else count_of(leak["distance"], "bit")


def _count(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"


def _fact(value: object) -> str:
    return "-" if value is None else str(value)
