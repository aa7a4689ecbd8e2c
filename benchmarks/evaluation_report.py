"""The report of the localizer that ships, by every protocol, with published figures in it.

    python benchmarks/evaluation_report.py --data ../shared/data/casia1_dev [--weights web-iml] [--out docs]
                                           [--work DIR] [--degrade jpeg:50..100:10 ...]

Every manipulated picture of pairs.csv counts once (its SPG rows), every authentic one of authentic.csv once; pictures
that share sources (`component`) are drawn together. `webiml evaluate` scores them by each protocol out of one set of
maps; by ours again after each degradation. The published figures are those of published.csv beside this file, each
with its source. The page is OUT/evaluation_figures.md, without a picture of the benchmark. --work keeps the results
and the maps, so that the same command resumes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from localizer_scoring import authentic_singles, manipulated_singles

from webiml.cli import main as command
from webiml.evaluate.protocols import PROTOCOLS
from webiml.store.atomic import make_folder, write_bytes

DEGRADATIONS = ("jpeg:50..100:10", "blur:3..23", "noise-sigma:3..23", "resize:0.5..1", "resave:social")
PUBLISHED = Path(__file__).with_name("published.csv")
NAME = "casia1_dev"
INTRODUCTION = """\
# Figures of the localizer that ships

Made by `python benchmarks/evaluation_report.py --data ../shared/data/{name}` on {date}, {machine}.
{manipulated} manipulated and {authentic} authentic pictures of CASIA v1 ({name}), threshold 0.5, 95 % intervals over
groups of pictures that share sources. No picture of CASIA taught this localizer. The two classes of CASIA were saved
differently, which tells them apart; for figures of whole pictures look at the row jpeg:90 below, after which both are
saved alike.

Published figures stand beside ours under the protocol that they were made by. They are of **all** of CASIA v1, ours of
the {manipulated} pictures that could be had here. Most of those networks learned from CASIA v2, in which authentic
pictures of v1 recur; ours saw neither. By the protocol of IMDL-BenCo the manipulated pictures are scored alone, as in
its published tables: authentic ones would count 0 in its mean."""


def main() -> None:
    """Evaluate by every protocol and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with pairs.csv and authentic.csv")
    parser.add_argument("--weights", default="web-iml", help="name or path of the localizer")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder of the page and its plots")
    parser.add_argument("--work", type=Path, help="keep results and maps here")
    parser.add_argument("--degrade", nargs="*", default=DEGRADATIONS, help="what pictures go through")
    parser.add_argument("--workers", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = arguments.work or Path(folder)
        whole = write_items(arguments.data, work / NAME)
        manipulated = write_items(arguments.data, work / f"{NAME}_manipulated", authentic=False)
        results = {}
        for name, protocol in PROTOCOLS.items():
            # Figures by a protocol in which authentic pictures count 0 are published without them
            table = whole if protocol.authentic == "left out" else manipulated
            degrade = ["--degrade", *arguments.degrade] if name == "webiml" and arguments.degrade else []
            run = [
                "evaluate",
                "--data",
                str(table),
                "--weights",
                arguments.weights,
                "--protocol",
                name,
                "--no-pictures",
            ]
            run += ["--cache", str(work / "maps"), "--out", str(work / name), "--workers", str(arguments.workers)]
            if code := command.run([*run, *degrade, "--quiet"]):
                raise SystemExit(code)
            results[name] = json.loads((work / name / "result.json").read_text())
            print(f"{name:<8} F1 {results[name]['pixel']['f1']:.3f}", flush=True)
        write_bytes(arguments.out / "evaluation_figures.md", page(results, work / "webiml" / "report.md").encode())


def write_items(data: Path, folder: Path, *, authentic: bool = True) -> Path:
    """A table of the single pictures of both tables, or of the manipulated alone, which `webiml evaluate` reads."""
    singles = manipulated_singles(data / "pairs.csv")
    if authentic:
        singles += authentic_singles(data / "pairs.csv", data / "authentic.csv")
    rows = [
        {
            "key": one.key,
            "image": one.picture.absolute(),
            "mask": one.mask.absolute() if one.mask else "",
            "kind": one.kind,
            "component": one.component,
        }
        for one in singles
    ]
    make_folder(folder)
    table = folder / "items.csv"
    write_bytes(table, pd.DataFrame(rows).to_csv(index=False).encode())
    return table


def page(results: dict[str, dict[str, Any]], report: Path) -> str:
    """Markdown: one table a protocol with the published figures in it, then the report by our own protocol."""
    published = pd.read_csv(PUBLISHED, dtype=str, keep_default_na=False).to_dict("records")
    one = results["webiml"]
    introduction = INTRODUCTION.format(
        name=NAME,
        date=one["made"]["date"][:10],
        machine=one["made"]["machine"],
        manipulated=one["pixel"]["n"],
        authentic=one["false_alarms"]["n"],
    )
    lines = [introduction]
    for name, result in results.items():
        lines += ["", f"## By the protocol of {PROTOCOLS[name].title}", "", PROTOCOLS[name].words, ""]
        lines += ["| localizer | pictures | F1 | F1, best of each | pixel AUC | image AUC | learned from | source |"]
        lines += ["|---|---|---|---|---|---|---|---|", ours(result)]
        rows = [row for row in published if row["protocol"] == name]
        lines += [theirs(row) for row in sorted(rows, key=lambda row: float(row["f1"] or row["f1_best"]))]
    text = report.read_text()
    lines += ["", "## The whole report, by our own protocol", "", *nested(text.splitlines())]
    return "\n".join(lines) + "\n"


def ours(result: dict[str, Any]) -> str:
    """The row that was measured now."""
    pixel = result["pixel"]
    low, high = pixel["intervals"]["f1"]
    cells = [f"**webiml {result['what']['name']}**", f"{pixel['n']} of CASIA v1"]
    cells += [f"**{pixel['f1']:.3f}** ({low:.3f} to {high:.3f})", shown(pixel["f1_best"]), shown(pixel["auc"])]
    cells += [shown(result["image"]["auc"]), "free pictures, forged here", "measured here"]
    return f"| {' | '.join(cells)} |"


def theirs(row: dict[str, str]) -> str:
    """A row that somebody published."""
    cells = [row["name"], " ".join(filter(None, (row["n"] and f"{row['n']} of", row["benchmark"])))]
    cells += [row[name] or "-" for name in ("f1", "f1_best", "auc", "image_auc", "learned_from")]
    cells.append(f"{row['source']} ({row['read']})")
    return f"| {' | '.join(cells)} |"


def shown(number: float | None) -> str:
    """Three digits, or a dash where there is no number."""
    return "-" if number is None else f"{number:.3f}"


def nested(lines: list[str]) -> list[str]:
    """The lines of a report, its headings one level deeper and its title left out."""
    return [f"#{line}" if line.startswith("#") else line for line in lines if not line.startswith("# ")]


if __name__ == "__main__":
    main()
