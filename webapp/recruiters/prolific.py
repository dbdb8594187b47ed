"""Prolific: the three parameters that it appends to a study's address."""

from __future__ import annotations

from collections.abc import Mapping

from .base import Arrival, Recruiter, short


class Prolific(Recruiter):
    """Recognised by ``PROLIFIC_PID``; ``STUDY_ID`` and ``SESSION_ID`` are kept beside it."""

    name = "prolific"

    def recognise(self, parameters: Mapping[str, str]) -> Arrival | None:
        person = short(parameters.get("PROLIFIC_PID", ""))
        if not person:
            return None
        kept = ("STUDY_ID", "SESSION_ID")
        details = {name: short(parameters[name]) for name in kept if parameters.get(name)}
        return Arrival(self.name, person, details)
