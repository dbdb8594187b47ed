"""The study server: explorer, participant tasks and researcher console on one Flask application.

Importing the package imports neither Flask nor a database; ``create_app`` is fetched when used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    if name == "create_app":
        from .app import create_app

        return create_app
    raise AttributeError(f"module 'webapp' has no attribute {name!r}")
