"""Pictures for people: frames as RGB, sheets, two films side by side.

Reading order: `rgb`, `side_by_side`, `sheets`, `compare`.
"""
