"""The pages of a person who takes part."""

from .views import participant

__all__ = ["participant"]
