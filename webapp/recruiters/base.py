"""What a recruiter is: it knows its people by the link that they follow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

LONGEST = 128


@dataclass(frozen=True)
class Arrival:
    """Somebody who followed a link.

    Attributes
    ----------
    source : the recruiter's name.
    external_id : what the recruiter calls the person; none if it does not say.
    details : further parameters of the link that are worth keeping.
    """

    source: str
    external_id: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)


class Recruiter(ABC):
    """One way by which participants come."""

    name: ClassVar[str]

    @abstractmethod
    def recognise(self, parameters: Mapping[str, str]) -> Arrival | None:
        """The arrival, if the link is one of this recruiter's."""


def short(value: str) -> str:
    """A parameter without control characters, cut to what the database keeps."""
    return "".join(character for character in value if character.isprintable())[:LONGEST].strip()
