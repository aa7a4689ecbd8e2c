"""A dataset of `webiml annotate` against published masks: were its kinds, its masks and its QES right?"""
