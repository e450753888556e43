"""Colours that people know: stills and strokes, carried through the shots that they belong to."""
