"""Shared dictionaries in a real browser: maps of all concepts and classes, and a concept's page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.explorers import careful_page

pytestmark = pytest.mark.browser


@pytest.fixture
def address(explorer: str) -> str:
    return f"{explorer}atlas/shared/"


@pytest.fixture(params=[(390, "dark"), (1440, "light")], ids=["phone", "desk"])
def page(chromium: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    width, scheme = request.param
    size = {"width": width, "height": 900}
    with careful_page(chromium, viewport=size, color_scheme=scheme) as page:
        yield page


def test_a_map_answers_pointer_and_keys(page: Any, address: str) -> None:
    page.goto(address)
    concepts = page.locator("[data-atlas-map]").first
    concepts.scroll_into_view_if_needed()
    dots = concepts.locator("svg a")
    assert dots.count() == 5
    assert concepts.locator("svg a[tabindex='0']").count() == 1, "one stop for the tab key"
    for place in (2, 4):
        box = dots.nth(place).locator("circle").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        name = dots.nth(place).get_attribute("data-name")
        assert concepts.locator("[data-map-text] b").inner_text() == name
        source = concepts.locator("[data-map-image]").get_attribute("src")
        assert source == dots.nth(place).get_attribute("data-picture")
    concepts.locator("svg a[tabindex='0']").focus()
    start = page.evaluate("document.activeElement.dataset.name")
    for key in ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
    now = page.evaluate("document.activeElement.dataset.name")
    assert concepts.locator("[data-map-text] b").inner_text() == now
    assert start
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.locator("h1").inner_text() == now


def test_a_concept_page_outlines_the_concept(page: Any, address: str) -> None:
    page.goto(f"{address}concept/concepts-1")
    canvases = page.locator(".strong canvas")
    canvases.first.wait_for(state="visible")
    assert canvases.count() == 2
    drawn = canvases.first.evaluate(
        "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v > 0)"
    )
    assert drawn
