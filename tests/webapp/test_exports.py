"""What is in the database is in the data set, row for row."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from flask import Flask
from sqlalchemy import func, select

from analysis.dataset import read_dataset
from experiments.study import Study
from lens_core.atlas import LensError
from tests.webapp.person import Person, knows
from webapp.models import Event, Participant, Response, StudyRecord
from webapp.recruiters import Arrival
from webapp.server import Server
from webapp.services import arrivals
from webapp.services.exports import Exported, export
from webapp.services.studies import Shelf

BOTH_DATABASES = True


@pytest.fixture
def exported(app: Flask, server: Server, study: Study, record: StudyRecord, tmp_path: Path) -> Path:
    """Three visits, a preview and a decline, exported."""
    for n, stops_after in enumerate((None, 3, 0)):
        person = Person(app.test_client(), study)
        person.begin()
        person.send("/events", {"events": [{"at_ms": n, "kind": "blur", "detail": {"n": n}}]})
        right = knows(server, person)
        if stops_after is None:
            person.answer_all(right)
            person.finish()
        for index in range(stops_after or 0):
            person.answer(index, right({"index": index}))
    Person(app.test_client(), study).arrive("?source==cmd()")
    with server.database.write() as db:
        arrivals.arrive(db, record, Arrival("preview"), is_test=True)
    out = tmp_path / "dataset"
    done = export(server.database, record, study, out)
    with server.database.read() as db:
        assert done == Exported(
            participants=db.scalars(
                select(func.count()).where(Participant.is_test.is_(False))
            ).one(),
            trials=db.scalars(select(func.count(Response.id))).one(),
            events=db.scalars(select(func.count(Event.id))).one(),
        )
    return out


def rows(out: Path, what: str) -> list[dict[str, str]]:
    (file,) = (out / "data").glob(f"*{what}_data.csv")
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def test_the_manifest_holds(exported: Path) -> None:
    manifest = json.loads((exported / "manifest.json").read_text())
    assert manifest["rows"] == {"participants": 4, "trials": 9 + 3, "events": 3}
    for name, facts in manifest["files"].items():
        content = (exported / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == facts["sha256"], name
        assert len(content) == facts["size"]
        if name.endswith(".parquet"):
            assert pq.read_metadata(exported / name).num_rows == facts["rows"]


def test_each_answer_is_there_once_as_it_was_stored(exported: Path, server: Server) -> None:
    trials = {row["trial_uuid"]: row for row in rows(exported, "trials")}
    with server.database.read() as db:
        stored = db.scalars(select(Response)).all()
    assert len(trials) == len(stored)
    for response in stored:
        row = trials[response.trial_uuid]
        assert row["response"] == response.response
        assert int(row["correct"]) == response.correct
        assert float(row["rt_ms"]) == response.rt_ms
        assert row["trial"] == str(response.index)
        assert int(row["correct"]) == int(row["response"] == row["correct_response"])


def test_conditions_agree_between_tables(exported: Path, study: Study) -> None:
    people = {row["participant"]: row for row in rows(exported, "participants")}
    for trial in rows(exported, "trials"):
        assert trial["condition"] == people[trial["participant"]]["condition"]
        assert trial["condition"] in study.conditions
        assert trial["study_hash"] == study.hash
    assert sorted(row["status"] for row in people.values()) == [
        "active",
        "active",
        "arrived",
        "complete",
    ]


def test_the_analysis_tables_have_the_defined_columns(exported: Path, study: Study) -> None:
    from experiments.records import EVENTS, PARTICIPANTS, names, trial_columns

    assert list(rows(exported, "trials")[0]) == names(trial_columns(study.paradigm))
    assert list(rows(exported, "events")[0]) == names(EVENTS)
    columns = list(rows(exported, "participants")[0])
    assert columns[: len(PARTICIPANTS)] == names(PARTICIPANTS)


def test_previews_are_exported_only_when_asked(
    exported: Path, server: Server, record: StudyRecord, study: Study, tmp_path: Path
) -> None:
    done = export(server.database, record, study, tmp_path / "all", include_previews=True)
    assert done.participants == 5


def test_a_target_with_something_in_it_is_refused(
    exported: Path, server: Server, record: StudyRecord, study: Study
) -> None:
    with pytest.raises(LensError, match="not empty"):
        export(server.database, record, study, exported)
    assert export(server.database, record, study, exported, force=True).participants == 4


def test_an_export_says_whether_the_study_is_what_was_frozen(
    exported: Path, server: Server, record: StudyRecord, study: Study, tmp_path: Path
) -> None:
    assert json.loads((exported / "manifest.json").read_text())["study_changed"] == []
    described = json.loads((exported / "dataset_description.json").read_text())
    assert described["study"]["matches_hash"] is True
    published = server.config.study_dir(study.name)
    published.unlink()
    shutil.copytree(study.root, published)
    (published / "study.toml").open("a").write("\n# one more remark\n")
    (published / "stimuli" / f"{study.stimulus_ids[0]}.webp").unlink()
    with pytest.raises(LensError, match="not what was frozen"):
        Shelf(server.config).take(record)
    # Nobody goes on with such a study; the answers that it got come out, and say so.
    done = export(
        server.database, record, Shelf(server.config).for_export(record), tmp_path / "changed"
    )
    assert done.participants == 4
    assert sorted(done.changed) == [f"stimuli/{study.stimulus_ids[0]}.webp", "study.toml"]
    manifest = json.loads((tmp_path / "changed" / "manifest.json").read_text())
    assert manifest["study_changed"] == list(done.changed)
    assert manifest["study_hash"] == study.hash
    described = json.loads((tmp_path / "changed" / "dataset_description.json").read_text())
    assert described["study"]["matches_hash"] is False
    analysed = read_dataset(tmp_path / "changed")
    assert not analysed.plan.confirmatory
    assert "not what was frozen" in analysed.notes[-1]


def test_nothing_of_the_persons_secrets_is_exported(exported: Path, server: Server) -> None:
    everything = b"".join(path.read_bytes() for path in exported.rglob("*") if path.is_file())
    with server.database.read() as db:
        people = db.scalars(select(Participant)).all()
    for person in people:
        assert person.access.encode() not in everything
        assert (person.completion_code or "no code").encode() not in everything
