"""The proof that a coloured film is its source with nothing but colour added; no networks.

Reading order: `check`, `film`, `picture`, `tally`; `presentation`, `shown`, `header_bytes`;
`streams`, `packets`, `packet_items`, `packet_match`; `heard`, `sound`, `sound_match`; `findings`.
"""
