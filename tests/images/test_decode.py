import io
import pickle
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from webiml.errors import BadImage
from webiml.images.decode import MIN_SIDE, Picture, decode
from webiml.types import Reason

LIMIT = 1_000_000


def ramp(height: int = 24, width: int = 40) -> np.ndarray:
    """A smooth picture without symmetry, (H, W, 3) uint8: survives lossy coding, shows every rotation."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([x / width * 200 + 20, y / height * 200 + 20, (x + y) / (height + width) * 120], -1).astype(
        np.uint8
    )


def saved(image: Image.Image | np.ndarray, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(buffer, kind, **options)
    return buffer.getvalue()


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *chunks: bytes) -> bytes:
    """A PNG by hand, for what Pillow cannot write; `rows` without filter bytes."""
    stride = len(rows) // height
    raw = b"".join(b"\0" + rows[i * stride : (i + 1) * stride] for i in range(height))
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    parts = (header, *chunks, png_chunk(b"IDAT", zlib.compress(raw)), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


PLAIN: dict[str, Callable[[], bytes]] = {
    "jpeg": lambda: saved(ramp(), "JPEG", quality=95),
    "progressive": lambda: saved(ramp(), "JPEG", quality=95, progressive=True),
    "mpo": lambda: saved(ramp(), "MPO", quality=95, save_all=True, append_images=[Image.fromarray(ramp()[::-1])]),
    "png": lambda: saved(ramp(), "PNG"),
    "apng": lambda: saved(ramp(), "PNG", save_all=True, append_images=[Image.fromarray(ramp()[::-1])]),
    "gif": lambda: saved(Image.fromarray(ramp()).quantize(256), "GIF"),
    "animated gif": lambda: saved(
        Image.fromarray(ramp()).quantize(256), "GIF", save_all=True, append_images=[Image.new("RGB", (40, 24), "red")]
    ),
    "webp": lambda: saved(ramp(), "WEBP", quality=95),
    "lossless webp": lambda: saved(ramp(), "WEBP", lossless=True),
    "animated webp": lambda: saved(
        ramp(), "WEBP", quality=95, save_all=True, append_images=[Image.fromarray(ramp()[::-1])]
    ),
    "avif": lambda: saved(ramp(), "AVIF", quality=95, speed=8),
    "bmp": lambda: saved(ramp(), "BMP"),
    "tiff": lambda: saved(ramp(), "TIFF"),
    "lzw tiff": lambda: saved(ramp(), "TIFF", compression="tiff_lzw"),
    "jpeg tiff": lambda: saved(ramp(), "TIFF", compression="jpeg", quality=95),
}
EXTENSIONS = {
    "jpeg": ".jpg", "progressive": ".jpg", "mpo": ".jpg", "png": ".png", "apng": ".png", "gif": ".gif",
    "animated gif": ".gif", "webp": ".webp", "lossless webp": ".webp", "animated webp": ".webp", "avif": ".avif",
    "bmp": ".bmp", "tiff": ".tif", "lzw tiff": ".tif", "jpeg tiff": ".tif",
}  # fmt: skip


@pytest.fixture(scope="session")
def files() -> dict[str, bytes]:
    """One whole file of every format, all showing `ramp()` first."""
    return {name: make() for name, make in PLAIN.items()}


def reason_of(data: bytes, max_pixels: int = LIMIT) -> Reason:
    with pytest.raises(BadImage) as caught:
        decode(data, max_pixels)
    assert caught.value.detail
    assert " at 0x" not in caught.value.detail
    return caught.value.reason


@pytest.mark.parametrize("name", PLAIN)
def test_every_format_is_read(files, name):
    picture = decode(files[name], LIMIT)
    assert picture.rgb.dtype == np.uint8
    assert picture.rgb.shape == (24, 40, 3)
    assert picture.rgb.flags.c_contiguous and picture.rgb.flags.writeable and picture.rgb.flags.owndata
    assert picture.extension == EXTENSIONS[name]
    assert np.abs(picture.rgb.astype(int) - ramp()).mean() < 4  # lossy coding and 256 colours


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("jpeg", ""),
        ("mpo", "first of 2 pictures"),
        ("apng", "first of 2 frames"),
        ("animated gif", "first of 2 frames"),
        ("animated webp", "first of 2 frames"),
    ],
)
def test_note_says_that_only_the_first_picture_was_read(files, name, note):
    assert decode(files[name], LIMIT).note == note


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied_once(kind, orientation):
    turned = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
        8: lambda a: np.rot90(a),
    }[orientation](ramp())
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb = decode(saved(ramp(), kind, exif=exif, quality=95), LIMIT).rgb
    assert rgb.shape == turned.shape
    assert np.abs(rgb.astype(int) - turned).mean() < 4


@pytest.mark.parametrize("junk", [b"", b"\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff" + b"\x01" * 40])
def test_broken_exif_does_not_fail_the_picture(junk):
    data = saved(ramp(), "JPEG", quality=95, exif=b"Exif\0\0" + junk)
    assert decode(data, LIMIT).rgb.shape == (24, 40, 3)
    chunk = png_chunk(b"eXIf", junk)
    assert decode(png(16, 16, 8, 0, bytes(256), chunk), LIMIT).rgb.shape == (16, 16, 3)


def test_cmyk_is_converted():
    cyan, white = Image.new("CMYK", (20, 20), (255, 0, 0, 0)), Image.new("CMYK", (20, 20), (0, 0, 0, 0))
    for kind in ("JPEG", "TIFF"):  # Pillow writes CMYK JPEG the Adobe way, inverted
        picture = decode(saved(cyan, kind), LIMIT)
        assert np.abs(picture.rgb.astype(int) - (0, 255, 255)).max() <= 3
        assert "CMYK" in picture.note
        assert decode(saved(white, kind), LIMIT).rgb.min() >= 252


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(kind):
    grey = np.repeat(np.array([0, 257, 128 * 257, 65535], np.uint16), 8)[None].repeat(16, 0)
    picture = decode(saved(grey, kind), LIMIT)
    assert picture.rgb[0, ::8, 0].tolist() == [0, 1, 128, 255]
    assert (picture.rgb[..., 0] == picture.rgb[..., 2]).all()
    assert "16-bit" in picture.note


def test_16_bit_big_endian_tiff():
    grey = np.full((16, 16), 128 * 257, ">u2")
    strip = grey.tobytes()
    tags = [(256, 16), (257, 16), (258, 16), (259, 1), (262, 1), (273, 200), (277, 1), (278, 16), (279, len(strip))]
    ifd = struct.pack(">H", len(tags)) + b"".join(struct.pack(">HHII", t, 4, 1, v) for t, v in tags) + bytes(4)
    data = (b"MM\0*" + struct.pack(">I", 8) + ifd).ljust(200, b"\0") + strip
    assert (decode(data, LIMIT).rgb == 128).all()
    white_is_zero = data.replace(struct.pack(">HHII", 262, 4, 1, 1), struct.pack(">HHII", 262, 4, 1, 0))
    with pytest.raises(BadImage):  # Pillow reads only the little-endian kind
        decode(white_is_zero, LIMIT)


def test_16_bit_white_is_zero_tiff_is_turned_round():
    strip = np.full((16, 16), 65535 - 100 * 257, "<u2").tobytes()
    tags = [(256, 16), (257, 16), (258, 16), (259, 1), (262, 0), (273, 200), (277, 1), (278, 16), (279, len(strip))]
    ifd = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", t, 4, 1, v) for t, v in tags) + bytes(4)
    data = (b"II*\0" + struct.pack("<I", 8) + ifd).ljust(200, b"\0") + strip
    assert (decode(data, LIMIT).rgb == 100).all()


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (6, 4)], ids=["rgb", "rgba"])
def test_16_bit_colour_png(colour, channels):
    pixel = [0x0000, 0x80FF, 0xFFFF, 0xFFFF][:channels]
    rows = struct.pack(f">{channels}H", *pixel) * 256
    assert decode(png(16, 16, 16, colour, rows), LIMIT).rgb[0, 0].tolist() == [0, 128, 255]


def test_16_bit_colour_key():
    black, red = struct.pack(">3H", 0, 0, 0), struct.pack(">3H", 0xFFFF, 0, 0)
    rgb = decode(png(16, 16, 16, 2, (black + red) * 128, png_chunk(b"tRNS", red)), LIMIT).rgb
    assert rgb[0, :2].tolist() == [[0, 0, 0], [255, 255, 255]]


@pytest.mark.parametrize(
    ("values", "want"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 200.0], [0, 100, 200]),
        ([0.0, 257.0, 65535.0], [0, 1, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([np.nan, 0.0, np.inf], [0, 0, 0]),
        ([0.0, 0.0, 0.0], [0, 0, 0]),
        ([0.0, 1e30, 3e38], [0, 0, 255]),
    ],
    ids=["unit", "byte", "word", "signed", "not-finite", "black", "huge"],
)
def test_float_tiff(values, want):
    grey = np.repeat(np.array(values, np.float32), 8)[None].repeat(16, 0)
    assert decode(saved(grey, "TIFF"), LIMIT).rgb[0, ::8, 0].tolist() == want


def test_32_bit_integers_below_256_stay_as_they_are():
    grey = np.full((16, 16), 1, np.int32)
    assert (decode(saved(grey, "TIFF"), LIMIT).rgb == 1).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_lies_on_white(mode):
    grey = Image.fromarray(np.full((16, 32), 100, np.uint8))
    alpha = np.repeat(np.array([0, 51, 255, 255], np.uint8), 8)[None].repeat(16, 0)
    image = grey.convert("LA").convert("RGBA") if mode != "LA" else grey.convert("LA")
    image.putalpha(Image.fromarray(alpha))
    for kind in ("PNG", "TIFF", "WEBP"):
        if mode == "LA" and kind == "WEBP":
            continue
        picture = decode(saved(image, kind, lossless=True), LIMIT)
        assert picture.rgb[0, ::8, 1].tolist() == [255, 224, 100, 100]  # 51/255 of 100 and 204/255 of 255
        assert picture.note == "transparency laid on white"


def test_opaque_alpha_is_not_worth_a_note():
    assert decode(saved(Image.new("RGBA", (16, 16), (1, 2, 3, 255)), "PNG"), LIMIT).note == ""


def test_palette_with_transparency():
    image = Image.fromarray(np.repeat(np.array([0, 1], np.uint8), 8)[None].repeat(16, 0)).convert("L")
    image.putpalette([10, 20, 30, 40, 50, 60])
    for transparency in (0, b"\x00\xff"):
        rgb = decode(saved(image, "PNG", transparency=transparency), LIMIT).rgb
        assert rgb[0, ::8].tolist() == [[255, 255, 255], [40, 50, 60]]
    assert decode(saved(image, "GIF", transparency=1), LIMIT).rgb[0, ::8].tolist() == [[10, 20, 30], [255, 255, 255]]


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_one_bit(kind):
    bits = Image.fromarray(np.repeat(np.array([0, 255], np.uint8), 8)[None].repeat(16, 0)).convert("1")
    assert decode(saved(bits, kind), LIMIT).rgb[0, ::8, 0].tolist() == [0, 255]


def test_colour_profiles_change_nothing():
    profile = bytes(200)
    assert (decode(saved(ramp(), "PNG", icc_profile=profile), LIMIT).rgb == ramp()).all()


# ---- what cannot be read


def test_empty():
    assert reason_of(b"") is Reason.EMPTY_FILE


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "HTML"),
        (b"\xef\xbb\xbf  <HTML>", "HTML"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04", "ZIP"),
        (b'{"error": 404}', "JSON"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp42isom", "video"),
        (b"\0" * 100, "zero bytes"),
        (b"Error 404: go away", "plain text"),
        (b"BMW is a car", "plain text"),
        (b"\x80\x81\x82", "unknown"),
        (b"\xff\xd8", "unknown"),
    ],
)
def test_not_an_image_says_what_it_looks_like(data, words):
    with pytest.raises(BadImage, match=words) as caught:
        decode(data, LIMIT)
    assert caught.value.reason is Reason.NOT_AN_IMAGE


SEVERAL = ("mpo", "apng", "animated gif", "animated webp")  # the first of them is whole in most of the file


@pytest.mark.parametrize(
    ("name", "share"), [(n, share) for n in PLAIN for share in (0.1, 0.5, 0.8) if n not in SEVERAL or share < 0.6]
)
def test_cut_files_say_so(files, name, share):
    reason = reason_of(files[name][: int(len(files[name]) * share)])
    if name == "jpeg tiff" and share == 0.8:  # its coding tables lie behind the picture, and those are cut
        assert reason is Reason.UNDECODABLE
    else:
        assert reason is Reason.TRUNCATED


@pytest.mark.parametrize(("height", "width"), [(1, 1), (MIN_SIDE - 1, 100), (100, MIN_SIDE - 1)])
def test_too_small(height, width):
    assert reason_of(saved(np.zeros((height, width, 3), np.uint8), "PNG")) is Reason.TOO_SMALL


def test_smallest_side_is_allowed():
    assert decode(saved(np.zeros((MIN_SIDE, MIN_SIDE, 3), np.uint8), "PNG"), LIMIT).rgb.shape == (16, 16, 3)


@pytest.mark.parametrize(("limit", "ok"), [(24 * 40, True), (24 * 40 - 1, False)])
@pytest.mark.parametrize("name", PLAIN)
def test_pixel_limit(files, name, limit, ok):
    if ok:
        assert decode(files[name], limit).rgb.shape == (24, 40, 3)
    else:
        assert reason_of(files[name], limit) is Reason.TOO_MANY_PIXELS


def bombs() -> dict[str, bytes]:
    side = 60000
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    gif = bytearray(saved(Image.new("P", (16, 16)), "GIF"))
    gif[6:10] = struct.pack("<HH", side, side)
    jpeg = bytearray(saved(ramp(), "JPEG"))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", side, side)
    bmp = bytearray(saved(ramp(), "BMP"))
    bmp[18:26] = struct.pack("<ii", side, side)
    tiff = saved(ramp(), "TIFF").replace(struct.pack("<HHII", 256, 4, 1, 40), struct.pack("<HHII", 256, 4, 1, side))
    tiff = tiff.replace(struct.pack("<HHII", 257, 4, 1, 24), struct.pack("<HHII", 257, 4, 1, side))
    webp = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (16382).to_bytes(3, "little") * 2 + b"VP8 " + bytes(4)
    return {
        "png": b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(bytes(1000))),
        "gif": bytes(gif),
        "jpeg": bytes(jpeg),
        "bmp": bytes(bmp),
        "tiff": tiff,
        "webp": b"RIFF" + struct.pack("<I", len(webp) + 4) + b"WEBP" + webp,
    }


@pytest.mark.parametrize("name", bombs())
def test_a_huge_header_is_refused_before_decoding(name):
    if name == "webp":  # at most 16383 a side, and its frame is missing: either is a fair answer
        assert reason_of(bombs()[name]) in (Reason.TOO_MANY_PIXELS, Reason.UNDECODABLE)
    else:
        assert reason_of(bombs()[name], 200_000_000) is Reason.TOO_MANY_PIXELS


def test_a_bomb_in_a_text_chunk():
    text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000), 9))
    assert reason_of(png(16, 16, 8, 0, bytes(256), text)) is Reason.UNDECODABLE


def test_a_limit_above_pillows_own(monkeypatch):
    """Pillow refuses 178 megapixels and warns at 89; both are scaled down here to a picture of 960."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for name in ("png", "webp", "tiff", "lzw tiff", "gif"):
        assert decode(PLAIN[name](), 10_000).rgb.shape == (24, 40, 3)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_quiet_and_without_traces(files):
    """Neither a warning, a log line, nor a library's own print; limits and filters are as before."""
    cut = [data[: int(len(data) * share)] for data in files.values() for share in (0.5, 0.8)]
    program = """
import pickle, sys, warnings
from PIL import Image
from webiml.errors import BadImage
from webiml.images.decode import decode
before = list(warnings.filters), Image.MAX_IMAGE_PIXELS
for data in pickle.load(sys.stdin.buffer):
    try:
        decode(data, 200_000_000)
    except BadImage:
        pass
assert before == (list(warnings.filters), Image.MAX_IMAGE_PIXELS)
"""
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", program],
        input=pickle.dumps([*files.values(), *bombs().values(), *cut]),
        capture_output=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_threads_may_decode_at_once(files):
    filters, wrong = list(warnings.filters), []

    def work() -> None:
        for _ in range(5):
            for name in ("jpeg", "png", "webp"):
                if decode(files[name], LIMIT).rgb.shape != (24, 40, 3):
                    wrong.append(name)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert list(warnings.filters) == filters


# ---- anything at all


def ends_well(data: bytes) -> None:
    try:
        picture = decode(data, LIMIT)
    except BadImage as bad:
        bad.detail.encode()
        assert len(bad.detail) < 400
        return
    assert isinstance(picture, Picture)
    assert picture.rgb.dtype == np.uint8 and picture.rgb.ndim == 3 and picture.rgb.shape[2] == 3
    assert picture.rgb.shape[0] * picture.rgb.shape[1] <= LIMIT


STARTS = [
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF89a",
    b"RIFF\x20\0\0\0WEBP",
    b"\0\0\0\x14ftypavif",
    b"BM" + bytes(12) + b"\x28\0\0\0",
    b"II*\0",
    b"MM\0*",
]


@given(st.sampled_from([b"", *STARTS]), st.binary(max_size=300))
def test_random_bytes_end_as_a_picture_or_a_reason(start, rest):
    ends_well(start + rest)


@given(name=st.sampled_from(list(PLAIN)), cut=st.floats(0, 1))
def test_cut_anywhere(files, name, cut):
    ends_well(files[name][: int(len(files[name]) * cut)])


@given(name=st.sampled_from(list(PLAIN)), data=st.data())
def test_flipped_bytes(files, name, data):
    spoilt = bytearray(files[name])
    for _ in range(data.draw(st.integers(1, 6))):
        # Mostly in the header, where the harm is done
        at = data.draw(st.one_of(st.integers(0, min(120, len(spoilt) - 1)), st.integers(0, len(spoilt) - 1)))
        spoilt[at] = data.draw(st.integers(0, 255))
    ends_well(bytes(spoilt))
