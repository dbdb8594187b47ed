"""The console in a real browser: nothing serious found by axe, tables reached by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.live import STUDY, LiveServer
from tests.browser.visitor import Visitor
from webapp.services import accounts

pytestmark = pytest.mark.browser

PASSWORD = "correct-horse-owner"
PAGES = ("", "/settings", "/flow", "/reconciliation", "/people")


@pytest.fixture
def researcher(server: LiveServer, new_visitor: Callable[..., Visitor]) -> Any:
    """A page of an owner who is logged in, after somebody has begun the study."""
    new_visitor().skip_to_the_task()
    with server.database.write() as db:
        accounts.add(db, "ona", "owner", PASSWORD, actor="test")
    visitor = new_visitor(
        reduced_motion="reduce", color_scheme="dark", viewport={"width": 760, "height": 900}
    )
    page = visitor.page
    page.goto(f"http://127.0.0.1:{server.port}/console/login")
    page.fill("[name=name]", "ona")
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    page.wait_for_selector("h1")
    return page


def nothing_serious(page: Any, name: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response
    assert len(found["passes"]) > 5
    serious = [
        (name, each["id"], [node["html"] for node in each["nodes"]])
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]
    assert serious == []
    moving = page.evaluate(
        "document.getAnimations().filter((a) => a.playState === 'running').length"
    )
    assert moving == 0, f"{name} moves though the person asked for stillness"
    # What is wider than its frame scrolls there, and by keyboard.
    shut: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("main *")]
          .filter((each) => ["auto", "scroll"].includes(getComputedStyle(each).overflowX))
          .filter((each) => each.scrollWidth > each.clientWidth + 1 && each.tabIndex < 0)
          .map((each) => each.outerHTML.slice(0, 80))"""
    )
    assert shut == [], name


def test_pages_of_the_console(researcher: Any, server: LiveServer) -> None:
    home = f"http://127.0.0.1:{server.port}/console"
    nothing_serious(researcher, "home")
    for path in PAGES:
        researcher.goto(f"{home}/studies/{STUDY}{path}")
        nothing_serious(researcher, path or "study")
    researcher.locator("tbody th a").first.click()
    researcher.wait_for_selector(".strip")
    nothing_serious(researcher, "person")
    for path in ("/accounts", "/account"):
        researcher.goto(home + path)
        nothing_serious(researcher, path)


def test_numbers_change_while_people_answer(
    researcher: Any, server: LiveServer, new_visitor: Callable[..., Visitor]
) -> None:
    page = researcher
    page.goto(f"http://127.0.0.1:{server.port}/console/studies/{STUDY}")
    assert page.locator("#people ~ dl [data-count='states.active']").inner_text() == "1"
    second = new_visitor()
    second.skip_to_the_task()
    second.come_to_a_trial()
    second.answer_and_go_on()

    def fresh(count: str, number: int) -> None:
        # The page asks every few seconds, and when it comes to the front.
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for_function(
            "([count, text]) => [...document.querySelectorAll(`[data-count='${count}']`)]"
            ".every((each) => each.textContent === text)",
            arg=[count, str(number)],
        )

    fresh("trials", 1)
    fresh("states.active", 2)
    cells = page.locator("td[data-count^='cells.'][data-count$='.active']").all_inner_texts()
    assert sum(map(int, cells)) == 2
    server.stop()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_selector("[data-live-note]:has-text('not fresh')")
    server.start()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_selector("[data-live-note]:empty", state="attached")


def test_the_timing_of_a_machine_is_measured_and_kept(researcher: Any, server: LiveServer) -> None:
    page = researcher
    page.goto(f"http://127.0.0.1:{server.port}/console/timing")
    nothing_serious(page, "timing")
    page.fill("[name=device]", "Booth 3 <b>")
    page.click("text=Run the test")
    page.wait_for_selector("[data-status]:has-text('space bar')", timeout=60_000)
    for _ in range(8):
        page.keyboard.press(" ")
        page.wait_for_timeout(60)
    row = page.locator("tbody tr", has_text="Booth 3 <b>")
    row.wait_for(timeout=60_000)
    cells = row.locator("td").all_inner_texts()
    assert cells[0].startswith("Chrome")
    frame = float(cells[2])
    assert 3 < frame < 200
    onset = float(cells[4].split(" ")[0])
    assert abs(onset) <= frame, "a reveal is at most half a frame from its moment, or a dropped one"
    assert all("±" in cell for cell in (cells[4], cells[6], cells[7]))
