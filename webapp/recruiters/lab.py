"""The lab's own link, with an optional ``source`` and ``id`` (``?source=poster&id=s014``)."""

from __future__ import annotations

from collections.abc import Mapping

from .base import Arrival, ListColumns, Recruiter, short
from .settings import StudySettings


class LabLink(Recruiter):
    """Takes everybody, where the study has it open. A given ``id`` admits one person once."""

    name = "lab"
    columns = ListColumns(
        person=("id", "participant", "external_id"), status=("status",), code=("code",)
    )

    def recognise(self, parameters: Mapping[str, str], settings: StudySettings) -> Arrival | None:
        if not settings.lab_link:
            return None
        details = {"source": short(parameters["source"])} if parameters.get("source") else {}
        return Arrival(self.name, short(parameters.get("id", "")) or None, details)
