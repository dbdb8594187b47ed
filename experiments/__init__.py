"""Experiments: turns an atlas into a frozen study, and a study into data.

Importing the package imports nothing else; the names below are fetched when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "Study": "experiments.study",
    "draw_schedule": "experiments.schedule",
    "get_paradigm": "experiments.paradigms",
    "DatasetWriter": "experiments.dataset",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'experiments' has no attribute {name!r}")
