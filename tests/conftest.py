"""Lets every test import the shared helpers as `tests.clips`; all meet the same terminal."""

from __future__ import annotations

import os

os.environ["TERM"] = "xterm"
for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
    os.environ.pop(name, None)
