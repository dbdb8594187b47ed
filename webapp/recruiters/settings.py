"""What a lab may change about a published study: it is no part of the design, nor of its hash."""

from __future__ import annotations

import secrets
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

CODED = ("complete", "screened_out", "returned")
"""Outcomes with a completion code of their own at Prolific."""

CODE_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"


class StudySettings(BaseModel):
    """Recruitment and privacy of one study.

    Attributes
    ----------
    lab_link : whether people without a recruiter's parameters are taken.
    prolific_signed : take people from Prolific by signed links alone.
    prolific_audience : the host name that signed links are made for (the claim ``aud``).
    prolific_study_id : Prolific's identifier of the study; empty means any.
    prolific_codes : completion code of each outcome, the same for all people.
    sona_url : SONA's server-side completion URL; empty means that nobody is credited by the server.
    not_from : names of the lab's studies whose participants are not taken.
    withdrawal : what happens to the answers of those who withdraw.
    retention_days : identifiers are deleted this long after a person was last seen; none: never.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    lab_link: bool = True
    prolific_signed: bool = False
    prolific_audience: Annotated[str, Field(max_length=253)] = ""
    prolific_study_id: Annotated[str, Field(max_length=64)] = ""
    prolific_codes: dict[str, str] = {}
    sona_url: Annotated[str, Field(max_length=500)] = ""
    not_from: tuple[str, ...] = ()
    withdrawal: Literal["erase", "anonymise"] = "erase"
    retention_days: Annotated[int, Field(ge=1, le=36_500)] | None = None

    def stored(self) -> dict[str, Any]:
        """As the database keeps it."""
        return self.model_dump(mode="json")


def settings_of(stored: dict[str, Any]) -> StudySettings:
    """Settings as the database has them; what is missing has its default."""
    return StudySettings.model_validate(stored)


def new_codes() -> dict[str, str]:
    """One code for each outcome, about 50 bits each, by the system's random source."""
    return {outcome: "".join(secrets.choice(CODE_LETTERS) for _ in range(10)) for outcome in CODED}
