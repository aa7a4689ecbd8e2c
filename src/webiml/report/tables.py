"""Tables that a page, Markdown and LaTeX show alike, and the escaping that each of them needs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#+!|~$&])")
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
} | {character: f"\\{character}" for character in "&%$#_{}"}


@dataclass(frozen=True, slots=True)
class Table:
    """A heading, what a reader must know, and cells that are text already.

    Attributes:
        header, rows: all of one length. text_columns: so many of the first columns are words, the others numbers.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    text_columns: int = 1


def number(value: float | None) -> str:
    """Three digits, or a dash where there is none."""
    return "-" if value is None else f"{value:.3f}"


def share(value: float | None) -> str:
    """Percent with as many digits as tell a small one from nothing, or a dash where there is none."""
    return "-" if value is None else f"{100 * value:.2f} %"


def with_interval(value: float | None, ends: Sequence[float] | None) -> str:
    """Three digits and the ends of the interval, as far as both are there."""
    return number(value) if value is None or not ends else f"{number(value)} ({number(ends[0])} to {number(ends[1])})"


def count_of(count: int, one: str, several: str = "") -> str:
    """A count and its noun: `1 picture`, `1,200 pictures`."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def one_line(text: str) -> str:
    """The text with everything unprintable, line ends among it, spelled out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text)


def markdown_text(text: str) -> str:
    """Text that stays text in Markdown, on one line: it may hold names of files."""
    return _MARKDOWN.sub(r"\\\1", one_line(text))


def markdown_table(table: Table) -> str:
    """A section of a Markdown page."""
    lines = [f"## {markdown_text(table.title)}", ""]
    if table.caption:
        lines += [markdown_text(table.caption), ""]
    sides = ["---" if column < table.text_columns else "---:" for column in range(len(table.header))]
    lines += [_markdown_row([markdown_text(cell) for cell in table.header]), _markdown_row(sides)]
    lines += [_markdown_row([markdown_text(cell) for cell in row]) for row in table.rows]
    return "\n".join(lines) + "\n"


def latex_text(text: str) -> str:
    """Text that stays text in LaTeX, on one line."""
    return "".join(_LATEX.get(character, character) for character in one_line(text))


def latex_table(table: Table) -> str:
    """A table environment, for a document with \\usepackage{booktabs}."""
    sides = "l" * table.text_columns + "r" * (len(table.header) - table.text_columns)
    lines = [
        "% needs \\usepackage{booktabs}",
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{latex_text(table.caption)}}}",
        f"\\begin{{tabular}}{{{sides}}}",
        "\\toprule",
        _latex_row(table.header),
        "\\midrule",
        *(_latex_row(row) for row in table.rows),
        "\\bottomrule",
        "\\end{tabular}",
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(latex_text(cell) for cell in cells) + r" \\"
