"""Shared dictionaries in a real browser: maps of all concepts and classes, and a concept's page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.serving import make_server

from tests.support.shared_atlases import make_shared_atlas
from webapp.explorer import create_explorer_app

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    atlas = make_shared_atlas(tmp_path_factory.mktemp("atlas") / "shared")
    server = make_server("127.0.0.1", 0, create_explorer_app([atlas.root]), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/atlas/shared/"
    server.shutdown()


@pytest.fixture(params=[(390, "dark"), (1440, "light")], ids=["phone", "desk"])
def page(chromium: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A page that fails its test if a script fails or the content policy refuses something."""
    width, scheme = request.param
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: line.type == "error" and complaints.append(line.text))
    yield page
    context.close()
    assert complaints == []


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


@pytest.mark.parametrize("path", ["", "class/0", "concept/concepts-1"])
def test_nothing_serious_and_no_sideways_scrolling(page: Any, address: str, path: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page.goto(address + path)
    found = Axe().run(page).response["violations"]
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
    assert not page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
