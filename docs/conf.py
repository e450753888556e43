"""How Sphinx makes a site of the pages of this folder; `scripts/docs` calls it.

Nothing is loaded from elsewhere when the pages are looked at.
"""

from __future__ import annotations

import inspect
from dataclasses import is_dataclass
from typing import Any

from sphinx.application import Sphinx

from filmcolor import __version__
from filmcolor.options.facts import facts_of

project = "filmcolor"
author = "The filmcolor developers"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["README.md"]  # index.rst takes it in
default_role = "code"
highlight_language = "none"
myst_heading_anchors = 4

autoclass_content = "class"
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_use_type_comments = False

html_theme = "furo"
html_title = f"filmcolor {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
pygments_style = "default"
pygments_dark_style = "github-dark"


def _document_options(
    app: Sphinx, what: str, name: str, obj: Any, options: object, lines: list[str]
) -> None:
    """Under a dataclass of options stands what the command line's help says of each."""
    if not (inspect.isclass(obj) and is_dataclass(obj)):
        return
    for field, facts in facts_of(obj).items():
        default = facts.shown_default or f"`{facts.default!r}`"
        lines += ["", f":param {field}: {facts.help} By default {default}."]


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", _document_options)
