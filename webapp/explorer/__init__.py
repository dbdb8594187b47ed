"""The explorer: what an atlas holds, as pages.

Importing the package imports no Flask; the names below are fetched when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import create_explorer_app
    from .bookshelf import Library
    from .views import blueprint, not_found_page

__all__ = ["Library", "blueprint", "create_explorer_app", "not_found_page"]

_HOMES = {
    "Library": "bookshelf",
    "blueprint": "views",
    "create_explorer_app": "app",
    "not_found_page": "views",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
