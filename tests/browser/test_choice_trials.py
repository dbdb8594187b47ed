"""Trials of kind ``choice`` in a real browser: an intruder study, and every kind of answer."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from experiments import paradigms, records
from experiments.paradigms import BuildRequest, get_paradigm
from experiments.study import Study, config_toml, freeze_study
from tests.browser.live import LiveServer, each_trial_once
from tests.browser.test_accessible import check
from tests.browser.visitor import CODE, GATE, Visitor
from tests.support.atlases import make_atlas
from webapp.models import StudyRecord
from webapp.services import exports

pytestmark = pytest.mark.browser

READY = ".choice:not(.waiting)"
QUICK = {"start_delay_ms": 50, "feedback_ms": 50, "full_screen": False}


@pytest.fixture
def served(
    chromium: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Visitor]]:
    """Makes a study of a paradigm, serves it, and lets one person come."""
    monkeypatch.setitem(paradigms.PARADIGMS, "variety", "tests.support.variety:Variety")
    monkeypatch.setitem(records.PARADIGM_COLUMNS, "variety", ())
    people: list[Visitor] = []

    def serve(paradigm: str, width: int, height: int, remark: str = "", **request: Any) -> Visitor:
        folder = tmp_path / "study"
        study = get_paradigm(paradigm).build(
            BuildRequest(out=folder, name="choice-test", title="Choice", **request)
        )
        session = study.config.session.model_copy(update={**QUICK, "remark": remark})
        config = study.config.model_copy(update={"session": session})
        (folder / "study.toml").write_bytes(config_toml(config))
        freeze_study(folder)
        server = LiveServer(tmp_path / "server", Study.open(folder, require_frozen=True))
        context = chromium.new_context(viewport={"width": width, "height": height})
        people.append(Visitor(server, context))
        return people[-1]

    yield serve
    for person in people:
        person.context.close()
        person.server.stop()
        assert person.errors == []


def right_place(visitor: Visitor) -> int:
    """Where the right option of the trial on the screen stands."""
    done = {answer.index for answer in visitor.server.answers(visitor.person)}
    body = next(t for t in visitor.server.scheduled(visitor.person) if t.index not in done).body
    return list(body["display"]["answers"]).index(body["correct_response"])


def test_an_intruder_study_by_keyboard(served: Callable[..., Visitor], tmp_path: Path) -> None:
    atlas = make_atlas(tmp_path / "atlas", n_classes=2, n_images=48, units=False)
    design = {"n_trials": 3, "n_catch": 1, "n_practice": 1, "stimulus_px": 64}
    remark = "What did you go by?"
    visitor = served("intruder", 940, 600, remark, atlases=(atlas.root,), design=design)
    page = visitor.page
    visitor.skip_to_the_task()
    page.keyboard.press("Enter")
    page.wait_for_selector(READY)
    check(visitor, "trial")
    # The confidence keeps its place, and comes only after an answer, which may still be changed.
    assert page.locator(".step").first.is_hidden()
    page.keyboard.press(str((right_place(visitor) + 1) % 6 + 1))
    page.wait_for_selector(".step:enabled")
    check(visitor, "confidence")
    bottom = page.evaluate("document.querySelector('.steps').getBoundingClientRect().bottom")
    assert bottom <= 600, "the answers are below the fold"
    n_answered = 0
    while True:
        page.keyboard.press(str(right_place(visitor) + 1))
        page.evaluate("document.querySelector('.choice').classList.add('answered')")
        page.keyboard.press("K")
        n_answered += 1
        visitor.wait_for_saved(n_answered)
        page.locator(".choice.answered").wait_for(state="detached")
        page.wait_for_selector(f"{READY}, {GATE}")
        if page.locator(GATE).count():
            page.keyboard.press("Enter")
            page.wait_for_selector(READY)
        if page.locator(".typed").count():
            break
    # After the block, free text; who has nothing to say would press Enter at once.
    assert page.locator(".question").inner_text() == remark
    page.keyboard.type("the one without stripes")
    check(visitor, "remark")
    page.keyboard.press("Enter")
    page.wait_for_selector(CODE)
    person = visitor.person
    each_trial_once(visitor.server, person)
    *answers, said = visitor.server.answers(person)
    assert len(answers) == 5
    assert all(answer.correct == 1 and answer.confidence == 2 for answer in answers)
    assert (said.response, said.correct) == ("the one without stripes", None)


def test_every_kind_of_answer(served: Callable[..., Visitor], tmp_path: Path) -> None:
    visitor = served("variety", 1024, 768)
    page = visitor.page
    visitor.skip_to_the_task()
    page.keyboard.press("Enter")

    def sure(presses: int) -> None:
        """Move the slider, which has the focus, and commit."""
        page.wait_for_selector(".percent input:enabled")
        for _ in range(presses):
            page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")

    page.wait_for_selector(f"{READY} .exhibit")
    assert page.locator(".exhibit button").is_disabled(), "looked at too shortly"
    page.wait_for_selector(".exhibit button:enabled")
    check(visitor, "exhibit")
    page.keyboard.press("Enter")

    page.wait_for_selector(f"{READY} .words")
    page.locator(".panel summary").focus()
    page.keyboard.press("Enter")
    assert page.locator(".panel img").first.is_visible(), "training examples stay viewable"
    check(visitor, "words")
    page.keyboard.press(str(right_place(visitor) + 1))
    sure(3)

    page.wait_for_selector(f"{READY} .rating")
    check(visitor, "rating")
    page.keyboard.press("4")
    sure(1)

    page.wait_for_selector(GATE)  # the second session
    page.keyboard.press("Enter")
    page.wait_for_selector(f"{READY} .typed")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Please type an answer.")
    page.keyboard.type("  hairy   legs 1 2 3")
    check(visitor, "text")
    page.keyboard.press("Enter")
    sure(1)

    page.wait_for_selector(f"{READY} [role=combobox]")
    page.keyboard.type("root")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Please choose a word of the list.")
    for _ in range(4):
        page.keyboard.press("Backspace")
    page.keyboard.type("st")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("[role=option][aria-selected=true]")
    check(visitor, "vocabulary")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    sure(1)
    page.wait_for_selector(CODE)

    server = visitor.server
    each_trial_once(server, visitor.person)
    with server.database.read() as db:
        record = db.scalars(select(StudyRecord)).one()
    exports.export(server.database, record, server.study, tmp_path / "data")
    (file,) = (tmp_path / "data" / "data").glob("*trials*.csv")
    with file.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    told = [(r["item"], r["session"], r["phase"], r["response"], r["correct"]) for r in rows]
    assert told == [
        ("exhibit", "1", "training", "", ""),
        ("word", "1", "test", "wolf", "1"),
        ("rating", "1", "test", "4", ""),
        ("text", "2", "test", "hairy legs 1 2 3", ""),
        ("vocabulary", "2", "test", "stem", ""),
    ]
    assert [r["confidence"] for r in rows] == ["", "53.0", "51.0", "51.0", "51.0"]
