"""One film: its plan, and the chain of stages that colours it.

Reading order: `plan`, `analyze`, `chain`, `shot_models`.
"""
