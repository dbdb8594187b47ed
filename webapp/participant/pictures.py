"""Pictures of a study, one by one or in bundles, for the person alone whom they were named for."""

from __future__ import annotations

from flask import Response, abort

from webapp import stimulus_bundles
from webapp.server import the_server, the_study
from webapp.services import sessions

from .views import participant, visitor

# For this browser alone, and as it is: compressing on the way would bring back differences in size.
FOR_EVER = "private, max-age=31536000, immutable, no-transform"


@participant.get("/stimuli/<token>.webp")
def stimulus(name: str, token: str) -> Response:
    """A picture, under the name that it has for this person alone.

    Nothing in the reply depends on anything but the bytes: no file name, no time, no entity tag.
    """
    record, study = the_study(name)
    person = visitor(record)
    found = the_server().names.stimulus(person.id, token) if person is not None else None
    if found is None:
        abort(404)
    return _for_ever(study.stimulus_bytes(found), "image/webp")


@participant.get("/bundles/<token>")
def bundle(name: str, token: str) -> Response:
    """The pictures of several trials at once, see :mod:`webapp.stimulus_bundles`."""
    record, study = the_study(name)
    person = visitor(record)
    server = the_server()
    content: bytes | None = None
    if person is not None:
        with server.database.read() as db:
            session = sessions.of_participant(db, person.id)
            asked = server.names.bundle(session.id, token) if session is not None else None
            if session is not None and asked is not None:
                rows = stimulus_bundles.trials_of(db, session.id, *asked)
                content = stimulus_bundles.pack(study, server.names, rows)
    if content is None:
        abort(404)
    return _for_ever(content, "application/octet-stream")


def _for_ever(content: bytes, mimetype: str) -> Response:
    reply = Response(content, mimetype=mimetype)
    reply.headers["Cache-Control"] = FOR_EVER
    return reply
