"""The page on a film and its result.

Reading order: `make`, `gather`, `facts`, `remarks`, `page`.
"""
