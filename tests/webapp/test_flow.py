"""The flow of participants, exclusions tried out, and reconciliation with a recruiter's list."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from experiments.study import Study
from lens_core.atlas import LensError
from tests.webapp.person import Person, knows
from tests.webapp.test_console import STUDY, Console
from webapp.models import AuditEntry, Participant, StudyRecord
from webapp.recruiters import StudySettings
from webapp.recruiters.settings import new_codes
from webapp.researcher.pages import cells_of
from webapp.server import Server
from webapp.services import monitor, studies
from webapp.services.exports import VARIANTS, export
from webapp.services.flow import flow, thresholds_of, with_thresholds
from webapp.services.privacy import withdraw
from webapp.services.reconciliation import Line, reconcile

BOTH_DATABASES = True


@pytest.fixture
def visits(app: Flask, server: Server, study: Study) -> dict[str, Person]:
    """Two who finish, one right and one wrong half of the time; and everybody who does not."""
    people = {}
    for name in ("right", "halting", "stops", "fails", "declines", "looks"):
        person = people[name] = Person(app.test_client(), study)
        person.arrive(f"?PROLIFIC_PID={name}")
        if name == "looks":
            continue
        if name == "declines":
            person.post(f"{person.home}/consent", {"decline": "yes"})
            continue
        person.agree()
        person.read()
        if name == "fails":
            for _ in range(study.config.session.quiz_attempts):
                person.quiz(right=False)
            continue
        person.quiz()
        person.open_task()
        if name == "stops":
            person.post_to_leave()
            continue
        right = knows(server, person)
        wrong_in_test = name == "halting"
        person.answer_all(
            lambda trial, right=right, wrong=wrong_in_test: (
                1 - right(trial)
                if wrong and trial["phase"] == "test" and trial["index"] % 2
                else right(trial)
            )
        )
        assert person.finish().status_code == 200
    return people


@pytest.fixture
def researcher(app: Flask, with_accounts: None) -> Console:
    console = Console(app.test_client())
    console.log_in("rea")
    return console


def test_everybody_is_somewhere(
    visits: dict[str, Person], study: Study, record: StudyRecord, db: Session
) -> None:
    found = flow(db, record, with_thresholds(study.config, {}), cells_of(study))
    assert (found.arrived, found.consented) == (6, 4)
    assert found.before == {"did not consent yet": 1, "declined": 1, "failed the quiz": 1}
    arms = found.arms.values()
    assert sum(arm.assigned for arm in arms) == 3
    assert sum((sum(arm.lost.values()) for arm in arms), 0) == 1
    assert sum(arm.analysed for arm in arms) == sum(arm.complete for arm in arms) == 2
    for arm in arms:
        assert arm.assigned == arm.active + sum(arm.lost.values()) + arm.complete
        assert arm.complete == arm.analysed + sum(arm.excluded.values())
    assert sum(found.before.values()) + sum(arm.assigned for arm in arms) == found.arrived


def test_the_pages_show_flow_drop_out_by_condition_and_times(
    visits: dict[str, Person], study: Study, record: StudyRecord, researcher: Console, db: Session
) -> None:
    found = flow(db, record, study.config, cells_of(study))
    page = researcher.client.get(f"{STUDY}/flow").text
    boxes = re.findall(r'<p class="box[^"]*"><b>([^<]+)</b> <span>(\d+)</span>', page)
    wanted = [("Arrived", 6), ("Never assigned", 3), ("Assigned", 3)]
    for arm in found.arms.values():
        lost, excluded = (sum(counts.values()) for counts in (arm.lost, arm.excluded))
        wanted += [(arm.label, arm.assigned), ("Lost", lost), ("Finished", arm.complete)]
        wanted += [("Excluded", excluded), ("Analysed", arm.analysed)]
    assert boxes == [(name, str(number)) for name, number in wanted]
    assert "1 declined" in page
    assert "1 failed the quiz" in page
    body = page.split("From assignment to analysis, by the criteria of the frozen study")[1]
    rows = re.findall(r'<tr><th scope="row">([^<]+)</th>(.*?)</tr>', body, re.DOTALL)
    shares = {name: re.findall(r">(\d+ %|–)</td>", cells) for name, cells in rows}
    for arm in found.arms.values():
        share = 100 * sum(arm.lost.values()) / arm.assigned if arm.assigned else None
        assert shares[arm.label] == ["–" if share is None else f"{share:.0f} %"]
    assert {"50 %", "100 %"} & {each for cells in shares.values() for each in cells}
    # How long people take, and when somebody was here.
    done = select(Participant).where(Participant.state == "complete")
    with_times = db.scalars(done).all()
    for person, minutes in zip(with_times, (10, 21), strict=True):
        assert person.started_at is not None
        person.finished_at = person.started_at + timedelta(minutes=minutes)
    last = max(person.last_seen_at for person in db.scalars(select(Participant)))
    db.commit()
    page = researcher.client.get(STUDY).text
    assert re.search(r'data-count="median_minutes">15\.5<', page)
    assert re.search(rf'data-moment="last_seen_at">[^/]*{last:%Y-%m-%d %H:%M}', page)
    told = researcher.client.get(f"{STUDY}/counts.json").get_json()
    assert (told["median_minutes"], told["states"]["complete"]) == (15.5, 2)
    assert told["last_seen_at"].startswith(f"{last:%Y-%m-%dT%H:%M}")


def test_the_flow_excludes_whom_the_export_excludes(
    visits: dict[str, Person], study: Study, server: Server, record: StudyRecord, tmp_path: Path
) -> None:
    out = tmp_path / "dataset"
    export(server.database, record, study, out)
    (table,) = (out / "data").glob("*participants*.csv")
    with table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["status"] == "complete"]
    exported = {row["participant"]: row["exclusion_reason"] for row in rows}
    with server.database.read() as db:
        found = flow(db, record, study.config, cells_of(study))
    assert {public_id: reason for public_id, _, reason in found.judged} == exported
    assert len(exported) == 2


def test_other_thresholds_change_who_is_analysed_and_nothing_stored(
    visits: dict[str, Person], study: Study, record: StudyRecord, researcher: Console, db: Session
) -> None:
    strict = with_thresholds(study.config, {"min_test_accuracy": "0.9"})
    found = flow(db, record, strict, cells_of(study))
    assert sorted(reason for _, _, reason in found.judged) == ["", "test_accuracy"]
    n_entries = len(db.scalars(select(AuditEntry)).all())
    page = researcher.client.get(f"{STUDY}/flow?try=1&min_test_accuracy=0.9").text
    assert "by the criteria tried below" in page
    assert "1 test accuracy" in page
    assert "1 of 2 who finished" in page
    assert record.hash == study.hash
    db.rollback()
    assert len(db.scalars(select(AuditEntry)).all()) == n_entries
    assert researcher.client.get(f"{STUDY}/flow?try=1&min_test_accuracy=x").status_code == 422
    assert researcher.client.get(f"{STUDY}/flow?try=1&max_total_s=nan").status_code == 422


def test_the_form_begins_with_the_frozen_criteria(study: Study) -> None:
    again = with_thresholds(study.config, thresholds_of(study.config))
    assert {rule.check for rule in again.exclusions} == {
        rule.check for rule in study.config.exclusions
    }
    with pytest.raises(LensError, match="no number"):
        with_thresholds(study.config, {"min_test_accuracy": "much"})


def test_exclusion_by_hand_is_told_with_its_reason(
    visits: dict[str, Person],
    study: Study,
    server: Server,
    record: StudyRecord,
    researcher: Console,
    db: Session,
    tmp_path: Path,
) -> None:
    chosen = db.scalars(select(Participant).where(Participant.external_id == "right")).one()
    at = f"{STUDY}/people/{chosen.public_id}/exclude"
    assert researcher.ask("POST", at, reason="spoke of a cheat sheet").status_code == 303
    db.rollback()
    found = flow(db, record, with_thresholds(study.config, {}), cells_of(study))
    reasons = {public_id: reason for public_id, _, reason in found.judged}
    assert reasons[chosen.public_id] == "by a researcher: spoke of a cheat sheet"
    assert "spoke of a cheat sheet" in researcher.client.get(at.removesuffix("/exclude")).text
    for variant in VARIANTS:
        out = tmp_path / variant
        export(server.database, record, study, out, variant=variant)
        reason = "" if variant == "anonymous" else ": spoke of a cheat sheet"
        with next((out / "data").glob("*participants*.csv")).open(newline="") as file:
            (row,) = (row for row in csv.DictReader(file) if row["status"] == "excluded")
        assert (row["excluded"], row["exclusion_reason"]) == ("1", f"by a researcher{reason}")
    counts = monitor.count(db, record, cells_of(study))
    assert sum(cell.lost for cell in counts.cells) == 1, "an excluded person did not leave early"


HEADER = "Submission id,Participant id,Status,Completion code\n"


@pytest.fixture
def codes(server: Server) -> dict[str, str]:
    codes = new_codes()
    with server.database.write() as db:
        settings = StudySettings(prolific_codes=codes)
        studies.set_settings(db, "strong-weak", settings, actor="test")
    return codes


def listed(codes: dict[str, str]) -> str:
    """A list as Prolific exports it, with everything that can be wrong in it."""
    rows = (
        ("right", "AWAITING REVIEW", codes["complete"]),
        ("halting", "RETURNED", ""),
        ("stops", "AWAITING REVIEW", codes["complete"]),
        ("fails", "AWAITING REVIEW", codes["screened_out"]),
        ("ghost", "APPROVED", codes["complete"]),
        ("declines", "RETURNED", ""),
        ("=cmd()", "RETURNED", ""),
    )
    return HEADER + "".join(f"s,{','.join(row)}\n" for row in rows)


def test_reconciliation(visits: dict[str, Person], server: Server, codes: dict[str, str]) -> None:
    recruiter = server.recruiters.by_name("prolific")
    assert recruiter is not None

    def compare(text: str) -> dict[str, str]:
        with server.database.read() as db:
            record = studies.by_name(db, "strong-weak")
            content = text.encode("utf-8-sig")
            lines: tuple[Line, ...] = reconcile(db, record, recruiter, content, key=server.key)
        assert [bool(line.finding) for line in lines] == sorted(
            (bool(line.finding) for line in lines), reverse=True
        )
        return {line.person: line.finding for line in lines}

    assert compare(listed(codes)) == {
        "right": "",
        "halting": "finished here, not counted there",
        "stops": "counted as finished there, not here",
        "fails": "",
        "ghost": "never came here",
        "declines": "",
        "=cmd()": "",
    }
    guessed = f"{HEADER}s,right,APPROVED,{codes['screened_out']}\n"
    found = compare(guessed)
    assert found["right"] == "the code is not the one that was given"
    assert found["halting"] == "finished here, not in the list"
    assert set(compare(guessed + guessed.split("\n")[1] + "\n").values()) >= {"twice in the list"}
    with pytest.raises(LensError, match="no column Participant id"):
        compare("a,b\n1,2\n")
    with server.database.write() as db:
        record = studies.by_name(db, "strong-weak")
        leaving = db.scalars(select(Participant).where(Participant.external_id == "right")).one()
        withdraw(db, record, leaving.id, key=server.key, actor="ada", reason="on request")
    found = compare(listed(codes))
    assert found["right"] == "came here, and was erased or made anonymous since"
    assert found["ghost"] == "never came here", "who was erased is told from who never came"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b'Participant id\n"open', b"\x00" * 50])
def test_lists_that_cannot_be_read(
    server: Server, record: StudyRecord, db: Session, content: bytes
) -> None:
    recruiter = server.recruiters.by_name("prolific")
    assert recruiter is not None
    with pytest.raises(LensError):
        reconcile(db, record, recruiter, content, key=server.key)


def test_a_list_is_uploaded(
    visits: dict[str, Person], researcher: Console, codes: dict[str, str]
) -> None:
    path = f"{STUDY}/reconciliation"

    def upload(text: str, **changes: str) -> tuple[int, str]:
        page = researcher.client.get(path).text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token is not None
        form = {
            "csrf_token": token[1],
            "recruiter": "prolific",
            "list": (io.BytesIO(text.encode()), "list.csv"),
            **changes,
        }
        reply = researcher.client.post(path, data=form, content_type="multipart/form-data")
        return reply.status_code, reply.text

    status, page = upload(listed(codes) + "s,<script>x</script>,RETURNED,\n")
    assert status == 200
    assert "3 of 8 to look at" in page
    assert "<script>x" not in page
    assert upload(HEADER + "s,x,RETURNED,\n" * 40_000)[0] == 200, "larger than other bodies"
    assert upload("x" * (9 << 20))[0] == 413
    assert upload("a,b\n1,2\n")[0] == 422
    assert upload(HEADER, recruiter="nobody")[0] == 400
