"""The lab's own link, with an optional ``source`` and ``id`` (``?source=poster&id=s014``)."""

from __future__ import annotations

from collections.abc import Mapping

from .base import Arrival, Recruiter, short


class LabLink(Recruiter):
    """Takes everybody. A given ``id`` admits one person once."""

    name = "lab"

    def recognise(self, parameters: Mapping[str, str]) -> Arrival:
        details = {"source": short(parameters["source"])} if parameters.get("source") else {}
        return Arrival(self.name, short(parameters.get("id", "")) or None, details)
