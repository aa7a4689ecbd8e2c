"""All layouts that are known: those of the published benchmarks, and those that no one benchmark owns.

Layouts, counts and known faults are written down as data, each with where it was read: a file of a public repository
(owner/repository path), a page, or a paper. Where none was read the count is unknown, and a layout without a source is
marked unverified.
"""

from __future__ import annotations

from webiml.evaluate.benchmarks.folders import Known, Layout, Part
from webiml.evaluate.benchmarks.items import MaskRule
from webiml.evaluate.benchmarks.layouts_classic import CLASSIC
from webiml.evaluate.benchmarks.layouts_documents import DOCUMENTS
from webiml.evaluate.benchmarks.layouts_recent import RECENT

BENCHMARKS: tuple[Known, ...] = (*CLASSIC, *RECENT, *DOCUMENTS)
"""The published benchmarks, in the order in which they are tried."""

FOLDERS = (
    Layout(
        "Tp/ and Gt/, with or without Au/",
        (
            Part(r"Tp/(?P<name>.+)", masks=("Gt/{name}", "Gt/{name}_gt", "Gt/{name}_mask")),
            Part(r"Au/.+"),
        ),
        MaskRule(above=127),
        source="scu-zjz/IMDLBenCo IMDLBenCo/datasets/iml_datasets.py (in order), abstract_dataset.py (above 127.5)",
        in_order=("Tp", "Gt"),
    ),
    Layout(
        "imgs/ and masks/",
        (Part(r"imgs/(?P<name>(?P<first>[^/.]*).*)", masks=("masks/{name}", "masks/{first}")),),
        MaskRule(above=0),
        source="qcf-568/MIML models for IML/casia1_infer.py (mask above 0)",
    ),
    Layout(
        "images/ and masks/",
        (Part(r"images/(?P<name>.+)", masks=("masks/{name}", "masks/{name}_gt", "masks/{name}_mask")),),
        MaskRule(above=0),
        source="qcf-568/DocTamper cvtlmdb.py and dataloader.py (mask above 0)",
    ),
)
"""Layouts that no one benchmark owns."""
