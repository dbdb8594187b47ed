"""The timing self-test: how well a laboratory's machines keep time, a report for each."""

from __future__ import annotations

from typing import Annotated

from flask import Blueprint, Response, abort, render_template, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import select

from webapp.models import AuditEntry
from webapp.server import the_server
from webapp.services.audit import note

from .access import needs, the_account

ACTION = "timing report"
SHOWN = 50
Milliseconds = Annotated[float, Field(ge=-1e5, le=1e5, allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=80)]


class Spread(BaseModel):
    """A measure taken several times, in milliseconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    median: Milliseconds
    sd: Milliseconds
    max: Milliseconds
    n: Annotated[int, Field(ge=1, le=10_000)]


class TimingReport(BaseModel):
    """What the page measured on one machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: Text
    browser: Text
    os: Text
    pixel_ratio: Annotated[float, Field(gt=0, le=100)]
    frame_interval_ms: Annotated[float, Field(gt=0, le=1000)]
    dropped_frames: Annotated[int, Field(ge=0, le=10**6)]
    onset_error_ms: Spread
    decode_ms: Spread
    key_ms: Spread


def register(console: Blueprint) -> None:
    """Add the page to the console."""
    console.add_url_rule("/timing", view_func=timing)
    console.add_url_rule("/timing", view_func=keep_timing, methods=["POST"])


@needs("viewer")
def timing() -> str:
    """The test, and the reports so far."""
    with the_server().database.read() as db:
        entries = db.scalars(
            select(AuditEntry)
            .where(AuditEntry.action == ACTION)
            .order_by(AuditEntry.id.desc())
            .limit(SHOWN)
        ).all()
    return render_template("researcher/timing.html", entries=entries, account=the_account())


@needs("viewer")
def keep_timing() -> Response:
    """Keep a report."""
    try:
        report = TimingReport.model_validate(request.get_json(silent=True))
    except ValidationError:
        abort(422)
    with the_server().database.write() as db:
        note(db, the_account().name, ACTION, None, report.model_dump())
    return Response(status=204)
