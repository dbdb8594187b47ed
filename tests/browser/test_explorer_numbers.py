"""The explorer's numbers in a real browser: the slider of a concept, by keyboard and as files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lens_core.atlas import Atlas
from tests.browser.explorers import careful_page
from webapp.explorer.site import write_site

pytestmark = pytest.mark.browser


@pytest.fixture
def address(explorer: str) -> str:
    return f"{explorer}atlas/synthetic/"


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    with careful_page(chromium) as page:
        yield page


def test_the_slider_reads_the_curve_out(page: Any, address: str) -> None:
    page.goto(f"{address}class/0#concepts-2")
    panel = page.locator(".panel.is-open")
    slider = panel.get_by_role("slider", name="Dose of Concept 2")
    slider.focus()
    for _ in range(7):
        page.keyboard.press("ArrowRight")
    # Its logit is 8 − α; between the recorded doses 1 and 2 the share of changed decisions rises.
    assert panel.locator('[data-out="logit"]').inner_text() == "6.25"
    assert panel.locator('[data-out="changed"]').inner_text() == "56\u00a0%"
    assert panel.locator('[data-out="state"]').inner_text() == ""
    page.keyboard.press("ArrowRight")
    assert panel.locator('[data-out="dose"]').inner_text() == "2"
    assert panel.locator('[data-out="state"]').inner_text() == "Most decisions have changed."
    assert "logit 6.00" in slider.get_attribute("aria-valuetext")
    at = panel.locator(".dose-now").get_attribute("x1")
    assert panel.locator(".dose-mark.changes").get_attribute("d").startswith(f"M{at} ")
    page.keyboard.press("End")
    assert panel.locator('[data-out="logit"]').inner_text() == "2.00"
    assert "no longer like real ones" in panel.locator('[data-out="state"]').inner_text()
    page.keyboard.press("Home")
    assert panel.locator('[data-out="dose"]').inner_text() == "\u22122"


def test_the_curve_is_saved(page: Any, address: str) -> None:
    page.goto(f"{address}class/0#concepts-1")
    with page.expect_download() as download:
        page.locator(".panel.is-open .steering").get_by_text("SVG").click()
    content = Path(download.value.path()).read_text()
    assert content.startswith("<svg")
    assert "more works the other way" in content


def test_a_dot_leads_to_the_page_of_its_image(page: Any, address: str) -> None:
    page.goto(f"{address}class/0")
    page.locator("#cluster .points circle").nth(7).hover(force=True)
    number = page.locator("[data-preview-text] b").inner_text().removeprefix("Image ")
    page.get_by_role("link", name="What the model saw in it").click()
    page.wait_for_url(f"**/class/0/concepts/image/{number}")
    page.locator("[data-image-maps] canvas:not([hidden])").first.wait_for()
    assert page.locator("[data-image-maps] canvas[hidden]").count() == 0
    page.get_by_role("link", name="next image").click()
    page.wait_for_url(f"**/class/0/concepts/image/{int(number) + 1}")


def test_the_slider_works_from_a_folder(page: Any, synthetic_atlas: Atlas, tmp_path: Path) -> None:
    write_site(synthetic_atlas, tmp_path / "site")
    page.goto((tmp_path / "site" / "class" / "0.html").as_uri() + "#concepts-1")
    page.locator(".panel.is-open [data-dose]").press("End")
    # 8 + α up to its bend at dose 3, and back by as much beyond.
    assert page.locator('.panel.is-open [data-out="logit"]').inner_text() == "8.00"
