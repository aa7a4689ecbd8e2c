"""Bytes to picture and back: formats, EXIF, limits, masks, overlays."""
