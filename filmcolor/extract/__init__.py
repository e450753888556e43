"""Frames of colour films that are worth training on."""
