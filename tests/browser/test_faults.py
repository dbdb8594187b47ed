"""Zero lost, zero doubled: what a participant answered is in the database exactly once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.live import LiveServer, each_trial_once
from tests.browser.visitor import READY, Visitor

pytestmark = pytest.mark.browser

WAITING = "#saving[data-state=waiting]"


def at_second_trial(visitor: Visitor) -> None:
    visitor.skip_to_the_task()
    visitor.come_to_a_trial()
    visitor.answer_and_go_on()
    visitor.come_to_a_trial()


def finish(visitor: Visitor) -> None:
    visitor.go_to_the_end()
    each_trial_once(visitor.server, visitor.person)
    assert visitor.person.state == "complete"


def test_offline_in_the_middle_of_a_trial(server: LiveServer, visitor: Visitor) -> None:
    at_second_trial(visitor)
    visitor.context.set_offline(True)
    visitor.answer()
    visitor.page.wait_for_selector(WAITING)
    assert "no connection" in visitor.page.locator(WAITING).inner_text()
    assert len(server.answers(visitor.person)) == 1
    visitor.context.set_offline(False)
    visitor.wait_for_saved(2)
    finish(visitor)


def test_errors_before_and_after_saving(server: LiveServer, visitor: Visitor) -> None:
    at_second_trial(visitor)
    # Two are refused, then one is saved but its acknowledgement is lost.
    server.faults.before, server.faults.after = 2, 1
    visitor.answer()
    visitor.page.wait_for_selector(WAITING)
    finish(visitor)
    assert server.faults.before == server.faults.after == 0


def test_a_slow_server_is_visible_and_waited_for(server: LiveServer, visitor: Visitor) -> None:
    at_second_trial(visitor)
    server.faults.delay_s = 1.2
    visitor.answer()
    visitor.page.wait_for_selector("#saving:text('Saving…')")
    assert visitor.page.locator(READY).count() == 0
    visitor.wait_for_saved(2)
    server.faults.delay_s = 0.0
    finish(visitor)


def test_reload_while_an_answer_is_on_its_way(server: LiveServer, visitor: Visitor) -> None:
    at_second_trial(visitor)
    server.faults.before = 1000
    visitor.answer(confidence=1)
    visitor.page.wait_for_selector(WAITING)
    server.faults.before = 0
    visitor.page.reload()
    # The new page sends what the old one could not, and goes on after it.
    visitor.page.wait_for_selector("text=Welcome back")
    answers = server.answers(visitor.person)
    assert [answer.confidence for answer in answers] == [3, 1]
    finish(visitor)


def test_reload_before_an_answer(server: LiveServer, visitor: Visitor) -> None:
    at_second_trial(visitor)
    visitor.page.reload()
    visitor.page.wait_for_selector("text=Welcome back")
    finish(visitor)


def test_back_button(visitor: Visitor) -> None:
    visitor.come_to_the_task()
    visitor.come_to_a_trial()
    visitor.answer_and_go_on()
    visitor.page.go_back()
    visitor.page.wait_for_selector("text=Welcome back")
    finish(visitor)
    visitor.page.go_back()
    visitor.page.wait_for_selector("#completion-code")
    each_trial_once(visitor.server, visitor.person)


def test_two_tabs(server: LiveServer, visitor: Visitor) -> None:
    at_second_trial(visitor)
    second = Visitor(server, visitor.context)
    second.arrive()
    second.come_to_a_trial()
    # The first tab is out of date: its answer does not count, and it says so.
    visitor.answer()
    visitor.page.wait_for_selector("text=This study is open in another tab")
    assert len(server.answers(visitor.person)) == 1
    finish(second)
    assert second.errors == []


def test_the_second_tab_sends_what_the_first_could_not(
    server: LiveServer, visitor: Visitor
) -> None:
    at_second_trial(visitor)
    server.faults.before = 1000
    visitor.answer(confidence=1)
    visitor.page.wait_for_selector(WAITING)
    server.faults.before = 0
    second = Visitor(server, visitor.context)
    second.arrive()
    second.page.wait_for_selector("text=Welcome back")
    second.wait_for_saved(2)
    assert server.answers(visitor.person)[1].confidence == 1
    finish(second)


def test_continuing_in_the_first_tab(server: LiveServer, visitor: Visitor) -> None:
    at_second_trial(visitor)
    second = Visitor(server, visitor.context)
    second.arrive()
    second.come_to_a_trial()
    visitor.page.bring_to_front()
    visitor.answer()
    visitor.page.get_by_role("button", name="Continue here").click()
    # The answer was kept; it counts now that this tab is the newest.
    visitor.page.wait_for_selector("text=Welcome back")
    finish(visitor)


def test_a_killed_server(server: LiveServer, visitor: Visitor) -> None:
    at_second_trial(visitor)
    server.stop()
    visitor.answer()
    visitor.page.wait_for_selector(WAITING)
    server.start()
    visitor.wait_for_saved(2)
    finish(visitor)


def test_a_full_disk(visitor: Visitor) -> None:
    visitor.context.add_init_script(
        "IDBObjectStore.prototype.put = () => { throw new DOMException('full'); };"
    )
    visitor.skip_to_the_task()
    finish(visitor)


def test_no_storage_at_all(visitor: Visitor) -> None:
    visitor.context.add_init_script("delete window.indexedDB; window.indexedDB = undefined;")
    visitor.skip_to_the_task()
    finish(visitor)
    machine = visitor.server.session_of(visitor.person).environment
    assert machine is not None
    assert machine["durable_store"] is False


def test_hammering_the_keys_answers_once(server: LiveServer, visitor: Visitor) -> None:
    at_second_trial(visitor)
    server.faults.delay_s = 0.3
    visitor.page.evaluate(
        """() => {
          for (const button of document.querySelectorAll(".answer")) button.click();
          for (const key of ["s", "l", "j"])
            document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
        }"""
    )
    visitor.wait_for_saved(2)
    server.faults.delay_s = 0.0
    assert len(server.answers(visitor.person)) == 2
    finish(visitor)


def test_pictures_that_fail_are_fetched_again(server: LiveServer, visitor: Visitor) -> None:
    server.faults.where, server.faults.before = "/bundles/", 5
    visitor.skip_to_the_task()
    finish(visitor)
    kinds = [event.kind for event in server.events(visitor.person)]
    assert kinds.count("picture_failed") == 5


def test_events_are_handed_over_on_leaving(server: LiveServer, visitor: Visitor) -> None:
    at_second_trial(visitor)
    visitor.page.evaluate(
        """() => {
          for (const name of ["blur", "focus"]) window.dispatchEvent(new Event(name));
          document.dispatchEvent(new Event("visibilitychange"));
          document.dispatchEvent(new Event("fullscreenchange"));
        }"""
    )
    visitor.page.set_viewport_size({"width": 1100, "height": 750})
    visitor.page.wait_for_timeout(400)
    visitor.page.goto("about:blank")
    for _ in range(600):
        if server.events(visitor.person):
            break
        visitor.page.wait_for_timeout(50)
    events = {event.kind: event.detail for event in server.events(visitor.person)}
    assert {"opened", "blur", "focus", "visible", "fullscreen_exit", "resize"} <= set(events)
    assert events["resize"]["viewport_px"] == [1100, 750]


def test_each_person_has_their_own_answers(
    server: LiveServer, new_visitor: Callable[..., Visitor]
) -> None:
    first, second = new_visitor(), new_visitor()
    at_second_trial(first)
    at_second_trial(second)
    first.page.bring_to_front()
    people = server.people()
    assert [len(server.answers(person)) for person in people] == [1, 1]
