"""What is seen in grey frames: black bars, where shots begin, and faces.

Reading order: `survey`, `letterbox`, `frame_signature`, `shot_changes`, `shots`, `faces`.
"""
