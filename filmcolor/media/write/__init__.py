"""Films out: planned, encoded in segments, joined, the other streams copied.

Reading order: `output_plan`, `plan_output`, `encoders`, `encoder_settings`, `film_writer`,
`segment`, `join`, `muxer`, `stream_copy`.
"""
