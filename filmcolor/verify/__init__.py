"""The proof that a coloured film is its source with nothing but colour added; no networks.

Reading order: `check`, `film`, `picture`, `tally`, `streams`, `packets`, `packet_items`,
`packet_match`, `findings`.
"""
