"""What is seen in grey frames: black bars, and where shots begin.

Reading order: `survey`, `letterbox`, `frame_signature`, `shot_changes`, `shots`.
"""
