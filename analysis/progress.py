"""How an analysis tells that it goes on: a function wrapped around an iterable."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Track(Protocol):
    """Yields the items and may show progress while it does."""

    def __call__(self, items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]: ...


def no_track(items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
    """Show nothing."""
    return items
