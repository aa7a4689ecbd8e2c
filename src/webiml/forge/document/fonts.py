"""The typefaces that pages are written in: free ones, from Python packages, no file of the machine's own.

Families for training and families held out are different ones, so that a page of the held-out split has letters that
were never seen.
"""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from PIL import ImageFont

from webiml.errors import SettingError

# Where a family lies: package, ending, and the file names of its regular, bold and italic faces ("" where it has none).
_OF_MATPLOTLIB = {
    "DejaVu Sans": ("sans", "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique"),
    "DejaVu Serif": ("serif", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic"),
    "DejaVu Sans Mono": ("mono", "DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique"),
    "STIX General": ("serif", "STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic"),
}
_OF_PACKAGES = {
    "Lato": ("sans", "font_lato", "ttf", "Lato-Regular", "Lato-Bold", "Lato-Italic"),
    "Caladea": ("serif", "font_caladea", "ttf", "Caladea-Regular", "Caladea-Bold", "Caladea-Italic"),
    "Source Sans Pro": (
        *("sans", "font_source_sans_pro", "ttf"),
        *("SourceSansPro-Regular", "SourceSansPro-Semibold", "SourceSansPro-It"),
    ),
    "Source Serif Pro": (
        *("serif", "font_source_serif_pro", "ttf"),
        *("SourceSerifPro-Regular", "SourceSerifPro-Semibold", "SourceSerifPro-It"),
    ),
    "Hanken Grotesk": (
        *("sans", "font_hanken_grotesk", "otf"),
        *("HankenGrotesk-Regular", "HankenGrotesk-Bold", "HankenGrotesk-Italic"),
    ),
    "Manrope": ("sans", "font_manrope", "ttf", "Manrope-Regular", "Manrope-Bold", ""),
}
FAMILIES = {
    "train": ("DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono", "Lato", "Caladea", "Source Sans Pro"),
    "val": ("STIX General", "Hanken Grotesk", "Manrope", "Source Serif Pro"),
}


@dataclass(frozen=True, slots=True)
class Face:
    """One typeface: a file of letters.

    Attributes:
        family: "DejaVu Sans"; a name of FAMILIES.
        style: "regular", "bold" or "italic".
        path: the font file.
    """

    family: str
    style: str
    path: str


@dataclass(frozen=True, slots=True)
class Family:
    """The faces of one family. `kind` is "sans", "serif" or "mono"; a family without italics gives its regular face."""

    name: str
    kind: str
    regular: Face
    bold: Face
    italic: Face


@functools.lru_cache(maxsize=2)
def families(split: str) -> tuple[Family, ...]:
    """The families of a split, "train" or "val"; no family is in both.

    Raises:
        SettingError: a package that brings them is not installed.
    """
    wanted = FAMILIES[split]
    needed = ["matplotlib", *(_OF_PACKAGES[name][1] for name in wanted if name in _OF_PACKAGES), "faker"]
    check_installed(*needed)
    return tuple(_family(name) for name in wanted)


def check_installed(*packages: str) -> None:
    """Nothing, where all `packages` (names to import) are installed; they are not imported.

    Raises:
        SettingError: one is missing; the sentence names it and the extra that brings it.
    """
    missing = [name.replace("_", "-") for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        they_are = "which is" if len(missing) == 1 else "which are"
        raise SettingError(
            f"--domain document needs {', '.join(missing)}, {they_are} not installed: pip install 'webiml[documents]'"
        )


def font(face: Face, size: float) -> ImageFont.FreeTypeFont:
    """A face at `size` pixels an em, rounded; laid out by Pillow alone, so the same with or without raqm."""
    return _font(face.path, round(size))


@functools.lru_cache(maxsize=512)
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def _family(name: str) -> Family:
    if name in _OF_MATPLOTLIB:
        import matplotlib

        kind, *files = _OF_MATPLOTLIB[name]
        folder, ending = Path(matplotlib.get_data_path()) / "fonts" / "ttf", "ttf"
    else:
        kind, package, ending, *files = _OF_PACKAGES[name]
        spec = importlib.util.find_spec(package)
        folder = Path((spec and spec.origin) or package).parent / "files"
    paths = [folder / f"{file or files[0]}.{ending}" for file in files]
    lost = [path.name for path in paths if not path.is_file()]
    if lost:
        raise SettingError(
            f"The typeface {name} has no file {lost[0]} where its package is installed: install it again, "
            "pip install --force-reinstall 'webiml[documents]'"
        )
    styles = ["regular", "bold", "italic" if files[2] else "regular"]
    return Family(name, kind, *(Face(name, style, str(path)) for style, path in zip(styles, paths, strict=True)))
