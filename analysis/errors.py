"""The error for mistakes that a user can mend."""

from __future__ import annotations


class AnalysisError(Exception):
    """What is wrong, where, and what to do, in one line.

    The command prints the message and leaves with :attr:`exit_code`.
    """

    exit_code = 2
