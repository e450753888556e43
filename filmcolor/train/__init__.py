"""Training: recipes are data, the loop is explicit, and a run resumes exactly.

Reading order: `recipe_parts`, `recipes`, `run`, `build`, `loop`, `trainer`, `losses`.
"""
