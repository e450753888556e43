"""What is seen in grey frames: black bars, and where shots begin.

Reading order: `letterbox`, `frame_signature`, `shot_changes`, `shots`.
"""
