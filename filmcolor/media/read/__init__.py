"""Films in: opened, probed, decoded.

Reading order: `open`, `probe`, `film_reader`, `packets`, `timestamps`, `planes`.
"""
