"""Films out: encoded in segments, joined, the other streams copied.

Reading order: `output_plan`, `encoders`, `encoder_settings`, `segment`, `join`, `muxer`,
`stream_copy`.
"""
