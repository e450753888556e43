"""One film: its plan, and the chain of stages that colours it.

Reading order: `setup`, `context`, `plan`, `analyze`, `chain`, `shot_models`, `stage_timer`.
"""
