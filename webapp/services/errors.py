"""Why a service refused: views turn these into pages and status codes.

The operator's mistakes are another matter: they are ``LensError``.
"""

from __future__ import annotations


class Refused(Exception):
    """The request is understood and will not be done.

    Parameters
    ----------
    reason : a short name that pages and the browser's code know, such as ``closed``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Conflict(Refused):
    """Something else is stored already.

    Parameters
    ----------
    facts : what the browser may be told about it.
    """

    def __init__(self, reason: str, **facts: str | int | None) -> None:
        super().__init__(reason)
        self.facts = facts


class Missing(Refused):
    """There is no such thing, or not for this person."""


class Unusable(Refused):
    """What was sent cannot be an answer."""
