"""Mechanical Turk: the study as an external question.

The page is first shown in a frame of Amazon's with ``assignmentId``, ``hitId``, ``workerId`` and
``turkSubmitTo`` in its address; before the work is accepted, ``assignmentId`` is
``ASSIGNMENT_ID_NOT_AVAILABLE``. The work ends when a form with the ``assignmentId`` and at least
one further field is posted to ``turkSubmitTo``/mturk/externalSubmit (Amazon Mechanical Turk API
Reference, "ExternalQuestion"). Browsers keep no cookies for framed pages, so the frame only leads
to a window of the study's own (:class:`~webapp.recruiters.base.Arrival`, ``frame``).
"""

from __future__ import annotations

from collections.abc import Mapping

from .base import Arrival, BadLaunch, Ending, ListColumns, Outcome, Recruiter, short
from .settings import StudySettings

NOT_ACCEPTED = "ASSIGNMENT_ID_NOT_AVAILABLE"
SUBMIT_HOSTS = ("https://www.mturk.com", "https://workersandbox.mturk.com")
FRAME_HOSTS = ("https://worker.mturk.com", *SUBMIT_HOSTS)
KEPT = ("assignmentId", "hitId", "turkSubmitTo")
IN_WINDOW = "window"
"""The parameter that the frame's link adds."""


class MTurk(Recruiter):
    """Recognised by ``assignmentId`` and ``hitId``; the person is the ``workerId``."""

    name = "mturk"
    columns = ListColumns(
        person=("WorkerId",),
        status=("AssignmentStatus",),
        code=("Answer.completion_code", "Answer.code"),
        accepted=("approved", "submitted"),
    )

    def recognise(self, parameters: Mapping[str, str], settings: StudySettings) -> Arrival | None:
        assignment = short(parameters.get("assignmentId", ""))
        if not assignment or not parameters.get("hitId"):
            return None
        if assignment == NOT_ACCEPTED:
            return Arrival(self.name, frame="preview")
        worker = short(parameters.get("workerId", ""))
        if not worker:
            raise BadLaunch("no workerId")
        if parameters.get("turkSubmitTo", "").rstrip("/") not in SUBMIT_HOSTS:
            raise BadLaunch("turkSubmitTo is not Amazon's")
        details = {name: short(parameters[name]) for name in KEPT}
        framed = IN_WINDOW not in parameters
        return Arrival(self.name, worker, details, frame="accepted" if framed else None)

    def ending(
        self,
        outcome: Outcome,
        details: Mapping[str, str],
        own_code: str | None,
        settings: StudySettings,
    ) -> Ending:
        host = details.get("turkSubmitTo", "").rstrip("/")
        if outcome != "complete" or own_code is None or host not in SUBMIT_HOSTS:
            # Whoever stops returns the work at Amazon.
            return Ending(code=own_code)
        fields = {"assignmentId": details["assignmentId"], "completion_code": own_code}
        return Ending(own_code, f"{host}/mturk/externalSubmit", fields)
