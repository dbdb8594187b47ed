"""Every page of a participant: nothing serious found by axe, targets large enough, no overflow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.access import Findings
from tests.browser.visitor import CODE, Visitor

pytestmark = pytest.mark.browser

TARGET_PX = 44
SIZES = ((940, 600), (1440, 900))
"""Of windows: each page is looked at in both, one after the other."""


def check(visitor: Visitor, name: str, sizes: tuple[tuple[int, int], ...] = SIZES) -> None:
    """One page, as it is now and in windows of other sizes."""
    for width, height in sizes:
        visitor.page.set_viewport_size({"width": width, "height": height})
        check_as_it_is(visitor, f"{name} at {width} × {height}")


def check_as_it_is(visitor: Visitor, name: str) -> None:
    found = Findings()
    found.check(visitor.page, name)
    assert found.bad == []
    small: list[Any] = visitor.page.evaluate(
        """px => [...document.querySelectorAll("button, summary, label.check")]
          .map((each) => [each.textContent.trim(), each.getBoundingClientRect()])
          .filter(([, box]) => box.width > 0 && (box.height < px || box.width < px))
          .map(([text]) => text)""",
        TARGET_PX,
    )
    assert small == [], name


def test_every_page(new_visitor: Callable[..., Visitor]) -> None:
    visitor = new_visitor(reduced_motion="reduce", color_scheme="dark")
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
    for size in SIZES:
        check(visitor, "trial", (size,))
        low = page.evaluate("document.querySelector('.board').getBoundingClientRect().bottom")
        assert low <= size[1], "the answers are below the fold"
    visitor.go_to_the_end()
    page.wait_for_selector(CODE)
    check(visitor, "debrief")


def test_messages(visitor: Visitor) -> None:
    visitor.skip_to_the_task()
    visitor.come_to_a_trial()
    visitor.context.set_offline(True)
    visitor.answer()
    visitor.page.wait_for_selector("#saving[data-state=waiting]")
    check_as_it_is(visitor, "saving")
    visitor.page.set_viewport_size({"width": 800, "height": 500})
    visitor.page.wait_for_selector("#message:visible")
    check_as_it_is(visitor, "message")
    visitor.context.set_offline(False)
