"""One file a stage on the way of a frame from luma to colour: no files, plans or leases here.

Reading order: `infer`, `smooth`, `flow_average`, `flow`, `upscale`, `compose`, `upsample`.
"""
