"""The steps by which `lens_core.build` makes one class of an atlas."""

from __future__ import annotations
