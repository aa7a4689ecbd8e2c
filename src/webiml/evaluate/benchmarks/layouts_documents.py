"""The published benchmarks of documents and text in pictures; see layouts.py."""

from __future__ import annotations

from webiml.evaluate.benchmarks.folders import Known, Layout, Part
from webiml.evaluate.benchmarks.items import Expected, MaskRule

_KINDS = {
    "cpmv": "copy-move",
    "splice": "splice",
    "insert": "insertion",
    "inpaint": "inpainting",
    "cover": "cover",
    "edit": "editing",
}

DOCUMENTS = (
    Known(
        "rtm",
        "RealTextManipulation",
        (
            Layout(
                "JPEGImages/, SegmentationClass/",
                (
                    Part(r"JPEGImages/good_[^/]*"),
                    Part(
                        r"JPEGImages/(?P<name>(?P<kind>[^/_]+)_[^/]*)",
                        masks=("SegmentationClass/{name}",),
                        kinds=_KINDS,
                    ),
                ),
                MaskRule(above=0),
                source="DrLuo/RTM README.md, EvalRTM/eval_rtm.py (good is authentic, mask above 0)",
            ),
        ),
        Expected(6000, 3000, "DrLuo/RTM README.md"),
        (
            "Authentic pictures are those named good_*; their masks are black and not looked at.",
            "To score the test split alone give its list: rtm=RealTextMan/test.txt.",
        ),
    ),
    Known(
        "doctamper",
        "DocTamper",
        (
            Layout(
                "images/ and masks/, unpacked by cvtlmdb.py",
                (Part(r"images/(?P<name>\d+)", masks=("masks/{name}",)),),
                MaskRule(above=0),
                source="qcf-568/DocTamper cvtlmdb.py, dataloader.py (mask above 0)",
            ),
        ),
        notes=(
            "Published as LMDB databases (DocTamperV1-TestingSet, -FCD, -SCD): give the folder of one, as it is "
            "(qcf-568/DocTamper cvtlmdb.py; lmdb is needed: pip install 'webiml[lmdb]').",
            "The authors compress each picture once more before they score it, by a list that is part of their code "
            "(qcf-568/DocTamper dataloader.py); here the pictures are taken as they are.",
            "Non-commercial use only (qcf-568/DocTamper README.md).",
        ),
    ),
)
