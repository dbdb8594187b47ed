"""lens_core: concepts, importances, attribution maps and visualizations of an image classifier.

Importing the package imports nothing else; the names below are fetched when first used, so that
readers of an atlas never load torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "Atlas": "lens_core.atlas",
    "Classifier": "lens_core.classifier",
    "load_classifier": "lens_core.classifier",
    "build_atlas": "lens_core.build",
}

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'lens_core' has no attribute {name!r}")
