"""The pages of a person who takes part."""

from . import pictures as _pictures  # noqa: F401  its addresses
from .views import participant

__all__ = ["participant"]
