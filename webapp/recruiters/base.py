"""What a recruiter is: it knows its people by the link that they follow, and how they go home."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from .settings import StudySettings

LONGEST = 128

Outcome = Literal["complete", "screened_out", "returned"]


class BadLaunch(Exception):
    """The link claims to be a recruiter's and is not: forged, expired, or for something else."""


@dataclass(frozen=True)
class Arrival:
    """Somebody who followed a link.

    Attributes
    ----------
    source : the recruiter's name.
    external_id : what the recruiter calls the person; none if it does not say.
    details : further parameters of the link that are worth keeping.
    frame : where the recruiter shows the study in a frame of its own page first: ``preview`` before
        the person has accepted the work, ``accepted`` after.
    launch : marks a link that is good for one arrival; empty where a link stays good.
    rehearsal_seed : of the schedule of a simulated person, who is never counted; none for people.
    """

    source: str
    external_id: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    frame: Literal["preview", "accepted"] | None = None
    launch: str = ""
    rehearsal_seed: int | None = None


@dataclass(frozen=True)
class Ending:
    """How somebody goes back to the recruiter.

    Attributes
    ----------
    code : what the person copies, if anything.
    url : where a link (or, with ``fields``, a form) leads; empty if nowhere.
    fields : what the form posts.
    """

    code: str | None = None
    url: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ListColumns:
    """The columns of the recruiter's own list of people, for reconciliation, any spelling first."""

    person: tuple[str, ...]
    status: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()


class Recruiter(ABC):
    """One way by which participants come."""

    name: ClassVar[str]
    columns: ClassVar[ListColumns]

    @abstractmethod
    def recognise(self, parameters: Mapping[str, str], settings: StudySettings) -> Arrival | None:
        """The arrival, if the link is one of this recruiter's.

        Raises
        ------
        BadLaunch
            If it is meant to be, and cannot be trusted.
        """

    def ending(
        self,
        outcome: Outcome,
        details: Mapping[str, str],
        own_code: str | None,
        settings: StudySettings,
    ) -> Ending:
        """What the last page offers: by default the person's own code.

        Parameters
        ----------
        details : what :meth:`recognise` kept.
        own_code : the code made for this person, who has finished.
        """
        return Ending(code=own_code)

    def gives_credit(self, settings: StudySettings) -> bool:
        """Whether the server itself tells the recruiter that somebody has finished."""
        return False

    def give_credit(self, external_id: str, settings: StudySettings) -> None:
        """Tell the recruiter.

        Raises
        ------
        CreditRefused
            If that did not work.
        """
        raise CreditRefused(f"{self.name} is told nothing")


class CreditRefused(Exception):
    """The recruiter did not confirm the credit; the message says why."""


def short(value: str) -> str:
    """A parameter without control characters, cut to what the database keeps."""
    return "".join(character for character in value if character.isprintable())[:LONGEST].strip()
