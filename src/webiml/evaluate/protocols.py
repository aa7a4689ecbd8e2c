"""Whose rules count: ours, and those of four code bases whose figures people quote.

Each protocol is what the code named in its `source` does, spelled out as the few choices in which the field differs.
Where a picture could not be scored, none of them is followed: the code bases drop it or stop, here it counts as a map
in which nothing is marked, and the result says how many there were.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Protocol:
    """The choices that make a number.

    Attributes:
        name: as --protocol takes it. title: for a table. source: what was read.
        stretch: the localizer gets the picture stretched to a square of this side, pixels; None: as it is.
        compared: the map is compared at the picture's own size, or at the square's, to which the mask then goes, too.
        mask_above: grey level above which a published mask counts; None: what the benchmark itself says.
        permuted: the better of the map and its inversion counts. It can only raise a figure.
        border: sides of the squares, pixels, by which the truth is eroded and dilated; what lies between is ignored.
        authentic: authentic pictures are left out of pixel figures, or count 0 whatever is marked in them.
        empty: F1 and IoU where there is nothing to find and nothing is marked.
        score: what says that a whole picture is manipulated: the localizer's score, or the largest probability.
        harmonic: the F1 of whole pictures is the harmonic mean of sensitivity and specificity.
        strict: a score of exactly 0.5 is not flagged.
        remarks: what a reader of its figures must know.
    """

    name: str
    title: str
    source: str
    stretch: int | None = None
    compared: Literal["native", "stretched"] = "native"
    mask_above: int | None = None
    permuted: bool = False
    border: tuple[int, int] | None = None
    authentic: Literal["left out", "zero"] = "left out"
    empty: float = 1.0
    score: Literal["score", "largest"] = "score"
    harmonic: bool = False
    strict: bool = True
    remarks: tuple[str, ...] = ()

    @property
    def resizing(self) -> str:
        """The resize policy, in words."""
        if self.stretch is None:
            return "native size"
        back = "compared there" if self.compared == "stretched" else "the map brought back to the picture's size"
        return f"picture stretched to {self.stretch}x{self.stretch}, {back}"

    @property
    def words(self) -> str:
        """What its pixel F1 means, in one sentence."""
        parts = [
            "F1 of each manipulated picture at 0.5" if self.authentic == "left out" else "F1 of each picture at 0.5",
            self.resizing,
            "the better of map and inverted map" if self.permuted else "nothing inverted",
            f"edges of the truth ignored ({self.border[0]} and {self.border[1]} pixels)"
            if self.border
            else "nothing ignored",
            "authentic pictures left out" if self.authentic == "left out" else "authentic pictures count 0",
        ]
        return "; ".join(parts) + "; mean over pictures."


WEBIML = Protocol(
    "webiml",
    "webiml",
    "docs/evaluate.md of webiml",
    strict=False,
    remarks=("A picture without anything to find in which nothing is marked would count 1; none is in the mean.",),
)
BENCO = Protocol(
    "benco",
    "IMDL-BenCo",
    "scu-zjz/IMDLBenCo IMDLBenCo/evaluation/F1.py, IOU.py, AUC.py and IMDLBenCo/datasets/abstract_dataset.py",
    stretch=512,
    compared="stretched",
    mask_above=127,
    authentic="zero",
    empty=0.0,
    remarks=(
        "An authentic picture that a list loads counts 0 in pixel F1, IoU and AUC, however right the map is.",
        "Equal probabilities count half in the AUC; its code orders them by chance.",
        "Padding to 1024 pixels, which its IML-ViT needs, is not reproduced.",
    ),
)
TRUFOR = Protocol(
    "trufor",
    "TruFor",
    "grip-unina/TruFor test_docker/metrics.py",
    mask_above=0,
    permuted=True,
    border=(15, 11),
    empty=0.0,
    remarks=(
        "The F1 at the best threshold of each picture (f1_best) is the figure of its main table.",
        "A picture of which one kind of pixels alone is left, all of them marked alike, has no F1 at 0.5 and is left "
        "out of that mean, as its code does with NaN; `undefined` counts them.",
        "The correlation (MCC) is taken without its sign.",
    ),
)
MVSS = Protocol(
    "mvss",
    "MVSS-Net",
    "dong03/MVSS-Net evaluate.py, inference.py and common/utils.py",
    stretch=512,
    mask_above=0,
    score="largest",
    harmonic=True,
    remarks=(
        "The F1 of whole pictures is the harmonic mean of sensitivity and specificity.",
        "Its code drops a map that is missing or of another size; here it counts as one in which nothing is marked.",
    ),
)
MIML = Protocol(
    "miml",
    "MIML scripts",
    "qcf-568/MIML 'models for IML'/casia1_infer.py",
    stretch=512,
    mask_above=0,
    empty=0.0,
    remarks=(
        "Its network chooses a threshold between 0.3 and 0.7 by a score of its own; here it is 0.5 for every map.",
        "Its scripts report no figure of whole pictures; those here are ours.",
    ),
)

PROTOCOLS = {one.name: one for one in (WEBIML, BENCO, TRUFOR, MVSS, MIML)}
"""Every protocol by its name."""
