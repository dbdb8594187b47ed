"""Prolific: three parameters in the address, or one signed token that holds them.

Signed launches: docs.prolific.com, "Retrieve JSON Web Key Set" (a JWT whose signature, ``exp``,
``aud`` and ``prolific`` claim are to be checked, with keys from ``/.well-known/study/jwks.json``
that are renewed daily). Completion codes: docs.prolific.com, "The study object" (several codes a
study, each with its own action; the person goes back by ``submissions/complete?cc=CODE``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from .base import Arrival, BadLaunch, Ending, ListColumns, Outcome, Recruiter, short
from .settings import StudySettings
from .signed import SigningKeys, claims_of

TOKEN = "prolific_token"
KEPT = ("STUDY_ID", "SESSION_ID")
BACK = "https://app.prolific.com/submissions/complete?cc="


class Prolific(Recruiter):
    """Recognised by ``PROLIFIC_PID``; ``STUDY_ID`` and ``SESSION_ID`` are kept beside it.

    Parameters
    ----------
    keys : the keys that Prolific signs with.
    """

    name = "prolific"
    columns = ListColumns(
        person=("Participant id", "participant_id", "Participant ID"),
        status=("Status", "status"),
        code=("Completion code", "completion_code", "Entered code", "entered_code"),
        accepted=("approved", "awaiting review"),
    )

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    def recognise(self, parameters: Mapping[str, str], settings: StudySettings) -> Arrival | None:
        token = parameters.get(TOKEN, "")
        if settings.prolific_signed:
            if not token:
                if parameters.get("PROLIFIC_PID"):
                    raise BadLaunch("not signed")
                return None
            launch = hashlib.sha256(token.encode()).hexdigest()[:16]
            return self._arrival(self._signed(token, settings), launch)
        return self._arrival(parameters) if parameters.get("PROLIFIC_PID") else None

    def _signed(self, token: str, settings: StudySettings) -> Mapping[str, Any]:
        claims = claims_of(token, self._keys, audience=settings.prolific_audience)
        content = claims.get("prolific")
        if not isinstance(content, dict) or not content.get("PROLIFIC_PID"):
            raise BadLaunch("the token names nobody")
        wanted = settings.prolific_study_id
        if wanted and content.get("STUDY_ID") != wanted:
            raise BadLaunch("the token is another study's")
        return content

    def _arrival(self, parameters: Mapping[str, Any], launch: str = "") -> Arrival | None:
        person = short(str(parameters["PROLIFIC_PID"]))
        if not person:
            return None
        details = {name: short(str(parameters[name])) for name in KEPT if parameters.get(name)}
        return Arrival(self.name, person, details, launch=launch)

    def ending(
        self,
        outcome: Outcome,
        details: Mapping[str, str],
        own_code: str | None,
        settings: StudySettings,
    ) -> Ending:
        code = settings.prolific_codes.get(outcome)
        if code is None:
            return Ending(code=own_code)
        return Ending(code=code, url=BACK + code)
