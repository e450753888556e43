"""Films in: probed, decoded, every frame with its time.

Reading order: `film_reader`, `passes`, `probe`, `packets`, `timestamps`, `planes`.
"""
