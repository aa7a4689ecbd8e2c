"""Further benchmarks of photographs: realistic, generated and made in large numbers; see layouts.py."""

from __future__ import annotations

from webiml.evaluate.benchmarks.folders import Known, Layout, Part
from webiml.evaluate.benchmarks.items import Expected, MaskRule

_PHOTOHOLMES = "photoholmes/photoholmes src/photoholmes/datasets"
_TRUFOR = "grip-unina/TruFor test_docker/data_test"
_MVSS = "dong03/MVSS-Net data"

RECENT = (
    Known(
        "cocoglide",
        "CocoGlide",
        (
            Layout(
                "fake/, real/, mask/",
                (
                    Part(
                        r"fake/glide_inpainting_val2017_(?P<id>\d+)_up",
                        masks=("mask/*_{id}_mask",),
                        authentic=("real/*_{id}",),
                        kind="inpainting",
                        group="{id}",
                    ),
                    Part(r"real/[^/]*_(?P<id>\d+)", group="{id}"),
                ),
                source=f"{_TRUFOR}/CocoGlide_{{fake,real}}.txt",
            ),
        ),
        Expected(512, 512, f"{_TRUFOR}/CocoGlide_fake.txt and CocoGlide_real.txt"),
    ),
    *(
        Known(
            name,
            f"AutoSplice, JPEG {quality}",
            (
                Layout(
                    f"Forged_JPEG{quality}/, Authentic/, Mask/",
                    (
                        Part(
                            rf"Forged_JPEG{quality}/(?P<id>[^/_]+)[^/]*",
                            masks=("Mask/{id}_mask",),
                            kind="inpainting",
                            group="{id}",
                        ),
                        Part(r"Authentic/(?P<id>[^/_]+)[^/]*", group="{id}"),
                    ),
                    MaskRule(above=0),
                    source=f"{_PHOTOHOLMES}/autosplice.py (mask above 0)",
                ),
            ),
            Expected(3621, 2273, "shanface33/AutoSplice_Dataset README.md"),
            ("Academic research only, non-commercial (shanface33/AutoSplice_Dataset README.md).",),
        )
        for name, quality in (("autosplice", 100), ("autosplice-90", 90), ("autosplice-75", 75))
    ),
    Known(
        "korus",
        "Korus, realistic tampering",
        (
            Layout(
                "CAMERA/tampered-realistic/, CAMERA/pristine/, CAMERA/ground-truth/",
                (
                    Part(
                        r"(?P<camera>Canon_60D|Nikon_D90|Nikon_D7000|Sony_A57)/tampered-realistic/(?P<name>[^/]+)",
                        masks=("{camera}/ground-truth/{name}",),
                        authentic=("{camera}/pristine/{name}",),
                        group="{camera}/{name}",
                    ),
                    Part(
                        r"(?P<camera>Canon_60D|Nikon_D90|Nikon_D7000|Sony_A57)/pristine/(?P<name>[^/]+)",
                        group="{camera}/{name}",
                    ),
                ),
                MaskRule(above=10),
                source=f"{_PHOTOHOLMES}/realistic_tampering.py (above 10)",
            ),
        ),
        Expected(220, 220, f"https://pkorus.pl/downloads/dataset-realistic-tampering/; {_PHOTOHOLMES}/README.md"),
        (
            "Its masks have three levels; grey is what was changed by the way, such as blending, and counts as "
            "manipulated, as in PhotoHolmes (https://pkorus.pl/downloads/dataset-realistic-tampering/).",
        ),
    ),
    Known(
        "openforensics",
        "OpenForensics, Test-Dev as TruFor takes it",
        (
            Layout(
                "Test-Dev/, Annotations_GT/Images/Test-Dev/",
                (Part(r"(?:Images/)?Test-Dev/(?P<name>[^/]+)", masks=("Annotations_GT/Images/Test-Dev/{name}",)),),
                source=f"{_TRUFOR}/OpenForensics_fake.txt",
            ),
        ),
        Expected(2000, None, f"{_TRUFOR}/OpenForensics_fake.txt"),
        (
            "TruFor lists 2,000 pictures of Test-Dev; which levels its masks have was read nowhere.",
            "Give that list to score those pictures alone: openforensics=OpenForensics_fake.txt, put beside Test-Dev/.",
        ),
    ),
    Known(
        "defacto",
        "DEFACTO",
        (
            Layout(
                "*-images/img/, *-annotations/probe_mask/",
                (
                    Part(
                        r"(?P<at>(?:DEFACTO/)?)(?P<kind>[^/]+)-images/img/(?P<name>[^/]+)",
                        masks=("{at}{kind}-annotations/probe_mask/{name}",),
                        kinds={"copy-move": "copy-move", "splicing": "splice", "inpainting": "removal"},
                    ),
                ),
                source=f"{_MVSS}/DEFACTO12k-test.txt",
            ),
        ),
        notes=("The authentic pictures are those of MS COCO, which lie elsewhere: use the list of defacto-12k.",),
    ),
    Known(
        "defacto-12k",
        "DEFACTO-12k",
        (),
        Expected(6000, 6000, f"{_MVSS}/DEFACTO12k-test.txt"),
        (
            "It is a list over DEFACTO and MS COCO: put DEFACTO12k-test.txt beside DEFACTO/, and give "
            f"defacto-12k=DEFACTO12k-test.txt ({_MVSS}/README.md).",
        ),
    ),
)
