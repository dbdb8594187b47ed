"""A participant's browser for tests: pages by links and forms, the task by its API."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from experiments.study import Study
from webapp.models import Scheduled, TaskSession
from webapp.server import Server


class Person:
    """Goes through a study. Every reply is kept in ``seen``, for tests that look for leaks.

    Parameters
    ----------
    client : the browser.
    study : the study, whose quiz answers this person happens to know.
    """

    def __init__(self, client: FlaskClient, study: Study) -> None:
        self.client = client
        self.study = study
        self.home = f"/study/{study.name}"
        self.seen: list[TestResponse] = []
        self.boot: dict[str, Any] = {}

    def get(self, path: str, **options: Any) -> TestResponse:
        return self._keep(self.client.get(path, **options))

    def post(self, path: str, form: dict[str, str], **options: Any) -> TestResponse:
        """Fill in the form of a page and send it."""
        page = self.client.get(path)
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        assert token is not None, page.text
        data = {"csrf_token": token[1], **form}
        return self._keep(self.client.post(path, data=data, **options))

    def post_to_leave(self) -> TestResponse:
        """Press the button that every page has for leaving."""
        form = {"csrf_token": self.boot["csrf"]}
        return self._keep(self.client.post(f"{self.home}/leave", data=form))

    def arrive(self, query: str = "") -> TestResponse:
        return self.get(f"{self.home}/{query}", follow_redirects=True)

    def agree(self) -> TestResponse:
        return self.post(f"{self.home}/consent", {"agree": "yes", "age": "yes"})

    def read(self) -> TestResponse:
        self.get(f"{self.home}/instructions")
        return self.post(f"{self.home}/instructions", {})

    def quiz(self, right: bool = True) -> TestResponse:
        answers = {
            f"q{number}": str(question.answer if right else (question.answer + 1) % 2)
            for number, question in enumerate(self.study.config.quiz)
        }
        return self.post(f"{self.home}/quiz", answers)

    def open_task(self) -> dict[str, Any]:
        page = self.get(f"{self.home}/task")
        found = re.search(r'id="boot">(.*?)</script>', page.text, re.DOTALL)
        assert found is not None, page.text
        self.boot = json.loads(found[1])
        return self.boot

    def begin(self, query: str = "") -> dict[str, Any]:
        """Everything up to the open task page."""
        self.arrive(query)
        self.agree()
        self.read()
        assert self.quiz().status_code == 303
        return self.open_task()

    # The task's API

    @property
    def api(self) -> str:
        return f"{self.boot['api']}/session/{self.boot['session']}"

    def session(self) -> dict[str, Any]:
        reply = self.get(self.api, query_string={"page_token": self.boot["page_token"]})
        assert reply.status_code == 200, reply.text
        content: dict[str, Any] = reply.get_json()
        return content

    def send(self, path: str, body: Any) -> TestResponse:
        headers = {"X-CSRFToken": self.boot["csrf"]}
        return self._keep(self.client.post(f"{self.api}{path}", json=body, headers=headers))

    def body(self, choice: int = 0, **changes: Any) -> dict[str, Any]:
        """An answer as the task page posts it."""
        return {
            "trial_uuid": str(uuid.uuid4()),
            "page_token": self.boot["page_token"],
            "response": {"choice": choice, "confidence": 2},
            "rt_ms": 812.5,
            "onset_error_ms": 0.4,
            "dropped_frames": 0,
            "presented_at": "2026-01-05T09:00:00.000Z",
            "answered_at": "2026-01-05T09:00:00.812Z",
            **changes,
        }

    def answer(self, index: int, choice: int = 0, **changes: Any) -> TestResponse:
        return self.send(f"/trials/{index}", self.body(choice, **changes))

    def answer_all(self, choose: Any = lambda trial: 0) -> int:
        """Answer until nothing comes any more; returns how many answers were given."""
        given = 0
        state = self.session()
        while state["next"] is not None:
            known = {trial["index"]: trial for trial in state["trials"]}
            index = state["next"]
            while index in known:
                reply = self.answer(index, choose(known[index]))
                assert reply.status_code == 200, reply.text
                given += 1
                index = reply.get_json()["next"]
            state = self.session()
        return given

    def post_together(
        self, app: Flask, index: int, bodies: list[dict[str, Any]]
    ) -> list[tuple[dict[str, Any], int]]:
        """Post all of these for one trial at the same moment; each with the status it got."""
        cookie = self.client.get_cookie("lens")
        assert cookie is not None
        gate = threading.Barrier(len(bodies))
        codes: list[tuple[dict[str, Any], int]] = []

        def post(content: dict[str, Any]) -> None:
            client = app.test_client()
            client.set_cookie("lens", cookie.value)
            gate.wait()
            reply = client.post(
                f"{self.api}/trials/{index}",
                json=content,
                headers={"X-CSRFToken": self.boot["csrf"]},
            )
            codes.append((content, reply.status_code))

        threads = [threading.Thread(target=post, args=(content,)) for content in bodies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return codes

    def finish(self) -> TestResponse:
        return self.send("/finish", {"n_trials": self.session()["total"]})

    def _keep(self, reply: TestResponse) -> TestResponse:
        self.seen.append(reply)
        return reply


def key_of(server: Server, public_id: str) -> dict[int, int]:
    """The right choice of each trial of a session, which no browser ever sees."""
    with server.database.read() as db:
        rows = db.execute(
            select(Scheduled.index, Scheduled.body)
            .join(TaskSession, TaskSession.id == Scheduled.session_id)
            .where(TaskSession.public_id == public_id)
        )
        return {index: int(body["correct_response"]) for index, body in rows}


def knows(server: Server, person: Person) -> Callable[[dict[str, Any]], int]:
    """Somebody who answers everything right, for ``Person.answer_all``."""

    def choose(trial: dict[str, Any]) -> int:
        return key_of(server, person.boot["session"])[trial["index"]]

    return choose
