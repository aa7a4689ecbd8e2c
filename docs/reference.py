"""Parts of the documentation that are made from the code at build time, so that they cannot say anything else.

    ```{reference} columns
    ```

stands for what the function `columns` below returns, as Markdown. Tests call these functions too.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from webiml import Kind, Reason, Status
from webiml.cli import localize_summary
from webiml.cli.annotate import annotate
from webiml.cli.collect import CollectSummary
from webiml.cli.localize import localize
from webiml.cli.summary import Plan, Summary
from webiml.evaluate import degrade
from webiml.evaluate.protocols import PROTOCOLS
from webiml.evaluate.rows import ImageRow, image_schema
from webiml.localize import rows as localize_rows
from webiml.localize.regions import Region
from webiml.report.words import (
    FAILURE_MEANING,
    KIND_MEANING,
    LINK_FAILURE_MEANING,
    LINK_REFUSAL_MEANING,
    LINK_STATUS_MEANING,
    REJECTION_MEANING,
    STATUS_MEANING,
)
from webiml.settings import (
    AnnotateRun,
    AnnotatorSettings,
    CollectRun,
    CollectSettings,
    EvaluateRun,
    EvaluateSettings,
    LocalizeRun,
    LocalizeSettings,
    ReviewRun,
    ServeRun,
    ServeSettings,
)
from webiml.store.dataset import DatasetInfo
from webiml.store.links import link_schema
from webiml.store.reviews import Decision
from webiml.store.rows import table_schema
from webiml.types import LinkReason, LinkRow, LinkStatus, Row

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# What stands for a value in the table of flags
VALUES = {int: "N", float: "X", str: "NAME", tuple[str, ...]: "NAME", Path | None: "FOLDER"}


def columns() -> str:
    """Every column of annotations.parquet with its Parquet type."""
    docs = attribute_docs(Row)
    lines = [
        (
            f"`{field.name}`",
            f"`{field.type}`".replace("<element: ", "<"),
            "yes" if field.nullable else "never",
            docs[field.name],
        )
        for field in table_schema(set())
    ]
    return table(
        ("column", "type", "may be null", "meaning"), [*lines, ("`input.<name>`", "`string`", "yes", docs["extra"])]
    )


def statuses() -> str:
    """The three statuses."""
    return table(("status", "meaning"), [(f"`{word}`", STATUS_MEANING[word]) for word in Status])


def kinds() -> str:
    """The four kinds."""
    return table(("kind", "meaning"), [(f"`{word}`", KIND_MEANING[word]) for word in Kind])


def reasons() -> str:
    """The closed list of reasons, by status."""
    lines = [
        (f"`{reason.value}`", f"`{status.value}`", meaning[reason])
        for status, meaning in ((Status.REJECTED, REJECTION_MEANING), (Status.FAILED, FAILURE_MEANING))
        for reason in Reason
        if reason in meaning
    ]
    return table(("reason", "status", "meaning"), lines)


def metadata() -> str:
    """The metadata keys of annotations.parquet."""
    words = {
        "schema": "Version of the columns, a whole number; rises when a column changes its meaning or goes.",
        "format": "`folder` or `shards`.",
        "settings": "The settings that decide results, as a JSON object.",
        "settings_hash": "First 16 hex digits of the SHA-256 of those settings; each row repeats it.",
    }
    docs = words | attribute_docs(DatasetInfo) | {"format": words["format"]}
    names = [field.name for field in dataclasses.fields(DatasetInfo)]
    return table(("key", "value"), [(f"`webiml.{name}`", docs[name]) for name in names])


def summary() -> str:
    """The fields of the JSON object that --json prints."""
    return fields(Summary)


def plan() -> str:
    """The fields of the JSON object that --dry-run --json prints."""
    return fields(Plan)


def arguments() -> str:
    """What `webiml annotate` takes besides its settings."""
    docs = parameter_docs(inspect.getdoc(annotate) or "")
    shown = {
        "pairs": "`PAIRS`",
        "manipulated": "`MANIPULATED`",
        "out": "`--out PATH`, `-o PATH`",
        "config": "`--config FILE.yaml`",
    }
    return table(("argument", "meaning"), [(shown[name], text) for name, text in docs.items()])


def result_flags() -> str:
    """The flags that decide results."""
    return flags(AnnotatorSettings)


def run_flags() -> str:
    """The flags that decide how a run is carried out."""
    return flags(AnnotateRun)


def link_columns() -> str:
    """Every column of links/NNNNNN.parquet with its Parquet type."""
    docs = attribute_docs(LinkRow)
    lines = [
        (f"`{field.name}`", f"`{field.type}`", "yes" if field.nullable else "never", docs[field.name])
        for field in link_schema(set())
    ]
    return table(
        ("column", "type", "may be null", "meaning"), [*lines, ("`input.<name>`", "`string`", "yes", docs["extra"])]
    )


def link_statuses() -> str:
    """What becomes of a link."""
    return table(("status", "meaning"), [(f"`{word}`", LINK_STATUS_MEANING[word]) for word in LinkStatus])


def link_reasons() -> str:
    """The closed list of reasons why a link brought no picture, by status."""
    lines = [
        (f"`{reason.value}`", f"`{status.value}`", meaning[reason])
        for status, meaning in (
            (LinkStatus.REFUSED, LINK_REFUSAL_MEANING),
            (LinkStatus.FAILED, LINK_FAILURE_MEANING),
        )
        for reason in LinkReason
        if reason in meaning
    ]
    return table(("reason", "status", "meaning"), lines)


def collect_flags() -> str:
    """The flags that decide how links are asked for."""
    return flags(CollectSettings)


def collect_run_flags() -> str:
    """The other flags of `webiml collect`."""
    return flags(CollectRun)


def collect_summary() -> str:
    """The fields of the JSON object that `webiml collect --json` prints."""
    return fields(CollectSummary)


def localize_columns() -> str:
    """Every column of results.parquet with its Parquet type."""
    docs = attribute_docs(localize_rows.PictureRow)
    lines = [
        (
            f"`{field.name}`",
            "list of structs" if field.name == "regions" else f"`{field.type}`",
            "yes" if field.nullable else "never",
            docs[field.name],
        )
        for field in localize_rows.table_schema()
    ]
    return table(("column", "type", "may be null", "meaning"), lines)


def localize_regions() -> str:
    """What each entry of the column `regions` holds."""
    return fields(Region)


def localize_summary_fields() -> str:
    """The fields of the JSON object that `webiml localize --out DIR --json` prints."""
    return fields(localize_summary.Summary)


def localize_plan() -> str:
    """The fields of the JSON object that `webiml localize --dry-run --json` prints."""
    return fields(localize_summary.Plan)


def localize_arguments() -> str:
    """What `webiml localize` takes besides its settings."""
    docs = parameter_docs(inspect.getdoc(localize) or "")
    shown = {"pictures": "`PICTURES`", "out": "`--out PATH`, `-o PATH`", "config": "`--config FILE.yaml`"}
    return table(("argument", "meaning"), [(shown[name], text) for name, text in docs.items()])


def localize_result_flags() -> str:
    """The flags of `webiml localize` that decide results."""
    return flags(LocalizeSettings)


def localize_run_flags() -> str:
    """The flags of `webiml localize` that decide how a run is carried out."""
    return flags(LocalizeRun)


def review_run_flags() -> str:
    """The flags of `webiml review`."""
    return flags(ReviewRun)


def decisions() -> str:
    """Every field of a line of reviews.jsonl."""
    return fields(Decision)


def serve_flags() -> str:
    """The flags of `webiml serve` that decide what it answers, and how much of the machine a client may take."""
    return flags(ServeSettings)


def serve_run_flags() -> str:
    """The other flags of `webiml serve`."""
    return flags(ServeRun)


def evaluate_columns() -> str:
    """Every column of per_image.parquet with its Parquet type."""
    docs = attribute_docs(ImageRow)
    lines = [
        (f"`{field.name}`", f"`{field.type}`", "yes" if field.nullable else "never", docs[field.name])
        for field in image_schema()
    ]
    return table(("column", "type", "may be null", "meaning"), lines)


def evaluate_protocols() -> str:
    """Every protocol, what its F1 means, and where that was read."""
    lines = [
        (f"`{name}`", " ".join([one.words, *one.remarks]), f"`{one.source}`" if "/" in one.source else one.source)
        for name, one in PROTOCOLS.items()
    ]
    return table(("protocol", "what its pixel F1 is, and what to know", "read in"), lines)


def evaluate_degradations() -> str:
    """Every degradation, how it is written and what is done: the list at the head of its module."""
    lines = [line.strip() for line in (inspect.getdoc(degrade) or "").splitlines() if line.startswith("    ")]
    parts = [re.split(r" {2,}", line, maxsplit=1) for line in lines]
    return table(("degradation", "what is done"), [(f"`{written}`", words) for written, words in parts])


def evaluate_result_flags() -> str:
    """The flags of `webiml evaluate` that decide the numbers."""
    return flags(EvaluateSettings)


def evaluate_run_flags() -> str:
    """The flags of `webiml evaluate` that decide how a run is carried out."""
    return flags(EvaluateRun)


PARTS = (columns, statuses, kinds, reasons, metadata, summary, plan, arguments, result_flags, run_flags)
PARTS += (localize_columns, localize_regions, localize_summary_fields, localize_plan, localize_arguments)
PARTS += (localize_result_flags, localize_run_flags, evaluate_columns, evaluate_protocols, evaluate_degradations)
PARTS += (evaluate_result_flags, evaluate_run_flags, link_columns, link_statuses, link_reasons)
PARTS += (collect_flags, collect_run_flags, collect_summary)
PARTS += (review_run_flags, decisions, serve_flags, serve_run_flags)


def flags(settings: type) -> str:
    """A table of the flags of one settings dataclass."""
    docs, hints = attribute_docs(settings), typing.get_type_hints(settings)
    lines = []
    for field in dataclasses.fields(settings):
        flag, hint = f"--{field.name.replace('_', '-')}", hints[field.name]
        if hint is bool:
            shown = f"`{flag}`" if not field.default else f"`{flag}`, `--no-{flag[2:]}`"
            default = "on" if field.default else "off"
        else:
            choices = () if hint in VALUES else typing.get_args(hint)
            value = f"{{{','.join(choices)}}}" if len(choices) > 1 else choices[0] if choices else VALUES[hint]
            nothing = field.default in (None, "", ())
            shown, default = f"`{flag} {value}`", "none" if nothing else f"`{field.default}`"
        lines.append((shown, default, docs[field.name]))
    return table(("flag", "default", "meaning"), lines)


def fields(record: type) -> str:
    """A table of the documented fields of a dataclass."""
    docs = attribute_docs(record)
    names = [field.name for field in dataclasses.fields(record)]
    return table(("field", "meaning"), [(f"`{name}`", docs[name]) for name in names])


def attribute_docs(record: Any) -> dict[str, str]:
    """The string below each attribute of a class, by name, those that it inherits first."""
    docs = {}
    for base in record.__bases__:
        docs |= attribute_docs(base) if dataclasses.is_dataclass(base) else {}
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(record))).body
    assert isinstance(body, ast.ClassDef)
    for above, below in zip(body.body, body.body[1:], strict=False):
        if isinstance(above, ast.AnnAssign) and isinstance(above.target, ast.Name):
            text = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else None
            if isinstance(text, str):
                docs[above.target.id] = " ".join(text.split())
    return docs


def parameter_docs(docstring: str) -> dict[str, str]:
    """Name to text of the parameters in a docstring of numpy's form."""
    docs: dict[str, str] = {}
    name = ""
    for line in docstring.partition("Parameters\n----------\n")[2].splitlines():
        if line.startswith(" "):
            docs[name] = f"{docs[name]} {line.strip()}".strip()
        elif line.strip():
            name = line.strip()
            docs[name] = ""
    return docs


def table(head: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    rows = [head, tuple("---" for _ in head), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows) + "\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx: adds the directive."""
    from docutils import nodes
    from sphinx.util.docutils import SphinxDirective

    class Reference(SphinxDirective):
        required_arguments = 1

        def run(self) -> list[nodes.Node]:
            parts = {part.__name__: part for part in PARTS}
            return self.parse_text_to_nodes(parts[self.arguments[0]]())

    app.add_directive("reference", Reference)
    # What it shows changes with the code, not with the page.
    app.connect("env-get-outdated", lambda app, env, added, changed, removed: sorted(env.found_docs))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
