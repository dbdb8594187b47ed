"""The error for mistakes that a user can mend."""

from __future__ import annotations


class LensError(Exception):
    """What is wrong, where, and what to do, in one line.

    Commands print the message and leave with :attr:`exit_code`.
    """

    exit_code = 2


class AtlasDamaged(LensError):
    """A file of an atlas does not hold what its manifest promises."""


class PlaceError(LensError):
    """A place cannot be reached or written: no other class of a build would fare better."""
