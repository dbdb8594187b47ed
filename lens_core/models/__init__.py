"""How a model is found, prepared and cut in two; `lens_core.classifier` is the public face."""

from __future__ import annotations
