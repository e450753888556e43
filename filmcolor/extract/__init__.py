"""Frames of colour films that are worth training on.

Reading order: `job`, `film`, `frame_checks`, `picks`.
"""
