import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from webiml.errors import BadImage, BadMap
from webiml.images.codec import decode_map, encode_jpeg, encode_png, from_8bit, to_8bit
from webiml.types import Reason

MAPS = npst.arrays(np.uint8, npst.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20))


def test_to_8bit_rounds():
    values = np.array([[0, 1 / 255, 0.4 / 255, 0.6 / 255, 127.6 / 255, 1]], np.float32)
    assert to_8bit(values).tolist() == [[0, 1, 0, 1, 128, 255]]


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_levels_come_back_whatever_the_float(kind):
    levels = np.arange(256, dtype=np.uint8)[None]
    assert (to_8bit(from_8bit(levels).astype(kind)) == levels).all()
    assert from_8bit(levels).dtype == np.float32


@pytest.mark.parametrize(
    "wrong",
    [
        np.array([[np.nan]], np.float32),
        np.array([[np.inf]], np.float32),
        np.array([[-0.01]], np.float32),
        np.array([[1.01]], np.float32),
        np.zeros((2, 2), np.uint8),
        np.zeros(4, np.float32),
        np.zeros((2, 2, 3), np.float32),
    ],
    ids=["nan", "inf", "below", "above", "uint8", "one-axis", "three-axes"],
)
def test_to_8bit_refuses(wrong):
    with pytest.raises(BadMap):
        to_8bit(wrong)


@given(MAPS)
def test_maps_survive_a_png(levels):
    data = encode_png(levels)
    assert data == encode_png(levels.copy())
    assert (decode_map(data) == levels).all()
    assert decode_map(data).dtype == np.uint8


def test_png_keeps_rgb_order():
    rgb = np.zeros((16, 16, 3), np.uint8)
    rgb[..., 0] = 200
    stored = cv2.imdecode(np.frombuffer(encode_png(rgb), np.uint8), cv2.IMREAD_COLOR)
    assert stored is not None and stored[0, 0].tolist() == [0, 0, 200]  # OpenCV answers in BGR
    jpeg = cv2.imdecode(np.frombuffer(encode_jpeg(rgb, 90), np.uint8), cv2.IMREAD_COLOR)
    assert jpeg is not None and np.abs(jpeg[0, 0].astype(int) - (0, 0, 200)).max() < 4


def test_jpeg_quality_matters():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    assert encode_jpeg(noise, 30).startswith(b"\xff\xd8\xff")
    assert len(encode_jpeg(noise, 30)) < len(encode_jpeg(noise, 90))
    with pytest.raises(BadMap):
        encode_jpeg(noise, 0)


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), bool), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4), np.uint8)])
def test_encoders_refuse_what_is_no_picture(wrong):
    for encode in (encode_png, lambda a: encode_jpeg(a, 90)):
        with pytest.raises(BadMap):
            encode(wrong)


def test_decode_map_refuses_other_pictures():
    grey = np.random.default_rng(0).integers(0, 256, (16, 16), np.uint8)
    for data, reason in (
        (b"", Reason.EMPTY_FILE),
        (b"no", Reason.NOT_AN_IMAGE),
        (encode_png(np.zeros((16, 16, 3), np.uint8)), Reason.NOT_AN_IMAGE),
        (encode_jpeg(grey, 90), Reason.NOT_AN_IMAGE),
        (encode_png(grey)[:150], Reason.TRUNCATED),
    ):
        with pytest.raises(BadImage) as caught:
            decode_map(data)
        assert caught.value.reason is reason


def test_decode_map_has_a_pixel_limit():
    assert decode_map(encode_png(np.zeros((10, 10), np.uint8)), 100).shape == (10, 10)
    with pytest.raises(BadImage, match="too_many_pixels"):
        decode_map(encode_png(np.zeros((10, 11), np.uint8)), 100)
    header = b"IHDR" + struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    with pytest.raises(BadImage, match="too_many_pixels"):
        decode_map(bomb + struct.pack(">I", 10) + b"IDAT" + bytes(14))


@given(st.binary(max_size=200))
def test_decode_map_of_anything_is_a_reason(rest):
    with pytest.raises(BadImage):
        decode_map(b"\x89PNG\r\n\x1a\n" + rest)
