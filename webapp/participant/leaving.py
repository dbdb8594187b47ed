"""Where a study's pages meet the recruiter's: the frame that leads in, and the way back."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Response, make_response, render_template, request, url_for

from experiments.study import Study
from webapp.models import Participant, StudyRecord
from webapp.recruiters import Arrival, Ending, settings_of
from webapp.recruiters.base import Outcome
from webapp.recruiters.mturk import FRAME_HOSTS, IN_WINDOW
from webapp.security import content_policy
from webapp.server import the_server

from .view import view_of


def frame_page(name: str, study: Study, arrival: Arrival) -> Response:
    """The page inside the recruiter's frame. Nobody is written down: cookies do not hold here."""
    link = None
    if arrival.frame == "accepted":
        query = urlencode({**request.args.to_dict(), IN_WINDOW: "1"})
        link = f"{url_for('participant.arrive', name=name)}?{query}"
    page = render_template(
        "participant/frame.html", study=view_of(study), link=link, session={}, form_errors=[]
    )
    reply = make_response(page)
    reply.headers["Content-Security-Policy"] = content_policy(frames=FRAME_HOSTS)
    return reply


def ending_of(record: StudyRecord, person: Participant) -> Ending:
    """The way back for somebody whose visit has ended."""
    recruiter = the_server().recruiters.by_name(person.source)
    outcomes: dict[str, Outcome] = {
        "complete": "complete",
        "screened_out": "screened_out",
        "returned": "returned",
    }
    outcome = outcomes.get(person.state)
    if recruiter is None or outcome is None:
        return Ending(code=person.completion_code)
    settings = settings_of(record.settings)
    details = {str(name): str(value) for name, value in person.source_details.items()}
    return recruiter.ending(outcome, details, person.completion_code, settings)


def with_form_to(page: str, ending: Ending) -> Response:
    """A page whose form may post to the recruiter, and to nobody else."""
    reply = make_response(page)
    if ending.fields:
        reply.headers["Content-Security-Policy"] = content_policy(forms=ending.url)
    return reply
