"""Authentic onto manipulated."""
