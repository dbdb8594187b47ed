"""Where participants come from: one recruiter a file, one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .base import Arrival, BadLaunch, CreditRefused, Ending, Recruiter
from .lab import LabLink
from .mturk import MTurk
from .prolific import Prolific
from .rehearsal import Rehearsal
from .settings import StudySettings, settings_of
from .signed import keys_from
from .sona import Sona

if TYPE_CHECKING:
    from webapp.config import ServerConfig

__all__ = [
    "Arrival",
    "BadLaunch",
    "CreditRefused",
    "Ending",
    "LabLink",
    "MTurk",
    "Prolific",
    "Recruiter",
    "Recruiters",
    "Sona",
    "StudySettings",
    "settings_of",
]


class Recruiters:
    """All recruiters of a server, asked in this order; the lab link takes everybody who is left.

    Parameters
    ----------
    config : says where Prolific's keys are, and which further hosts SONA may have.
    """

    def __init__(self, config: ServerConfig) -> None:
        self.sona = Sona(config.sona_hosts)
        self._all: tuple[Recruiter, ...] = (
            Rehearsal(),
            Prolific(keys_from(config.prolific_keys_url)),
            MTurk(),
            self.sona,
            LabLink(),
        )

    def recognise(self, parameters: Mapping[str, str], settings: StudySettings) -> Arrival:
        """Who sent a person, told by the parameters of the link that was followed.

        Raises
        ------
        BadLaunch
            If the link cannot be trusted, or is nobody's and the lab link is closed.
        """
        for recruiter in self._all:
            arrival = recruiter.recognise(parameters, settings)
            if arrival is not None:
                return arrival
        raise BadLaunch("no recruiter's link")

    def by_name(self, name: str) -> Recruiter | None:
        """The recruiter of that name; none for previews."""
        return next((each for each in self._all if each.name == name), None)

    def names(self) -> tuple[str, ...]:
        """All recruiters of people."""
        return tuple(each.name for each in self._all if not isinstance(each, Rehearsal))
