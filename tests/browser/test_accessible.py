"""Every page of a participant: nothing serious found by axe, targets large enough, no overflow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.visitor import CODE, Visitor

pytestmark = pytest.mark.browser

TARGET_PX = 44


def check(visitor: Visitor, name: str) -> None:
    """One page, as it is now."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(visitor.page).response["violations"]
    serious = [
        (name, each["id"], [node["html"] for node in each["nodes"]])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert serious == []
    small: list[Any] = visitor.page.evaluate(
        """px => [...document.querySelectorAll("button, summary, label.check")]
          .map((each) => [each.textContent.trim(), each.getBoundingClientRect()])
          .filter(([, box]) => box.width > 0 && (box.height < px || box.width < px))
          .map(([text]) => text)""",
        TARGET_PX,
    )
    assert small == [], name
    wide: bool = visitor.page.evaluate(
        "() => document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
    assert not wide, f"{name} scrolls sideways"


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (940, 600)])
def test_every_page(new_visitor: Callable[..., Visitor], width: int, height: int) -> None:
    visitor = new_visitor(
        viewport={"width": width, "height": height}, reduced_motion="reduce", color_scheme="dark"
    )
    page = visitor.page
    visitor.arrive()
    check(visitor, "consent")
    page.click("text=Continue")
    page.wait_for_selector("[role=alert]:visible")
    check(visitor, "consent with errors")
    visitor.consent()
    page.wait_for_selector("[data-position]:not(:empty)")
    check(visitor, "instructions")
    visitor.read_instructions()
    page.wait_for_selector("text=Is the task clear?")
    check(visitor, "quiz")
    visitor.answer_quiz()
    page.wait_for_selector(".gate .primary")
    check(visitor, "gate")
    visitor.come_to_a_trial()
    check(visitor, "trial")
    tall = page.evaluate("() => document.querySelector('.board').getBoundingClientRect().bottom")
    assert tall <= height, "the answers are below the fold"
    visitor.go_to_the_end()
    page.wait_for_selector(CODE)
    check(visitor, "debrief")


def test_messages(visitor: Visitor) -> None:
    visitor.skip_to_the_task()
    visitor.come_to_a_trial()
    visitor.context.set_offline(True)
    visitor.answer()
    visitor.page.wait_for_selector("#saving[data-state=waiting]")
    check(visitor, "saving")
    visitor.page.set_viewport_size({"width": 800, "height": 500})
    visitor.page.wait_for_selector("#message:visible")
    check(visitor, "message")
    visitor.context.set_offline(False)
