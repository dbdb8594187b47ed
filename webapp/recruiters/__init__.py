"""Where participants come from: one recruiter a file, one line here."""

from __future__ import annotations

from collections.abc import Mapping

from .base import Arrival, Recruiter
from .lab import LabLink
from .prolific import Prolific

__all__ = ["RECRUITERS", "Arrival", "LabLink", "Prolific", "Recruiter", "recognise"]

RECRUITERS: tuple[Recruiter, ...] = (Prolific(), LabLink())
"""Asked in this order; the lab link takes everybody."""


def recognise(parameters: Mapping[str, str]) -> Arrival:
    """Who sent a person, told by the parameters of the link that was followed."""
    for recruiter in RECRUITERS:
        arrival = recruiter.recognise(parameters)
        if arrival is not None:
            return arrival
    raise AssertionError("the lab link takes everybody")
