"""Rehearsals: simulated people of ``lens study simulate --server``, who are never counted.

``?rehearsal=SEED&person=NONCE`` follows the lab link. The schedule is drawn from the given seed, so
that the server need not tell the rehearsal anything that it keeps from people.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .base import Arrival, BadLaunch, ListColumns, Recruiter
from .settings import StudySettings

SEED = re.compile(r"[0-9]{1,18}")
NONCE = re.compile(r"[0-9a-f]{32}")


class Rehearsal(Recruiter):
    """Takes simulated people where the lab link takes everybody."""

    name = "simulated"
    columns = ListColumns(person=("person",))

    def recognise(self, parameters: Mapping[str, str], settings: StudySettings) -> Arrival | None:
        seed = parameters.get("rehearsal")
        if seed is None:
            return None
        person = parameters.get("person", "")
        if not settings.lab_link or not SEED.fullmatch(seed) or not NONCE.fullmatch(person):
            raise BadLaunch("no rehearsal's link, or the lab link is closed")
        return Arrival(self.name, person, rehearsal_seed=int(seed))


def as_judged(row: Mapping[str, Any]) -> dict[str, Any]:
    """A participant's row as exclusion criteria and exports are to have it.

    Simulated people do not really wait: how long they took at the server says nothing of anybody,
    so it is not measured, and nobody is excluded for it.
    """
    waited = row["source"] != Rehearsal.name
    return {
        name: value if waited or not name.endswith("_at") else None for name, value in row.items()
    }
