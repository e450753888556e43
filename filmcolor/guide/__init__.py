"""Colours that people know: stills, strokes, references, and the plan of a film's shots.

Reading order: `plan_file`, `shot_hints`, `user_hints`, `shot_choices`, `build_hints`, `propagate`,
`spread`, `match`.
"""
