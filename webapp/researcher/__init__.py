"""The console: studies, people and data, for those who may see them."""

from .views import researcher

__all__ = ["researcher"]
