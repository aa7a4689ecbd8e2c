"""The benchmarks of photographs up to 2020; see layouts.py."""

from __future__ import annotations

from webiml.evaluate.benchmarks.folders import Known, Layout, Part
from webiml.evaluate.benchmarks.items import Expected, MaskRule

_PHOTOHOLMES = "photoholmes/photoholmes src/photoholmes/datasets"
_TRUFOR = "grip-unina/TruFor test_docker/data_test"
_MVSS = "dong03/MVSS-Net data"
_CORRECTIONS = "SunnyHaze/IML-Dataset-Corrections README.md"
_SAME = {"d": "splice", "s": "copy-move"}  # of another or of the same picture; namtpham/casia1groundtruth README.md

_CASIA1_TAMPERED = Part(
    r"(?:CASIA 1\.0 dataset/)?(?:Modified Tp/)?(?:Tp/)?(?P<sort>CM|Sp)/(?P<name>(?:Sp_(?P<kind>[DS])_)?[^/]+)",
    masks=("CASIA 1.0 groundtruth/{sort}/{name}_gt", "groundtruth/{sort}/{name}_gt", "groundtruth/{name}_gt"),
    kinds=_SAME,
)
_CASIA1_FLAT = Part(r"Tp/(?P<name>Sp_(?P<kind>[DS])_[^/]+)", masks=("Gt/{name}_gt", "Gt/{name}"), kinds=_SAME)
_CASIA1_NOTES = (
    "One picture has no mask: Sp_D_NRN_A_cha0011_sec0011_0542, also named sce0011_cha0011 (" + _CORRECTIONS + ").",
    "Some pictures have wrong names; the mask set comes with a table of new ones (namtpham/casia1groundtruth "
    "README.md).",
    "Published for research; the repositories of pictures and masks state no licence.",
)

CLASSIC = (
    Known(
        "casia-v1",
        "CASIA v1",
        (
            Layout(
                "Au/, Tp/CM/, Tp/Sp/, CASIA 1.0 groundtruth/",
                (_CASIA1_TAMPERED, Part(r"(?:CASIA 1\.0 dataset/)?Au/[^/]+")),
                source=f"{_PHOTOHOLMES}/casia1.py; mjkwon2021/CAT-Net Splicing/data/dataset_CASIA.py; "
                f"{_TRUFOR}/CASIA1corel_fake.txt",
            ),
            Layout(
                "Tp/ and Gt/ with CASIA v1's names",
                (_CASIA1_FLAT, Part(r"Au/.+")),
                source="scu-zjz/IMDLBenCo-doc docs/guide/quickstart/0_dataprepare.md",
            ),
        ),
        Expected(920, 800, f"with a mask: {_MVSS}/CASIAv1plus.txt; authentic: namtpham/casia1groundtruth README.md"),
        (
            *_CASIA1_NOTES,
            "Its authentic pictures recur in CASIA v2, on which many localizers learn: see casia-v1-plus.",
        ),
    ),
    Known(
        "casia-v1-plus",
        "CASIA v1+",
        (
            Layout(
                "Sp/, groundtruth/ and Au_corel/ or corel-1k/",
                (_CASIA1_TAMPERED, Part(r"(?:Au_corel|corel-1k)/.+")),
                source=f"{_TRUFOR}/CASIA1corel_{{fake,real}}.txt; {_MVSS}/CASIAv1plus.txt",
            ),
        ),
        Expected(920, 800, f"{_MVSS}/CASIAv1plus.txt"),
        (
            *_CASIA1_NOTES,
            "The authentic pictures are of the Corel set, from which CASIA v1 was made, for those of CASIA v1 recur in "
            f"CASIA v2 ({_MVSS}/README.md, which says 782; its list holds 800).",
            f"TruFor lists 921 manipulated pictures, one without a mask among them ({_TRUFOR}/CASIA1corel_fake.txt).",
        ),
    ),
    Known(
        "casia-v2",
        "CASIA v2",
        (
            Layout(
                "Tp/, Au/, CASIA 2 Groundtruth/",
                (
                    Part(
                        r"(?:CASIA ?2\.0/)?Tp/(?P<name>(?:Tp_(?P<kind>[DS])_)?[^/]+)",
                        masks=("CASIA 2 Groundtruth/{name}_gt", "CASIA 2 Groundtruth/{name}_gt3"),
                        kinds=_SAME,
                    ),
                    Part(r"(?:CASIA ?2\.0/)?Au/[^/]+"),
                ),
                source="mjkwon2021/CAT-Net Splicing/data/dataset_CASIA.py",
            ),
            Layout(
                "Tp/ and Gt/ with CASIA v2's names",
                (
                    Part(r"Tp/(?P<name>Tp_(?P<kind>[DS])_[^/]+)", masks=("Gt/{name}_gt", "Gt/{name}"), kinds=_SAME),
                    Part(r"Au/.+"),
                ),
                source="scu-zjz/IMDLBenCo-doc docs/guide/quickstart/0_dataprepare.md",
            ),
        ),
        Expected(
            5123, 7491, "5,123: page of namtpham/casia2groundtruth; 7,491: documentation of scu-zjz/IMDLBenCo-doc"
        ),
        (
            f"17 masks have another size than their pictures; corrected ones are published ({_CORRECTIONS}).",
            "Some pictures have wrong names; the mask set comes with a table of new ones (namtpham/casia2groundtruth "
            "README.md).",
            "It is training data of most localizers, rarely a test.",
        ),
    ),
    Known(
        "columbia",
        "Columbia",
        (
            Layout(
                "4cam_auth/, 4cam_splc/, 4cam_splc/edgemask/",
                (
                    Part(
                        r"4cam_splc/(?P<at>(?:4cam_splc/)?)(?P<name>[^/]+)",
                        masks=("4cam_splc/{at}edgemask/{name}_edgemask",),
                        kind="splice",
                    ),
                    Part(r"4cam_auth/(?:4cam_auth/)?[^/]+"),
                ),
                # What was pasted is green, the rest red, and both are brighter near the border of the two
                MaskRule(above=127, channel="green"),
                source=f"{_PHOTOHOLMES}/columbia.py (green is manipulated); SunnyHaze/IML-ViT issue 10 (above 127)",
            ),
        ),
        Expected(180, 183, "https://www.ee.columbia.edu/ln/dvmm/downloads/authsplcuncmp/"),
        ("Its masks are JPEG drawings in red and green: an outline is off by a pixel here and there.",),
    ),
    Known(
        "coverage",
        "Coverage",
        (
            Layout(
                "image/, mask/",
                (
                    Part(
                        r"image/(?P<n>\d+)t",
                        masks=("mask/{n}forged",),
                        authentic=("image/{n}",),
                        kind="copy-move",
                        group="{n}",
                    ),
                    Part(r"image/(?P<n>\d+)", group="{n}"),
                ),
                source=f"{_PHOTOHOLMES}/coverage.py; {_TRUFOR}/coverage_fake.txt",
            ),
            Layout(
                "tampered/, Au/, mask/",
                (
                    Part(
                        r"tampered/(?P<n>\d+)t",
                        masks=("mask/{n}forged",),
                        authentic=("Au/{n}",),
                        kind="copy-move",
                        group="{n}",
                    ),
                    Part(r"Au/(?P<n>\d+)", group="{n}"),
                ),
                source=f"{_MVSS}/COVERAGE.txt",
            ),
        ),
        Expected(100, 100, f"{_MVSS}/COVERAGE.txt"),
        (
            f"9 masks have another size than their pictures: 41, 48, 55 to 59, 61 and 95; corrected ones are published "
            f"({_CORRECTIONS}).",
            "Non-commercial research only (wenbihan/coverage README.md).",
        ),
    ),
    Known(
        "nist16",
        "NIST16",
        (
            Layout(
                "probe_save/, mask/",
                (
                    Part(
                        r"probe_save/(?P<name>.*?(?P<kind>splice|removal|copyclone)?)",
                        masks=("mask/{name}",),
                        kinds={"copyclone": "copy-move", "splice": "splice", "removal": "removal"},
                    ),
                ),
                source=f"{_MVSS}/NIST16.txt",
            ),
        ),
        Expected(564, None, f"{_MVSS}/NIST16.txt"),
        (
            f"TruFor takes 160 manipulated and 160 authentic pictures of it ({_TRUFOR}/NIST16_{{fake,real}}.txt).",
            "Several pictures share one original, so they are no independent samples.",
        ),
    ),
    Known(
        "imd2020",
        "IMD2020, real-life manipulated images",
        (
            Layout(
                "one folder a picture, with *_orig and *_mask",
                (
                    Part(r"(?P<folder>[^/]+)/[^/]*_orig[^/]*", group="{folder}"),
                    Part(
                        r"(?P<folder>[^/]+)/(?P<name>(?!.*_mask$)[^/]+)",
                        masks=("{folder}/{name}_mask",),
                        authentic=("{folder}/*_orig*",),
                        group="{folder}",
                    ),
                ),
                source="mjkwon2021/CAT-Net Splicing/data/dataset_IMD2020.py",
            ),
        ),
        Expected(2010, 414, "zhipeixu/FakeShield issue 21 (2,010 manipulated and 414 real pictures)"),
        (
            "One mask has another size than its picture: z14/00030_fake; a corrected one is published "
            f"({_CORRECTIONS}).",
        ),
    ),
    Known(
        "dso-1",
        "DSO-1",
        (
            Layout(
                "DSO-1/, DSO-1-Fake-Images-Masks/",
                (
                    Part(r"DSO-1/(?P<name>splicing-\d+)", masks=("DSO-1-Fake-Images-Masks/{name}",), kind="splice"),
                    Part(r"DSO-1/normal-\d+"),
                ),
                MaskRule(above=127, inverted=True),
                source=f"{_PHOTOHOLMES}/dso1.py (black is manipulated)",
            ),
        ),
        Expected(100, 100, f"{_TRUFOR}/DSO-1_fake.txt; {_PHOTOHOLMES}/README.md"),
        ("In its masks black is manipulated.",),
    ),
    Known(
        "vipp",
        "VIPP",
        (
            Layout(
                "Forgery/, NonTamp/, masks/",
                (Part(r"Forgery/(?P<name>[^/]+)", masks=("masks/{name}",)), Part(r"NonTamp/[^/]+")),
                source=f"{_TRUFOR}/VIPP_{{fake,real}}.txt",
            ),
        ),
        Expected(62, 69, f"{_TRUFOR}/VIPP_fake.txt (69, of which 7 have no mask) and VIPP_real.txt"),
        ("The masks are TruFor's; the public release has boxes in their place (grip-unina/TruFor issue 32).",),
    ),
)
