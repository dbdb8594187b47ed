"""Who closes or reloads the task meets the study's own rule, at this browser and at another."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from experiments.study import Study, config_toml, freeze_study
from tests.browser.live import LiveServer, each_trial_once
from tests.browser.visitor import GATE, Visitor

pytestmark = pytest.mark.browser


@pytest.fixture
def server(
    request: pytest.FixtureRequest, small_study: Study, tmp_path: Path
) -> Iterator[LiveServer]:
    """A server whose study has the rule that the test names."""
    folder = tmp_path / "study"
    shutil.copytree(small_study.root, folder)
    (folder / "frozen.json").unlink()
    session = small_study.config.session.model_copy(update={"resume": request.param})
    config = small_study.config.model_copy(update={"session": session})
    (folder / "study.toml").write_bytes(config_toml(config))
    freeze_study(folder)
    running = LiveServer(tmp_path / "server", Study.open(folder, require_frozen=True))
    yield running
    running.stop()


def into_the_first_block(visitor: Visitor) -> None:
    """Through practice, and one trial that counts."""
    visitor.skip_to_the_task()
    for _ in range(2):
        visitor.come_to_a_trial()
        visitor.answer_and_go_on()
    visitor.come_to_a_trial()


@pytest.mark.parametrize("server", ["checkpoint"], indirect=True)
def test_the_block_begins_anew(server: LiveServer, visitor: Visitor) -> None:
    into_the_first_block(visitor)
    trials = server.scheduled(visitor.person)
    visitor.page.reload()
    visitor.page.wait_for_selector("text=Welcome back")
    assert "the part you were in begins again" in visitor.page.locator(".gate").inner_text()
    again = server.scheduled(visitor.person)
    assert [(t.index, t.attempt) for t in again[:3]] == [(0, 1), (1, 1), (len(trials), 2)]
    assert again[2].body["trial"] == trials[1].body["trial"]
    visitor.go_to_the_end()
    each_trial_once(server, visitor.person)
    assert len(server.answers(visitor.person)) == len(trials) + 1
    assert visitor.person.state == "complete"


@pytest.mark.parametrize("server", ["refuse"], indirect=True)
def test_whoever_leaves_is_asked_and_not_taken_back(server: LiveServer, visitor: Visitor) -> None:
    visitor.come_to_the_task()
    assert "your visit ends" in visitor.page.locator(".gate").inner_text()
    visitor.come_to_a_trial()
    visitor.answer_and_go_on()
    visitor.come_to_a_trial()
    # An answer that is not taken is sent again from the same page: another would end the visit.
    refused = {"status": 422, "json": {"error": "bad_response"}}
    visitor.page.route("**/trials/*", lambda route: route.fulfill(**refused), times=1)
    visitor.answer()
    message = visitor.page.locator("#message")
    message.locator("text=The last answer was not taken").wait_for()
    assert "do not reload" in message.inner_text()
    visitor.page.keyboard.press("Enter")
    visitor.wait_for_saved(2)
    visitor.page.wait_for_selector("text=Welcome back")
    assert len(server.answers(visitor.person)) == 2, "it was kept, and sent again"
    asked: list[str] = []
    visitor.page.on("dialog", lambda dialog: asked.append(dialog.type))
    visitor.page.reload()
    visitor.page.wait_for_selector("text=The visit was interrupted")
    assert asked == ["beforeunload"], "a slip of the finger is asked about"
    assert visitor.person.state == "timed_out"
    assert len(server.answers(visitor.person)) == 2, "what was answered stays"


@pytest.mark.parametrize("server", ["resume"], indirect=True)
def test_at_another_browser(server: LiveServer, new_visitor: Callable[..., Visitor]) -> None:
    """A recruiter's identifier is no password: it does not open somebody's visit elsewhere."""
    here, elsewhere = new_visitor(), new_visitor()
    here.page.goto(f"{server.link}?id=s014")
    into_the_first_block(here)
    elsewhere.page.goto(f"{server.link}?id=s014")
    elsewhere.page.wait_for_selector("text=You have been here before")
    assert "Please go on there" in elsewhere.page.locator("main").inner_text()
    here.page.bring_to_front()
    here.page.goto(f"{server.link}?id=s014")
    here.page.wait_for_selector("text=Welcome back")
    assert here.page.locator(GATE).count() == 1
    assert len(server.people()) == 1
    here.go_to_the_end()
    each_trial_once(server, here.person)
