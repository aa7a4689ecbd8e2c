"""A dataset described for people: README.md in the form of a dataset card of the Hugging Face Hub, with two pictures.

Source of the form: huggingface/hub-docs datasetcard.md (fields of the front matter) and huggingface/huggingface_hub
src/huggingface_hub/templates/datasetcard_template.md (sections).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

from webiml.datasets.card_counts import (
    QES_BINS,
    SHARES,
    CardCounts,
    licence_fields,
    qes_bins,
    quantiles,
    size_category,
)
from webiml.datasets.card_pictures import qes_plot, sample_sheet
from webiml.store.dataset import DatasetInfo, dataset_info
from webiml.store.parquet import FILE_NAME
from webiml.store.place import Place
from webiml.store.reviews import read_reviewed
from webiml.types import Kind, Row, Status

SHEET, PLOT = "card/samples.jpg", "card/qes.png"
_NAMED = 20  # sources or licences that are named
_TAGS = ["image-forensics", "image-manipulation-localization", "image-manipulation-detection", "webiml"]
_LIMITS = """\
- The masks were made by a machine that compares two pictures, and {looked}. QES says how sure it
  was, not how right.
- A mask says where two pictures differ (SPG) or what they share (SDG). If the kind is wrong, it means another thing.
- The authentic picture is taken at its word: if it was edited itself, the mask marks every difference.
- One mask is no proof of who changed what, or why. Use the masks for training and for statistics over many.
- What was rejected or failed is not a random part: hard cases are missing among what was kept."""
_REMOVAL = """\
Whoever has rights in a picture can have it taken out, with everything that shows it. Whoever holds the data runs

```text
webiml dataset remove DATASET --sha256 HEX
```

or names it by `--url`, `--author` or `--source`. It goes from every generation, shard and export, and a tombstone,
which holds a hash and no name, keeps it from coming back. Copies elsewhere and networks that have learned from it are
out of its reach."""


def write_card(dataset: Place, out: Place, file: str, name: str, meanings: Mapping[str, str]) -> CardCounts:
    """Write the card of a dataset and its pictures; equal datasets give equal bytes.

    Args:
        out, file: where README.md lies, and what it is called; the pictures lie in card/ beside it.
        name: of the dataset, for people. meanings: a sentence for each reason.
    Raises:
        SettingError: there is no dataset.
        OutputError: nothing can be written there.
    """
    info = dataset_info(dataset)
    counts = CardCounts()
    for row in read_reviewed(dataset):
        counts.add(row)
    chosen = counts.samples()
    found = {row.key: row for row in read_reviewed(dataset) if row.key in set(chosen)} if chosen else {}
    sheet, shown = sample_sheet(dataset, [found[key] for key in chosen if key in found])
    if sheet is not None:
        out.write(SHEET, sheet)
    if len(counts.qes):
        out.write(PLOT, qes_plot(qes_bins(counts.qes)))
    out.write(file, card_text(counts, info, name, meanings, shown).encode())
    return counts


def card_text(
    counts: CardCounts, info: DatasetInfo, name: str, meanings: Mapping[str, str], shown: Sequence[Row]
) -> str:
    """The card; `shown` are the pairs on the sheet, none when there is no sheet."""
    sections = [
        front_matter(counts, name, FILE_NAME),
        f"# {_safe(name)}",
        _what(counts),
        f"## Samples\n\n![authentic, manipulated, mask]({SHEET})\n\n{_credits(shown)}" if shown else "",
        f"## Counts\n\n{_statuses(counts)}{_decided(counts)}\n\n{_kinds(counts)}",
        f"### Sizes and areas of kept pairs\n\n{_quantiles(counts)}",
        f"### QES of kept pairs\n\n![how many kept pairs have which QES]({PLOT})\n\n{_qes(counts)}"
        if counts.qes
        else "",
        f"### What was not kept, and why\n\n{_reasons(counts, meanings)}",
        f"## Sources and licences\n\n{_sources(counts)}\n\n{_licences(counts)}",
        f"## How it was made\n\n{_made(counts, info)}",
        f"## Known limits\n\n{_limits(counts)}",
        f"## Taking something out\n\n{_REMOVAL}",
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def short_card(counts: CardCounts, name: str) -> str:
    """The card of an export for the Hub: the front matter, which finds the data, and the licences."""
    parts = [front_matter(counts, name, "data/*.parquet"), f"# {_safe(name)}", _what(counts), _licences(counts)]
    return "\n\n".join(parts) + "\n"


def front_matter(counts: CardCounts, name: str, data_files: str) -> str:
    """The YAML block that the Hub reads; `data_files` is the one split, train."""
    fields: dict[str, Any] = {
        "pretty_name": name,
        **licence_fields(counts),
        "task_categories": ["image-segmentation"],
        "tags": _TAGS,
        "annotations_creators": ["machine-generated"],
        "size_categories": [size_category(counts.rows)],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": data_files}]}],
    }
    return f"---\n{yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)}---"


def _what(counts: CardCounts) -> str:
    return (
        "Pairs of an authentic picture and one that was made from it by editing, with a pixel mask of what was "
        f"manipulated. {counts.pairs:,} pairs, with {counts.authentic:,} different authentic pictures. "
        "SPG: the authentic picture is the background that was edited. SDG: it gave an object that was pasted "
        "elsewhere."
    )


def _statuses(counts: CardCounts) -> str:
    return _table(("pairs", *(s.value for s in Status)), [[counts.rows, *(counts.statuses[s.value] for s in Status)]])


def _decided(counts: CardCounts) -> str:
    if not counts.decided:
        return ""
    drawn = f", and drew {counts.drawn:,} of the masks that were kept" if counts.drawn else ""
    return f"\n\nPeople decided about {counts.decided:,} of {counts.rows:,} pairs{drawn}. All counts are with that."


def _limits(counts: CardCounts) -> str:
    looked = f"people have looked at {counts.decided:,} of them" if counts.decided else "no person has looked at each"
    return _LIMITS.format(looked=looked)


def _kinds(counts: CardCounts) -> str:
    rows = [[kind.value, *(counts.kinds[kind.value, status.value] for status in Status)] for kind in Kind]
    return _table(("kind", *(status.value for status in Status)), rows)


def _quantiles(counts: CardCounts) -> str:
    header = ("", *(f"{100 * share:.0f} % below" for share in SHARES))
    rows = [
        ["longer side, pixels", *(f"{value:,.0f}" for value in quantiles(counts.sides))],
        ["mask, % of the picture", *(f"{100 * value:.2f}" for value in quantiles(counts.areas))],
        ["QES", *(f"{value:.3f}" for value in quantiles(counts.qes))],
    ]
    return _table(header, [row for row in rows if len(row) > 1]) if counts.kept else "No pair was kept."


def _qes(counts: CardCounts) -> str:
    bins = qes_bins(counts.qes)
    lines = [
        f"{n / QES_BINS:.2f} to {(n + 1) / QES_BINS:.2f}  {'#' * -(-40 * int(count) // int(bins.max())):<40}  {count:,}"
        for n, count in enumerate(bins)
        if count
    ]
    return "```text\n" + "\n".join(lines) + "\n```"


def _reasons(counts: CardCounts, meanings: Mapping[str, str]) -> str:
    rows = [
        [status, _safe(reason), number, meanings.get(reason, "")]
        for (status, reason), number in sorted(counts.reasons.items(), key=lambda item: (-item[1], item[0]))
    ]
    return _table(("status", "reason", "pairs", "what it means"), rows) if rows else "Every pair was kept."


def _sources(counts: CardCounts) -> str:
    if not counts.sources:
        return "The rows name no source."
    rows = _most(counts.sources.items())
    return _table(("source", "kept pairs"), [[_safe(name), number] for name, number in rows])


def _licences(counts: CardCounts) -> str:
    totals: dict[str, int] = {}
    for (_, text), number in counts.licences.items():
        totals[text] = totals.get(text, 0) + number
    rows = [
        [_safe(text) or "not stated", counts.licences["manipulated", text], counts.licences["authentic", text]]
        for text, _ in _most(totals.items())
    ]
    words = (
        f"Every picture keeps its own licence, which its row names. The rows name {len(counts.authors):,} authors; "
        f"{counts.with_address:,} of {counts.pairs:,} pairs have the addresses of both pictures."
    )
    return f"{_table(('licence', 'manipulated pictures', 'authentic pictures'), rows)}\n\n{words}" if rows else words


def _made(counts: CardCounts, info: DatasetInfo) -> str:
    rows = [[_safe(name), _safe(str(value))] for name, value in sorted(info.settings.items()) if name != "weights"]
    rows += [["network", _safe(one)] for text in sorted(counts.weights) for one in text.split()]
    rows += [["webiml", _safe(version)] for version in sorted(counts.versions) if version]
    intro = "Masks by `webiml annotate` with these settings; every row of annotations.parquet repeats their hash."
    return f"{intro}\n\n{_table(('setting', 'value'), rows)}"


def _credits(shown: Sequence[Row]) -> str:
    def both(one: str | None, other: str | None) -> str:
        return " / ".join(dict.fromkeys(_safe(text) for text in (one, other) if text))

    rows = [
        [
            row.key,
            row.kind or "",
            both(row.extra.get("authentic_author"), row.author),
            both(row.extra.get("authentic_license"), row.license),
            _safe(row.source or ""),
        ]
        for row in shown
    ]
    return _table(("pair", "kind", "author (authentic / manipulated)", "licence", "source"), rows)


def _most(counts: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """The most frequent names, and how often all others occur."""
    ordered = sorted(counts, key=lambda item: (-item[1], item[0]))
    rest = sum(number for _, number in ordered[_NAMED:])
    return ordered[:_NAMED] + ([(f"{len(ordered) - _NAMED:,} others", rest)] if rest else [])


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(f'{c:,}' if isinstance(c, int) else str(c) for c in line)} |" for line in lines)


def _safe(text: str) -> str:
    """Text from elsewhere as plain text of Markdown: one line, no markup, no tags."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:120]
    inside_words = re.sub(r"(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])", "\0", line)  # no markup there
    return "".join(f"&#{ord(c)};" if c in "<>&|[]*_`#\\!~$@" else c for c in inside_words).replace("\0", "_")
