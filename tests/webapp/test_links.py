"""Links that the console gives out, and what recruiters put into them."""

from __future__ import annotations

import html
import re
from urllib.parse import quote, urlsplit

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from experiments.schedule import draw_schedule
from experiments.study import Study
from tests.webapp.person import Person, knows
from tests.webapp.providers import mturk_parameters
from tests.webapp.test_console import STUDY, Console
from webapp.models import Participant, Scheduled, TaskSession
from webapp.server import Server

FILLED = {
    "{{%PROLIFIC_PID%}}": "5f1c0a",
    "{{%STUDY_ID%}}": "60d9aa",
    "{{%SESSION_ID%}}": "64a0ff",
    "%SURVEY_CODE%": "4711",
}
"""What recruiters write in place of their words: docs.prolific.com, "The study object"
(``external_study_url``); sona-systems.com, "External Study Credit Granting"."""
SCRIPT = '"><script>alert(1)</script>'


@pytest.mark.usefixtures("with_accounts")
def test_links_to_give_out_lead_to_their_recruiter(app: Flask, study: Study, db: Session) -> None:
    console = Console(app.test_client())
    console.log_in("rea")
    page = console.client.get(f"{STUDY}/settings").text
    links = [html.unescape(each) for each in re.findall(r'<pre class="wrap">(.*?)</pre>', page)]
    assert len(links) == 4
    home = console.client.get(STUDY).text
    own = re.search(r'value="([^"]+)" readonly aria-label="Participant link"', home)
    assert own is not None
    assert all(link.startswith(own[1]) for link in links)
    for link in links:
        for words, value in FILLED.items():
            link = link.replace(words, value)
        query = urlsplit(link).query
        if not query:  # Amazon adds everything itself, the window's mark is the frame's
            query = "&".join(f"{k}={quote(v)}" for k, v in mturk_parameters().items()) + "&window=1"
        assert (
            "I have read the text above"
            in Person(app.test_client(), study).arrive(f"?{query}").text
        )
    people = db.scalars(select(Participant).order_by(Participant.id)).all()
    assert [(each.source, each.external_id) for each in people] == [
        ("lab", "S014"),
        ("prolific", "5f1c0a"),
        ("mturk", mturk_parameters()["workerId"]),
        ("sona", "4711"),
    ]
    assert people[1].source_details == {"STUDY_ID": "60d9aa", "SESSION_ID": "64a0ff"}


def test_markup_in_a_recruiters_parameters_is_text(
    app: Flask, study: Study, server: Server
) -> None:
    given = mturk_parameters() | {"assignmentId": SCRIPT, "workerId": SCRIPT, "hitId": SCRIPT}
    framed = app.test_client().get(f"/study/{study.name}/", query_string=given)
    assert "<script>alert" not in framed.text
    person = Person(app.test_client(), study)
    person.begin("?" + "&".join(f"{k}={quote(v)}" for k, v in given.items()) + "&window=1")
    person.answer_all(knows(server, person))
    assert person.finish().status_code == 200
    last = person.get(f"{person.home}/debrief").text
    assert "<script>alert" not in last
    sent = re.search(r'name="assignmentId" value="([^"]*)"', last)
    assert sent is not None
    assert html.unescape(sent[1]) == SCRIPT


def test_the_schedule_is_that_of_the_stored_seed(
    person: Person, server: Server, study: Study, db: Session
) -> None:
    """Drawn after the quiz, and the same whenever it is drawn again."""
    person.begin()
    session = db.scalars(select(TaskSession)).one()
    condition = db.scalars(select(Participant.condition)).one()
    stored = db.scalars(select(Scheduled).order_by(Scheduled.position)).all()
    drawn = draw_schedule(study, str(condition), session.seed)
    assert [row.body for row in stored] == [trial.to_dict() for trial in drawn]
    assert str(session.seed) not in "".join(reply.text for reply in person.seen)
