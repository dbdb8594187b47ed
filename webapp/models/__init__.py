"""The tables, in four small files; the same on SQLite and PostgreSQL."""

from .accounts import Account, AuditEntry, FailedLogin
from .base import Base
from .participants import Known, Participant, RecentArrival, Transition
from .sessions import Event, Response, Scheduled, TaskSession
from .studies import StudyRecord

__all__ = [
    "Account",
    "AuditEntry",
    "Base",
    "Event",
    "FailedLogin",
    "Known",
    "Participant",
    "RecentArrival",
    "Response",
    "Scheduled",
    "StudyRecord",
    "TaskSession",
    "Transition",
]
