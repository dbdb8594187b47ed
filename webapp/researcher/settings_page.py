"""Recruitment and privacy of a study: what may change while people take part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, redirect, render_template, request, url_for
from pydantic import ValidationError

from lens_core.atlas import LensError
from webapp.recruiters import StudySettings, settings_of
from webapp.recruiters.settings import new_codes
from webapp.server import the_server, the_study
from webapp.services import admission, studies
from webapp.services.audit import note

from .access import needs, the_account

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.wrappers import Response as BaseResponse

    Page = str | BaseResponse | tuple[str, int]


def register(console: Blueprint) -> None:
    """Add the page to the console."""
    console.add_url_rule("/studies/<name>/settings", view_func=settings, methods=["GET", "POST"])


@needs("researcher")
def settings(name: str) -> Page:
    """Look at the settings, or change them."""
    record, _ = the_study(name)
    present = settings_of(record.settings)
    problem = None
    if request.method == "POST":
        try:
            wanted = settings_from(request.form, present)
            _require_possible(wanted)
        except (LensError, ValueError) as error:
            problem = _words(error)
        else:
            actor = the_account().name
            with the_server().database.write() as db:
                studies.set_settings(db, name, wanted, actor=actor)
                listed = request.form.get("keep_out", "").split()
                added = admission.keep_out(db, record, listed, key=the_server().key)
                if added:
                    note(db, actor, "keep people out", record.id, {"people": added})
            return redirect(url_for("researcher.settings", name=name, saved=1), code=303)
    with the_server().database.read() as db:
        n_kept_out = admission.kept_out(db, record.id)
    page = render_template(
        "researcher/settings.html",
        record=record,
        settings=present,
        form=request.form if problem else None,
        problem=problem,
        saved="saved" in request.args and not problem,
        n_kept_out=n_kept_out,
        link=url_for("participant.arrive", name=name, _external=True),
        account=the_account(),
    )
    return (page, 422) if problem else page


def settings_from(form: Mapping[str, str], present: StudySettings) -> StudySettings:
    """The settings that a form asks for. Codes are made once and never change.

    Raises
    ------
    ValueError
        If a field cannot be used.
    """
    days = form.get("retention_days", "").strip()
    names = (each.strip() for each in form.get("not_from", "").split(","))
    return StudySettings.model_validate(
        {
            "lab_link": form.get("lab_link") == "yes",
            "prolific_signed": form.get("prolific_signed") == "yes",
            "prolific_audience": form.get("prolific_audience", "").strip(),
            "prolific_study_id": form.get("prolific_study_id", "").strip(),
            "prolific_codes": present.prolific_codes
            or (new_codes() if form.get("make_codes") == "yes" else {}),
            "sona_url": form.get("sona_url", "").strip(),
            "not_from": tuple(each for each in names if each),
            "withdrawal": form.get("withdrawal", "erase"),
            "retention_days": days or None,
        }
    )


def _require_possible(wanted: StudySettings) -> None:
    server = the_server()
    if wanted.sona_url:
        server.recruiters.sona.require_address(wanted.sona_url)
    if wanted.prolific_signed and not wanted.prolific_audience:
        raise LensError("signed links need the host name that they are made for")
    with server.database.read() as db:
        known = {record.name for record in studies.all_studies(db)}
    unknown = sorted(set(wanted.not_from) - known)
    if unknown:
        raise LensError(f"no study {unknown[0]} on this server")


def _words(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        at = str(first["loc"][0]) if first["loc"] else ""
        if at == "retention_days":
            return "Delete identifiers after: give a whole number of days, 1 or more, or nothing"
        return f"{at.replace('_', ' ')}: {first['msg'].removeprefix('Value error, ')}"
    return str(error)
