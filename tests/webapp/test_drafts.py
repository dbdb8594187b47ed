"""From the explorer to a published study: asked for, built apart, checked, changed, published."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from flask import Flask

from experiments import audit
from experiments.study import Study
from lens_core.atlas import Atlas
from tests.webapp.test_console import Console
from webapp.config import ServerConfig
from webapp.drafts import store, worker
from webapp.drafts.store import Drafts
from webapp.server import Server

pytestmark = pytest.mark.usefixtures("with_accounts")
SMALL = {"design.n_trials": "4", "design.n_references": "3", "design.stimulus_px": "32"}
NEW = "/console/drafts/new"


@pytest.fixture
def atlas_here(config: ServerConfig, synthetic_atlas: Atlas, app: Flask) -> None:
    config.atlases_dir.mkdir()
    (config.atlases_dir / "insects").symlink_to(synthetic_atlas.root)


@pytest.fixture
def console(app: Flask, atlas_here: None, monkeypatch: pytest.MonkeyPatch) -> Console:
    """A researcher at the console; drafts are built at once instead of in a process."""
    monkeypatch.setattr(worker, "start", lambda folder: worker.work(folder))
    monkeypatch.setattr(audit, "N_SCHEDULES", 4)
    person = Console(app.test_client())
    person.log_in("rea")
    return person


@pytest.fixture
def drafts(config: ServerConfig) -> Drafts:
    return Drafts(config.drafts_dir)


def make(console: Console, **changes: str) -> str:
    form = {
        "atlas": "insects",
        "which": "all",
        "how": "sample",
        "per_class": "2",
        "paradigm": "two_afc",
        "title": "Which insect?",
        "seed": "5",
    } | changes
    reply = console.ask("POST", f"{NEW}?atlas=insects", **form)
    assert reply.status_code == 303, reply.text
    return reply.headers["Location"]


def test_the_explorer_leads_to_it_through_the_log_in(app: Flask, atlas_here: None) -> None:
    person = Console(app.test_client())
    page = person.client.get("/atlas/insects/class/1").text
    address = f"{NEW}?atlas=insects&class=1"
    assert address.replace("&", "&amp;") in page
    assert "concept=1%2Fconcepts-0" in page
    reply = person.ask("GET", address)
    assert reply.status_code == 303
    entered = person.client.post(
        reply.headers["Location"],
        data={"csrf_token": person.token(), "name": "rea", "password": "correct-horse-researcher"},
    )
    assert entered.headers["Location"].endswith("/console/drafts/new?atlas=insects&class=1")
    form = person.client.get(entered.headers["Location"]).text
    assert 'name="class" value="1" checked' in form
    assert 'name="class" value="0" checked' not in form
    assert 'name="how" value="sample" id="how-sample" checked' in form


def test_viewers_may_not(app: Flask, atlas_here: None, drafts: Drafts) -> None:
    person = Console(app.test_client())
    person.log_in("vic")
    for method, path in (("GET", NEW), ("POST", NEW), ("GET", "/console/drafts/x")):
        assert person.ask(method, path).status_code == 403
    assert "New study" not in person.ask("GET", "/console/").text
    assert drafts.names() == []
    stranger = app.test_client().post(NEW, data={"title": "no token"})
    assert stranger.status_code == 400


def test_from_a_form_to_participants(
    console: Console, drafts: Drafts, config: ServerConfig, server: Server
) -> None:
    address = make(console)
    draft = drafts.open("which-insect")
    assert draft.status.state == "ready"
    assert draft.asked.selection.per_class == 2
    page = console.ask("GET", address).text
    assert "drawn with seed 5 from all classes" in page
    assert "Check of the design" in page
    assert "Which insect?" in console.ask("GET", "/console/").text

    reply = console.ask(
        "POST", address, title="Insects", n_participants="24", reward="3 €", **SMALL
    )
    assert reply.status_code == 303, reply.text
    study = Study.open(drafts.open("which-insect").study_dir)
    assert study.title == "Insects"
    assert study.config.analysis.n_participants == 24
    assert study.config.completion.reward == "3 €"
    assert study.config.model_dump()["design"]["n_trials"] == 4
    assert study.config.source.selected is not None
    assert study.config.source.selected.how == "stratified sample"

    made = (draft.study_dir / "trials.parquet").stat().st_mtime_ns
    console.ask("POST", address, title="Insects", n_participants="30", **SMALL)
    assert (draft.study_dir / "trials.parquet").stat().st_mtime_ns == made, "not drawn again"

    reply = console.ask("POST", f"{address}/publish")
    assert reply.status_code == 303, reply.text
    assert reply.headers["Location"].endswith("/console/studies/which-insect")
    published = Study.open(config.study_dir("which-insect"), require_frozen=True)
    assert published.config.analysis.n_participants == 30
    assert drafts.names() == []
    assert console.client.get("/study/which-insect/").status_code < 400


def test_hand_picked_concepts_are_recorded(console: Console, drafts: Drafts) -> None:
    form = {"how": "hand", "which": "some", "name": "by-hand"}
    reply = console.client.post(
        f"{NEW}?atlas=insects",
        data={"csrf_token": console.token(), "title": "Mine", "paradigm": "two_afc", **form}
        | {"concept": ["0/concepts-0", "1/concepts-1", "0/units-0", "2/units-1"]},
    )
    assert reply.status_code == 303
    study = Study.open(drafts.open("by-hand").study_dir)
    assert study.config.source.selected is not None
    assert study.config.source.selected.how == "by hand"
    assert (
        "picked by hand; the study file says so"
        in console.ask("GET", reply.headers["Location"]).text
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"which": "some"}, "choose at least one class"),
        ({"how": "hand"}, "pick at least one concept"),
        ({"name": "Not A Name"}, "use a to z"),
        ({"name": "strong-weak"}, "published already"),
        ({"seed": "x"}, "no whole number"),
        ({"per_class": ""}, "whole number"),
        ({"per_class": "0"}, "greater than or equal to 1"),
        ({"which": "some", "more": "zebra"}, "no class of this atlas is called"),
    ],
)
def test_mistakes_are_said_and_kept_in_the_form(
    console: Console, drafts: Drafts, changes: dict[str, str], words: str
) -> None:
    form = {"which": "all", "how": "sample", "per_class": "2", "paradigm": "two_afc"}
    reply = console.ask("POST", f"{NEW}?atlas=insects", **form | {"title": "A < B"} | changes)
    assert reply.status_code == 422
    assert words in reply.text
    assert 'value="A &lt; B"' in reply.text
    assert drafts.names() == []


def test_what_cannot_be_built_says_why_and_can_be_changed(console: Console, drafts: Drafts) -> None:
    address = make(console, name="too-few", how="all")
    reply = console.ask("POST", address, title="Few", **{"design.min_references": "9"})
    assert reply.status_code == 303
    assert drafts.open("too-few").status.state == "failed"
    page = console.ask("GET", address).text
    assert "It could not be built" in page
    assert "lower min_references" in page
    assert console.ask("POST", f"{address}/publish").status_code == 422
    wrong = console.ask("POST", address, title="Few", **{"design.n_trials": "many"})
    assert wrong.status_code == 422
    assert "n_trials" in wrong.text or "trials" in wrong.text
    again = SMALL | {"design.min_references": ""}
    assert console.ask("POST", address, title="Few", **again).status_code == 303
    assert drafts.open("too-few").status.state == "ready"
    assert console.ask("POST", f"{address}/delete").status_code == 303
    assert drafts.names() == []


def test_a_silent_worker_is_given_up(console: Console, drafts: Drafts) -> None:
    address = make(console)
    folder = drafts.open("which-insect").folder
    store.write_status(folder, store.Status(state="building", step="pictures", done=1, total=9))
    store.touch(folder)
    state = json.loads(console.ask("GET", f"{address}/status.json").text)
    assert state == {"state": "building", "step": "pictures", "done": 1, "total": 9}
    assert console.ask("POST", address, title="x").status_code == 422, "not while it is built"
    then = time.time() - store.SILENCE_S - 1
    os.utime(folder / store.ALIVE, (then, then))
    assert "The worker stopped" in console.ask("GET", address).text
    assert console.ask("POST", address, again="yes").status_code == 303
    assert drafts.open("which-insect").status.state == "ready"


def test_a_worker_is_a_process_of_its_own(
    app: Flask, atlas_here: None, drafts: Drafts, tmp_path: Path
) -> None:
    person = Console(app.test_client())
    person.log_in("rea")
    make(person, per_class="1")
    until = time.monotonic() + 60
    while drafts.open("which-insect").status.busy and time.monotonic() < until:
        time.sleep(0.1)
    found = drafts.open("which-insect")
    assert found.status.state == "ready", (found.folder / store.LOG).read_text()
