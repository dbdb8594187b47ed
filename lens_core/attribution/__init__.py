"""Where in a picture a concept or a class is seen."""

from __future__ import annotations
