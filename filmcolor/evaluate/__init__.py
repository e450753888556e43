"""Measures: photographs whose colours are known, and films over time.

Reading order: `photos`, `coloring`, `report`, then `video`, `film_report`.
"""
