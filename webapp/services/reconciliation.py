"""Whether the recruiter's list of people and ours agree, before anybody is paid."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from lens_core.atlas import LensError
from webapp.models import Participant, StudyRecord
from webapp.recruiters import Recruiter, settings_of

from . import admission

MOST_ROWS = 50_000


@dataclass(frozen=True)
class Line:
    """One person in one list or both.

    Attributes
    ----------
    theirs, ours : where the person is; empty if not in the list.
    finding : what is wrong; empty if the lists agree.
    """

    person: str
    public_id: str
    theirs: str
    ours: str
    finding: str


def reconcile(
    db: Session, record: StudyRecord, recruiter: Recruiter, content: bytes, *, key: bytes
) -> tuple[Line, ...]:
    """Compare a recruiter's list with the database; what is wrong comes first.

    Parameters
    ----------
    content : the file as the recruiter gives it out: CSV with a header, UTF-8.
    key : the server's, by which people who were erased or made anonymous are known.

    Raises
    ------
    LensError
        If it cannot be read or has no column of identifiers.
    """
    theirs = _read(content, recruiter)
    codes = settings_of(record.settings).prolific_codes if recruiter.name == "prolific" else {}
    ours = {
        person.external_id: person
        for person in db.scalars(
            select(Participant).where(
                Participant.study_id == record.id,
                Participant.source == recruiter.name,
                Participant.external_id.is_not(None),
                Participant.is_test.is_(False),
            )
        )
        if person.external_id is not None
    }
    gone = admission.erased(
        db, record, recruiter.name, (name for name, _, _ in theirs if name not in ours), key=key
    )
    often = Counter(person for person, _, _ in theirs)
    lines = []
    for name, status, code in theirs:
        person = ours.get(name)
        finding = "twice in the list" if often[name] > 1 else ""
        wants_pay = status.lower() in recruiter.columns.accepted
        if person is None and name in gone:
            # Whoever withdrew is paid all the same where the consent promised it.
            finding = finding or "came here, and was erased or made anonymous since"
        elif person is None:
            finding = finding or ("never came here" if wants_pay or code else "")
        elif wants_pay and person.state not in ("complete", "excluded", "screened_out"):
            finding = finding or "counted as finished there, not here"
        elif person.state == "complete" and recruiter.columns.accepted and not wants_pay:
            finding = finding or "finished here, not counted there"
        elif code and code not in (codes.get(person.state), person.completion_code):
            finding = finding or "the code is not the one that was given"
        lines.append(
            Line(
                name,
                person.public_id if person else "",
                status or "listed",
                person.state if person else "",
                finding,
            )
        )
    listed = set(often)
    lines += [
        Line(name, person.public_id, "", person.state, "finished here, not in the list")
        for name, person in ours.items()
        if name not in listed and person.state == "complete"
    ]
    return tuple(sorted(lines, key=lambda line: (not line.finding, line.finding, line.person)))


def _read(content: bytes, recruiter: Recruiter) -> list[tuple[str, str, str]]:
    try:
        text = content.decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text), strict=True)
        header = {str(name).strip(): name for name in reader.fieldnames or ()}
        columns = recruiter.columns
        person, status, code = (
            next((header[name] for name in names if name in header), None)
            for names in (columns.person, columns.status, columns.code)
        )
        if person is None:
            raise LensError(
                f"the list has no column {' or '.join(columns.person)}: give the CSV file that "
                f"{recruiter.name} exports"
            )
        rows = []
        for row in reader:
            values = [
                (row.get(name) or "").strip() if name else "" for name in (person, status, code)
            ]
            if values[0]:
                rows.append((values[0], values[1], values[2]))
            if len(rows) > MOST_ROWS:
                raise LensError(f"the list has more than {MOST_ROWS} rows")
    except (UnicodeDecodeError, csv.Error) as error:
        raise LensError(f"the list is no CSV file in UTF-8: {error}") from error
    return rows
