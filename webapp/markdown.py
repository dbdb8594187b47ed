"""Markdown of a study's author to HTML that cannot do anything."""

from __future__ import annotations

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

TAGS = {
    "a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "hr", "li", "ol", "p", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"a": {"href", "title"}}
SCHEMES = {"http", "https", "mailto"}


@lru_cache(maxsize=256)
def render(text: str) -> Markup:
    """HTML of a Markdown text. Raw HTML in it is shown as text, never run."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    clean = nh3.clean(
        reader.render(text),
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        link_rel="noopener noreferrer",
    )
    return Markup(clean)
