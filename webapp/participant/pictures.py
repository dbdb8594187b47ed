"""Pictures of a study, one by one or in bundles, for the person alone whom they were named for."""

from __future__ import annotations

from flask import Response, abort

from webapp import stimulus_bundles
from webapp.server import access_of, the_server, the_study
from webapp.services.blocks import trials_from
from webapp.services.sittings import newest_of

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
    server = the_server()
    access = access_of(name)
    with server.database.look() as connection:
        sitting = newest_of(connection, name, access) if access is not None else None
        asked = server.names.bundle(sitting.id, token) if sitting is not None else None
        rows = trials_from(connection, sitting.id, *asked) if sitting and asked else ()
    if sitting is None or not rows:
        abort(404)
    study = server.studies.open(sitting.study_hash, sitting.folder, sitting.study_name)
    content = stimulus_bundles.pack(study, server.names, rows)
    return _for_ever(content, "application/octet-stream")


def _for_ever(content: bytes, mimetype: str) -> Response:
    reply = Response(content, mimetype=mimetype)
    reply.headers["Cache-Control"] = FOR_EVER
    return reply
