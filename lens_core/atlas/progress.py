"""How long work tells that it goes on: a function wrapped around an iterable.

The command line hands its commands a :class:`Terminal`; libraries know the function alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Track(Protocol):
    """Yields the items and may show progress while it does."""

    def __call__(self, items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]: ...


class Terminal(Protocol):
    """What commands say on stderr."""

    @property
    def track(self) -> Track:
        """Progress of an iterable."""

    def note(self, text: str) -> None:
        """A line of text."""


def no_track(items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
    """Show nothing."""
    return items
