"""Resumable work: segments of a film, made by one process or many, kept until the film is whole.

Reading order: `run`, `make`, `workfolder`, `segment_files`, `ledger`, `lease`, `processes`.
"""
