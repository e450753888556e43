"""Resumable work: segments of a film, made by one or many, kept until the film is whole."""
