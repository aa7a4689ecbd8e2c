"""Ordinary pictures in, forged pairs with exact masks out."""
