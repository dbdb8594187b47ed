"""From the link to the completion code, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.live import LiveServer, each_trial_once
from tests.browser.visitor import CODE, GATE, READY, Visitor

pytestmark = pytest.mark.browser


def test_by_mouse(server: LiveServer, visitor: Visitor) -> None:
    visitor.come_to_the_task()
    code = visitor.go_to_the_end()
    person = visitor.person
    assert person.state == "complete"
    assert code == person.completion_code
    each_trial_once(server, person)
    assert all(answer.correct == 1 and answer.confidence == 3 for answer in server.answers(person))


def test_by_keyboard_alone(server: LiveServer, visitor: Visitor) -> None:
    page = visitor.page
    visitor.arrive()
    for box in ("[name=age]", "[name=agree]"):
        visitor.tab_to(box)
        page.keyboard.press("Space")
    visitor.tab_to("button.primary")
    page.keyboard.press("Enter")
    for step in range(1, 4):
        page.wait_for_selector(f"[data-position]:text-is('{step} of 3')")
        visitor.tab_to("[data-next]" if step < 3 else "[data-done]")
        page.keyboard.press("Enter")
    page.wait_for_selector("text=Is the task clear?")
    for number, question in enumerate(server.study.config.quiz):
        visitor.tab_to(f"[name=q{number}]")
        page.keyboard.press("Space")
        for _ in range(question.answer):
            page.keyboard.press("ArrowDown")
    visitor.tab_to("button.primary")
    page.keyboard.press("Enter")
    # The gate's button has the focus; the first trial is answered by Tab, the others by key.
    page.wait_for_selector(GATE)
    page.keyboard.press("Enter")
    page.wait_for_selector(READY)
    choice = visitor.right_choice()
    visitor.tab_to(f".answer[data-option='{choice}'][data-confidence='2']")
    page.keyboard.press("Enter")
    visitor.wait_for_saved(1)
    visitor.go_to_the_end(keyboard=True)
    each_trial_once(server, visitor.person)
    answers = server.answers(visitor.person)
    assert [answer.confidence for answer in answers] == [2] + [3] * (len(answers) - 1)
    assert all(answer.correct == 1 for answer in answers)


def test_feedback_and_score_follow_the_answer(visitor: Visitor) -> None:
    visitor.context.add_init_script(
        """
        window.told = [];
        new MutationObserver(() => {
          const text = document.querySelector(".result")?.textContent;
          if (text && window.told.at(-1) !== text) window.told.push(text);
        }).observe(document, { subtree: true, childList: true });
        """
    )
    visitor.skip_to_the_task()
    visitor.come_to_a_trial()
    assert visitor.page.evaluate("window.told") == []
    visitor.answer_and_go_on()
    visitor.come_to_a_trial()
    visitor.answer_and_go_on(1 - visitor.right_choice())
    right, wrong = visitor.page.evaluate("window.told")
    assert right == "Right"
    assert wrong.startswith("Not right")
    visitor.page.wait_for_selector("text=Right: 0 of 1")


def test_wrong_practice_is_repeated(server: LiveServer, visitor: Visitor) -> None:
    visitor.skip_to_the_task()
    visitor.come_to_a_trial()
    visitor.answer(1 - visitor.right_choice())
    visitor.page.wait_for_selector("text=Practice, once more")
    visitor.go_to_the_end()
    person = visitor.person
    each_trial_once(server, person)
    practice = [trial for trial in server.scheduled(person) if trial.phase == "practice"]
    assert [trial.attempt for trial in practice] == [1, 2]


def test_practice_that_never_succeeds_ends_the_visit(visitor: Visitor) -> None:
    visitor.skip_to_the_task()
    for _ in range(visitor.server.study.config.practice.max_attempts):
        visitor.come_to_a_trial()
        visitor.answer_and_go_on(1 - visitor.right_choice())
    visitor.page.wait_for_selector("text=This is the end for you")
    assert visitor.person.state == "screened_out"


def test_failing_the_quiz_ends_the_visit(visitor: Visitor) -> None:
    visitor.arrive()
    visitor.consent()
    visitor.read_instructions()
    visitor.answer_quiz(right=False)
    visitor.page.wait_for_selector("[role=alert]")
    assert visitor.page.locator("text=This is your last try").count() == 1
    visitor.answer_quiz(right=False)
    visitor.page.wait_for_selector("text=This is the end for you")
    assert visitor.person.condition is None


def test_declining_and_leaving(new_visitor: Callable[..., Visitor]) -> None:
    unwilling = new_visitor()
    unwilling.arrive()
    unwilling.page.click("text=I do not want to take part")
    unwilling.page.wait_for_selector("text=You have left the study")
    leaving = new_visitor()
    leaving.skip_to_the_task()
    leaving.page.click("summary")
    leaving.page.click("text=Leave now")
    leaving.page.wait_for_selector("text=You have left the study")
    assert [person.state for person in leaving.server.people()] == ["returned", "returned"]


def test_the_code_is_copied(visitor: Visitor) -> None:
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.skip_to_the_task()
    code = visitor.go_to_the_end()
    visitor.page.click("text=Copy the code")
    visitor.page.wait_for_selector("text=Copied")
    assert visitor.page.evaluate("navigator.clipboard.readText()") == code
    # Whoever opens the link again sees the same page.
    visitor.arrive()
    assert visitor.page.locator(CODE).inner_text() == code


def test_pictures_appear_together(server: LiveServer, visitor: Visitor) -> None:
    server.faults.where, server.faults.delay_s = "/bundles/", 0.3
    visitor.context.add_init_script(
        """
        window.together = [];
        new MutationObserver((changes) => {
          for (const { target } of changes) {
            if (!target.classList.contains("two-afc") || target.matches(".waiting")) continue;
            const images = [...target.querySelectorAll("img")];
            window.together.push(images.filter((i) => i.complete && i.naturalWidth > 0).length);
          }
        }).observe(document, { subtree: true, attributes: true, attributeFilter: ["class"] });
        """
    )
    visitor.skip_to_the_task()
    for _ in range(2):
        visitor.come_to_a_trial()
        visitor.answer_and_go_on()
    visitor.come_to_a_trial()
    together = visitor.page.evaluate("window.together")
    assert len(together) >= 3
    assert set(together) == {20}


def test_the_clock_and_the_machine_are_stored(server: LiveServer, visitor: Visitor) -> None:
    visitor.skip_to_the_task()
    visitor.come_to_a_trial()
    visitor.page.wait_for_timeout(400)
    visitor.press()
    visitor.wait_for_saved(1)
    answer = server.answers(visitor.person)[0]
    assert answer.rt_ms is not None
    assert 400 <= answer.rt_ms < 5000
    assert answer.onset_error_ms is not None
    assert answer.dropped_frames is not None
    assert str(answer.presented_at) < str(answer.answered_at)
    machine = server.session_of(visitor.person).environment
    assert machine is not None
    assert machine["browser"].startswith("Chrome")
    assert machine["os"] == "Linux"
    assert machine["viewport_px"] == [1200, 800]
    assert machine["durable_store"] is True
    assert 5 < machine["frame_interval_ms"] < 40
    assert machine["refresh_hz"] == pytest.approx(1000 / machine["frame_interval_ms"], abs=0.1)
    assert machine["pixel_ratio"] == 1


def test_a_window_that_is_too_small_waits(visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 800, "height": 500})
    visitor.skip_to_the_task()
    visitor.page.wait_for_selector("#message:has-text('at least 940 by 600')")
    visitor.page.set_viewport_size({"width": 1000, "height": 700})
    visitor.page.locator("#message").wait_for(state="hidden")
    visitor.come_to_a_trial()


def test_a_phone_is_told_before_it_agrees(new_visitor: Callable[..., Visitor]) -> None:
    phone: dict[str, Any] = {
        "viewport": {"width": 390, "height": 844},
        "screen": {"width": 390, "height": 844},
        "has_touch": True,
        "is_mobile": True,
    }
    visitor = new_visitor(**phone)
    visitor.page.goto(f"{visitor.server.link}?id=s020")
    visitor.page.wait_for_selector(".unsuitable:visible")
    assert visitor.page.locator("[name=agree]:visible").count() == 0
    desk = new_visitor()
    desk.page.goto(f"{desk.server.link}?id=s020")
    assert desk.page.locator("[name=agree]:visible").count() == 1, "as the phone was told"
