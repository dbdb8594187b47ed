"""What follows when the task is opened again: the block anew, or the end of the visit."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from analysis.dataset import read_dataset
from experiments.study import Study, config_toml, freeze_study
from lens_core.atlas import Atlas
from tests.support.studies import make_study
from tests.webapp.conftest import DESIGN
from tests.webapp.person import Person, key_of, knows
from webapp.clock import utc_now
from webapp.models import Participant, Response, StudyRecord, TaskSession
from webapp.server import Server
from webapp.services.exports import export

BOTH_DATABASES = True
AGE_MIN = 90


def with_policy(folder: Path, atlas: Atlas, policy: str) -> Study:
    """The usual study, frozen with a policy for those who come back."""
    made = make_study(folder, atlas, name="strong-weak", design=DESIGN, frozen=False)
    rules = made.config.session.model_copy(update={"resume": policy, "resume_max_age_min": AGE_MIN})
    (folder / "study.toml").write_bytes(
        config_toml(made.config.model_copy(update={"session": rules}))
    )
    freeze_study(folder)
    return Study.open(folder, require_frozen=True)


@pytest.fixture(scope="session")
def policies(synthetic_atlas: Atlas, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Study]:
    """A study of each policy that is not the default."""
    root = tmp_path_factory.mktemp("policies")
    return {
        policy: with_policy(root / policy, synthetic_atlas, policy)
        for policy in ("checkpoint", "refuse")
    }


@pytest.fixture
def study(request: pytest.FixtureRequest, policies: dict[str, Study]) -> Study:
    """The study that begins blocks anew, unless a test asks for another policy."""
    return policies[getattr(request, "param", "checkpoint")]


def tallied(db: Session) -> tuple[int | None, int, int]:
    """The counters of the one session."""
    db.rollback()  # see what was committed since
    session = db.scalars(select(TaskSession)).one()
    return session.next_index, session.n_right, session.n_scored


def into_block(person: Person, server: Server, n_answers: int) -> list[dict[str, Any]]:
    """Go through practice, then answer trials of the first block wrongly; all of its trials."""
    key = key_of(server, person.boot["session"])
    for trial in person.session()["trials"]:
        person.answer(trial["index"], key[trial["index"]])
    block: list[dict[str, Any]] = person.session()["trials"]
    for trial in block[:n_answers]:
        person.answer(trial["index"], 1 - key[trial["index"]])
    return block


def shown(trial: dict[str, Any], key: dict[int, int]) -> tuple[int, int]:
    return trial["block"], key[trial["index"]]


def test_the_block_begins_anew_and_nothing_is_lost(
    person: Person, server: Server, record: StudyRecord, study: Study, db: Session, tmp_path: Path
) -> None:
    n_trials = person.begin()["n_trials"]
    block = into_block(person, server, 1)
    old = person.body(choice=1)
    first_reply = person.send(f"/trials/{block[1]['index']}", old).get_json()
    before = tallied(db)
    assert before[2] == 2

    assert person.open_task()["n_trials"] == n_trials + 2
    state = person.session()
    assert [(t["index"], t["attempt"]) for t in state["trials"]] == [
        (n_trials, 2),
        (n_trials + 1, 2),
        *((trial["index"], 1) for trial in block[2:]),
    ]
    key = key_of(server, person.boot["session"])
    assert [shown(t, key) for t in state["trials"]] == [shown(t, key) for t in block]
    assert tallied(db) == (n_trials, *before[1:])
    assert all(person.get(url).status_code == 200 for url in state["bundles"])
    # Opened again without an answer in between, it is the same block; the old answer is known.
    person.open_task()
    assert person.session()["trials"] == state["trials"]
    again = person.send(f"/trials/{block[1]['index']}", old)
    assert again.status_code == 200
    assert again.get_json()["next"] == n_trials != first_reply["next"]

    # Left a second time after one trial: a third attempt at that trial alone.
    person.answer(n_trials, key[n_trials])
    person.open_task()
    attempts = [trial["attempt"] for trial in person.session()["trials"]]
    assert attempts == [3, 2, *[1] * (len(block) - 2)]
    assert tallied(db)[1:] == before[1:], "the first answer to a trial counts"
    person.answer_all(knows(server, person))
    assert person.finish().status_code == 200
    total = n_trials + 3
    assert tallied(db)[0] is None
    assert db.scalars(select(func.count(Response.id))).one() == total

    out = tmp_path / "dataset"
    export(server.database, record, study, out)
    (file,) = (out / "data").glob("*trials_data.csv")
    with file.open(newline="") as text:
        rows = [row for row in csv.DictReader(text) if row["phase"] != "practice"]
    place = str(block[0]["index"])
    assert [row["attempt"] for row in rows if row["trial"] == place] == ["1", "2", "3"]
    data = read_dataset(out)
    assert (data.rows_read, data.repeated) == (total, 3)
    assert any("3 rows of 1 person answer a trial again" in note for note in data.notes)
    counted = data.trials[data.trials["phase"] != "practice"]
    assert not counted.duplicated("trial").any()
    right = int(counted["correct"].sum())
    assert tallied(db) == (None, right, len(counted))
    assert right < len(counted), "the wrong first answer was not replaced"


def test_an_answer_that_was_on_its_way_is_kept(person: Person, server: Server) -> None:
    n_trials = person.begin()["n_trials"]
    block = into_block(person, server, 1)
    left = person.body(choice=1)
    person.open_task()
    # The next page sends first what the one before could not.
    late = {**left, "page_token": person.boot["page_token"]}
    reply = person.send(f"/trials/{block[1]['index']}", late)
    assert (reply.status_code, reply.get_json()["next"]) == (200, n_trials)
    assert person.answer(block[-1]["index"]).status_code == 409
    trials = person.session()["trials"]
    assert [(t["index"], t["attempt"]) for t in trials[:2]] == [(n_trials, 2), (n_trials + 1, 2)]
    assert len(trials) == len(block)
    assert person.answer(n_trials).get_json()["next"] == n_trials + 1
    assert person.answer(n_trials + 1).get_json()["next"] == block[2]["index"]


def test_practice_and_blocks_without_answers_go_on(person: Person, server: Server) -> None:
    person.begin()
    practice = person.session()["trials"]
    person.answer(0, key_of(server, person.boot["session"])[0])
    person.open_task()
    assert person.session()["trials"] == practice[1:]
    block = into_block(person, server, 0)
    person.open_task()
    assert person.session()["trials"] == block


@pytest.mark.parametrize("study", ["refuse"], indirect=True)
def test_who_is_not_taken_back_is_told(person: Person, db: Session) -> None:
    person.begin()
    person.answer(0)
    page = person.get(f"{person.home}/task", follow_redirects=True)
    assert (page.status_code, 'id="boot"' in page.text) == (200, False)
    assert "cannot be continued" in page.text
    assert db.scalars(select(Participant.state)).one() == "timed_out"
    again = person.get(f"{person.home}/task", follow_redirects=True)
    assert "cannot be continued" in again.text
    assert 'id="boot"' not in again.text
    assert db.scalars(select(func.count(Response.id))).one() == 1, "what was answered stays"


@pytest.mark.parametrize(("minutes", "taken"), [(AGE_MIN - 5, True), (AGE_MIN + 5, False)])
def test_the_greatest_age_holds(
    app: Flask, study: Study, server: Server, minutes: int, taken: bool
) -> None:
    person = Person(app.test_client(), study)
    person.begin()
    with server.database.write() as db:
        db.execute(update(TaskSession).values(opened_at=utc_now() - timedelta(minutes=minutes)))
    page = person.get(f"{person.home}/task", follow_redirects=True)
    assert ('id="boot"' in page.text) is taken
