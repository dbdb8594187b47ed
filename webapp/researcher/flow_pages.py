"""The flow of participants, exclusions tried out, reconciliation with a recruiter's list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, abort, render_template, request

from experiments.checks import CHECKS
from lens_core.atlas import LensError
from webapp.server import the_server, the_study
from webapp.services.flow import flow as follow
from webapp.services.flow import thresholds_of, with_thresholds
from webapp.services.reconciliation import reconcile

from .access import needs, the_account
from .pages import cells_of

if TYPE_CHECKING:
    Page = str | tuple[str, int]


def register(console: Blueprint) -> None:
    """Add the pages to the console."""
    console.add_url_rule("/studies/<name>/flow", view_func=flow)
    console.add_url_rule(
        "/studies/<name>/reconciliation", view_func=reconciliation, methods=["GET", "POST"]
    )


@needs("researcher")
def flow(name: str) -> Page:
    """Who came, stayed and is analysed, by the frozen criteria or by others."""
    record, study = the_study(name)
    tried = "try" in request.args
    given = request.args.to_dict() if tried else thresholds_of(study.config)
    problem = None
    config = study.config
    if tried:
        try:
            config = with_thresholds(study.config, given)
        except LensError as error:
            problem = str(error)
    with the_server().database.read() as db:
        found = follow(db, record, config, cells_of(study))
        planned = follow(db, record, study.config, cells_of(study)) if tried else found
    before = {public_id: reason for public_id, _, reason in planned.judged}
    changed = [
        (public_id, condition, before.get(public_id, ""), reason)
        for public_id, condition, reason in found.judged
        if bool(reason) != bool(before.get(public_id, ""))
    ]
    page = render_template(
        "researcher/flow.html",
        record=record,
        flow=found,
        checks={check: words for check, (_, words) in CHECKS.items()},
        given=given,
        tried=tried and problem is None,
        changed=changed,
        problem=problem,
        account=the_account(),
    )
    return (page, 422) if problem else page


@needs("researcher")
def reconciliation(name: str) -> Page:
    """Compare the recruiter's list with ours. The file is read and not kept."""
    record, _ = the_study(name)
    server = the_server()
    problem, lines = None, None
    chosen = request.form.get("recruiter", "prolific")
    if request.method == "POST":
        recruiter = server.recruiters.by_name(chosen)
        file = request.files.get("list")
        if recruiter is None:
            abort(400)
        try:
            if file is None or not file.filename:
                raise LensError("choose a file")
            with server.database.read() as db:
                lines = reconcile(db, record, recruiter, file.read(), key=server.key)
        except LensError as error:
            problem = str(error)
    page = render_template(
        "researcher/reconciliation.html",
        record=record,
        recruiters=server.recruiters.names(),
        chosen=chosen,
        lines=lines,
        problem=problem,
        account=the_account(),
    )
    return (page, 422) if problem else page
