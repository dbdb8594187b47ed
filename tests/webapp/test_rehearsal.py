"""Simulated people at a running server: the same trials on both sides, whatever fails between."""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from experiments import cli
from experiments.observers import Impatient, Psychometric, Quitter
from experiments.rehearsal import browser
from experiments.rehearsal.people import rehearse
from experiments.study import Study, read_rows
from lens_core.atlas import Atlas, LensError
from tests.browser.live import Application, LiveServer
from tests.support.studies import make_study
from webapp.cli import Terminal
from webapp.models import StudyRecord
from webapp.recruiters import StudySettings
from webapp.services.exports import export
from webapp.services.monitor import count

Row = dict[str, Any]


@pytest.fixture
def live(study: Study, tmp_path: Path) -> Iterator[LiveServer]:
    running = LiveServer(tmp_path / "live", study)
    yield running
    running.stop()
    running.database.dispose()


@pytest.fixture(autouse=True)
def impatient_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "FIRST_WAIT_S", 0.001)


def address(live: LiveServer) -> str:
    return f"http://127.0.0.1:{live.port}"


def tables(dataset: Path) -> tuple[list[Row], dict[str, Row]]:
    people, trials = (
        read_rows(next((dataset / "data").glob(f"*-{table}_data.parquet")))
        for table in ("participants", "trials")
    )
    return people, {trial["trial_uuid"]: trial for trial in trials}


def exported(live: LiveServer, out: Path) -> tuple[list[Row], dict[str, Row]]:
    with live.database.read() as db:
        record = db.scalars(select(StudyRecord)).one()
    export(live.database, record, live.study, out, include_previews=True)
    return tables(out)


def unreliable(application: Application) -> Application:
    """Of eleven requests one fails, one is carried out and fails, one connection breaks."""
    n_seen = 0

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        nonlocal n_seen
        n_seen += 1
        if n_seen % 11 == 4:
            start_response("500 INTERNAL SERVER ERROR", [("Content-Type", "text/plain")])
            return [b"broken before"]
        if n_seen % 11 in (7, 9):
            for _ in application(environ, lambda *given: None):
                pass
            if n_seen % 11 == 9:
                environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            start_response("500 INTERNAL SERVER ERROR", [("Content-Type", "text/plain")])
            return [b"broken after"]
        return application(environ, start_response)

    return answer


def test_nothing_is_lost_or_doubled_by_a_server_that_fails(
    live: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(live.faults), "around", lambda _, app: unreliable(app))
    live.stop()
    live.start()
    rehearse(live.study, 3, Psychometric(), 5, tmp_path / "ours", address(live))
    mine_people, mine = tables(tmp_path / "ours")
    their_people, theirs = exported(live, tmp_path / "theirs")
    assert mine.keys() == theirs.keys()
    for name, trial in mine.items():
        own = {column: value for column, value in trial.items() if column != "participant"}
        assert own == {column: theirs[name][column] for column in own}
    assert len(mine_people) == len(their_people) == 3, "nobody came twice"
    for person in their_people:
        assert (person["status"], person["source"]) == ("complete", "simulated")
        # They hurried through; an export that excluded them for it could not be analysed.
        assert (person["check_total_s"], person["check_instruction_s"]) == (None, None)
        assert person["started_at"] is person["finished_at"] is None
        assert not {"total_s", "instruction_s"} & set(json.loads(person["checks_failed"]))
    assert all(person.is_test for person in live.people()), "and nobody is counted"
    with live.database.read() as db:
        counts = count(db, db.scalars(select(StudyRecord)).one(), ())
    assert (counts.trials, counts.states["complete"], counts.previews) == (0, 0, 3)
    conditions = [Counter(p["condition"] for p in people) for people in (mine_people, their_people)]
    assert conditions[0] == conditions[1]


@pytest.mark.parametrize("observer", [Quitter(hazard=0.2), Impatient(understood=0.9)])
def test_who_leaves_or_fails_is_where_the_server_says(
    live: LiveServer, tmp_path: Path, observer: Quitter | Impatient
) -> None:
    rehearse(live.study, 5, observer, 1, tmp_path / "ours", address(live), at_once=1)
    mine, _ = tables(tmp_path / "ours")
    # Who closes the page is active until the lease ends.
    expected = ["active" if p["status"] == "timed_out" else p["status"] for p in mine]
    assert [person.state for person in live.people()] == expected
    assert [person.condition for person in live.people()] == [p["condition"] for p in mine]
    assert len(set(expected)) > 1


def test_another_study_is_noticed(live: LiveServer, synthetic_atlas: Atlas, tmp_path: Path) -> None:
    design = {"n_references": 3, "n_trials": 6, "n_catch": 1, "n_practice_obvious": 2}
    design |= {"n_practice_harder": 0, "n_blocks": 2, "stimulus_px": 48, "templates_per_item": 1}
    other = make_study(
        tmp_path / "other", synthetic_atlas, name=live.study.name, seed=9, design=design
    )
    with pytest.raises(LensError, match=r"does not show the study in .*another picture"):
        rehearse(other, 1, Psychometric(), 0, tmp_path / "ours", address(live))
    assert not (tmp_path / "ours").exists()


def test_where_no_rehearsal_is_taken(live: LiveServer, tmp_path: Path) -> None:
    def settle(**changes: Any) -> None:
        with live.database.write() as db:
            record = db.scalars(select(StudyRecord)).one()
            for name, value in changes.items():
                setattr(record, name, value)

    def attempt() -> None:
        rehearse(live.study, 1, Psychometric(), 0, tmp_path / "ours", address(live))

    settle(state="paused")
    with pytest.raises(LensError, match=r"takes no rehearsal.*open it and its lab link"):
        attempt()
    settle(state="open", settings=StudySettings(lab_link=False).stored())
    with pytest.raises(LensError, match="takes no rehearsal"):
        attempt()
    live.stop()
    with pytest.raises(LensError, match="does not answer"):
        attempt()
    live.start()
    assert live.people() == []


def test_the_command(live: LiveServer, tmp_path: Path) -> None:
    arguments = [str(live.study.root), "--participants", "1", "--out", str(tmp_path / "data")]
    # Twice, as one does, with the same seed: other people with answers of their own.
    for again in ([], ["--force"]):
        done = CliRunner().invoke(
            cli.simulate, [*arguments, *again, "--server", address(live)], obj=Terminal()
        )
        assert done.exit_code == 0, done.output
        assert "1 simulated participants" in done.output
    assert [person.state for person in live.people()] == ["complete"] * 2
    wrong = CliRunner().invoke(
        cli.simulate, [*arguments, "--server", "localhost:8000"], obj=Terminal()
    )
    assert isinstance(wrong.exception, LensError)
