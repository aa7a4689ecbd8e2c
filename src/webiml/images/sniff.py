"""What a file's first bytes say it is. Names and content types from outside are never asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import jpeg_factory
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile


@dataclass(frozen=True, slots=True)
class Format:
    """A picture format that is read: its name for a person, its file ending, and Pillow's reader."""

    name: str
    extension: str
    open: Callable[[IO[bytes]], ImageFile]  # Pillow's plugin itself, so that no other one is ever tried


JPEG = Format("JPEG", ".jpg", jpeg_factory)  # also MPO, several JPEG pictures in one file
PNG = Format("PNG", ".png", PngImageFile)
GIF = Format("GIF", ".gif", GifImageFile)
WEBP = Format("WebP", ".webp", WebPImageFile)
AVIF = Format("AVIF", ".avif", AvifImageFile)
BMP = Format("BMP", ".bmp", BmpImageFile)
TIFF = Format("TIFF", ".tif", TiffImageFile)

_BMP_HEADERS = (
    12,
    40,
    52,
    56,
    64,
    108,
    124,
)  # bytes; two letters alone would make a text that begins with BM a picture
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two: BigTIFF


def sniff(data: bytes) -> Format | None:
    """The format that the first bytes announce; None when it is none of those that are read."""
    if data.startswith(b"\xff\xd8\xff"):
        return JPEG
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if data.startswith((b"GIF87a", b"GIF89a")):
        return GIF
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WEBP
    if data[4:8] == b"ftyp" and {b"avif", b"avis"} & _brands(data):
        return AVIF
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADERS:
        return BMP
    if data.startswith(_TIFF_STARTS):
        return TIFF
    return None


def looks_like(data: bytes) -> str:
    """What bytes that are no picture seem to be instead, in words for a person."""
    head = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) or b"<html" in head:
        return "an HTML page"
    if head.startswith((b"<?xml", b"<svg", b"<!--", b"<!doctype svg")):
        return "an SVG drawing" if b"<svg" in head else "XML"
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the picture itself"
    if data[4:8] == b"ftyp":
        heic = {b"heic", b"heix", b"heif", b"mif1", b"msf1", b"hevc"} & _brands(data)
        return "a HEIC picture, which is not read: save it as JPEG or PNG" if heic else "a video"
    for start, words in _OTHERS:
        if data.startswith(start):
            return words
    if not data.strip(b"\0"):
        return "nothing but zero bytes"
    if head[:1] in (b"{", b"["):
        return "JSON"
    try:
        text = data[:1024].decode("utf-8")
    except UnicodeDecodeError:
        return "unknown bytes"
    return "plain text" if all(c.isprintable() or c.isspace() for c in text) else "unknown bytes"


_OTHERS = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"8BPS", "a Photoshop document, which is not read: save it as PNG"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture, which is not read: save it as PNG"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture, which is not read: save it as PNG"),
    (b"\xff\x0a", "a JPEG XL picture, which is not read: save it as PNG"),
    (b"\0\0\x01\0", "an icon"),
    (b"\x1aE\xdf\xa3", "a video"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)


def _brands(data: bytes) -> set[bytes]:
    """Major and compatible brands of an ISO media file's first box."""
    end = min(int.from_bytes(data[:4], "big"), len(data), 512)
    return {data[8:12], *(data[i : i + 4] for i in range(16, end - 3, 4))}
