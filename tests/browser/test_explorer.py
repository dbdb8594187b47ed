"""The explorer in a real browser: pointer, keyboard, address, downloads, access, three widths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lens_core.atlas import Atlas
from tests.browser.explorers import careful_page, plain_host
from webapp.explorer.site import write_site

pytestmark = pytest.mark.browser


@pytest.fixture
def address(explorer: str) -> str:
    return f"{explorer}atlas/synthetic/"


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    with careful_page(chromium) as page:
        yield page


def test_search_as_one_types(page: Any, address: str) -> None:
    page.goto(address)
    page.keyboard.press("/")
    page.keyboard.type("beee")
    option = page.get_by_role("option", name="Bee")
    option.wait_for()
    assert page.get_by_role("combobox").get_attribute("aria-expanded") == "true"
    active = page.get_by_role("combobox").get_attribute("aria-activedescendant")
    assert active == option.get_attribute("id")
    page.keyboard.press("Escape")
    assert not option.is_visible()
    page.keyboard.press("ArrowDown")
    option.wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/class/1")


def test_a_card_opens_in_place_and_the_address_remembers(page: Any, address: str) -> None:
    page.goto(address + "class/0")
    panels = page.locator(".panel:visible")
    assert panels.count() == 1  # the most important one is open from the start
    second = page.locator("a.card").nth(1)
    concept = second.get_attribute("data-concept")
    second.click()
    assert panels.count() == 1
    assert panels.first.get_attribute("id") == concept
    assert second.get_attribute("aria-expanded") == "true"
    assert page.url.endswith(f"#{concept}")
    page.reload()
    assert panels.first.get_attribute("id") == concept
    page.locator(".panel:visible [data-close]").click()
    assert panels.count() == 0
    assert page.evaluate("document.activeElement.id") == f"card-{concept}"
    page.go_back()
    assert panels.first.get_attribute("id") == concept


def test_pointing_at_a_dot_shows_its_image_and_where(
    page: Any, address: str, synthetic_atlas: Atlas
) -> None:
    page.goto(address + "class/0")
    page.locator("#cluster .points circle").nth(7).hover(force=True)
    page.locator("[data-preview-where]:not([hidden])").wait_for()
    text = page.locator("[data-preview-text]").inner_text()
    number = int(text.split(":")[0].removeprefix("Image "))
    images = synthetic_atlas.load_class(0).images
    source = page.locator("[data-preview-image]").get_attribute("src")
    assert images["picture"].iloc[number] in source


def test_arrow_keys_walk_through_the_dots(page: Any, address: str) -> None:
    page.goto(address + "class/0")
    page.locator('#cluster circle[tabindex="0"]').focus()
    seen = set()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowRight"):
        page.keyboard.press(key)
        seen.add(page.locator("#cluster circle.is-active").get_attribute("aria-label"))
    assert len(seen) >= 2
    assert page.locator('#cluster circle[tabindex="0"]').count() == 1
    page.keyboard.press("Enter")
    label = page.locator(".panel:visible").get_attribute("aria-label")
    described = page.locator("#cluster circle.is-active").get_attribute("aria-label")
    assert label.split(" of ")[0] in described


def middle(dot: Any) -> float:
    """Where it is from left to right; the one that is looked at is drawn larger."""
    box = dot.bounding_box()
    return float(box["x"] + box["width"] / 2)


def test_what_a_page_shows_is_in_its_address(page: Any, address: str) -> None:
    """Layout, view, image, dose, order, concept: a link brings all of it back."""
    page.goto(address + "class/0")
    dot = page.locator("#cluster .points circle").nth(5)
    dot.scroll_into_view_if_needed()
    before = middle(dot)
    page.get_by_role("button", name="Lay out by UMAP").click()
    after = middle(dot)
    assert abs(after - before) > 2
    page.get_by_role("button", name="Look closer").click()
    page.wait_for_function("() => location.search.includes('view-images')")
    page.get_by_role("button", name="Look from further").click()
    page.wait_for_function("() => !location.search.includes('view-images')")
    dot.click(force=True)
    place = page.evaluate("new URLSearchParams(location.search).get('image')")
    page.locator("a.card").nth(1).click()
    slider = page.locator(".panel:visible [data-dose]")
    slider.focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Order by prevalence").click()
    pictured = page.locator("[data-preview-text] b").inner_text()
    assert pictured == f"Image {place}"
    rows = page.locator("#h-numbers ~ .scroll tbody th").all_inner_texts()

    page.goto(page.url)
    page.reload()
    assert (
        page.get_by_role("button", name="Lay out by UMAP").get_attribute("aria-pressed") == "true"
    )
    assert abs(middle(dot) - after) < 1
    assert page.locator("[data-preview-text] b").inner_text() == pictured
    assert page.locator(".panel:visible [data-dose]").input_value() == "1.5"
    assert page.locator("#h-numbers ~ .scroll tbody th").all_inner_texts() == rows
    assert page.locator('th[aria-sort="descending"]').inner_text().startswith("Prevalence")


def test_bars_and_waterfalls_are_saved_and_light_the_picture(page: Any, address: str) -> None:
    page.goto(address + "class/0/concepts/image/2")
    page.locator("table.waterfall tbody tr").first.hover()
    page.locator("[data-waterfall-where]:not([hidden])").wait_for()
    found = {}
    for kind in ("SVG", "PNG", "CSV"):
        with page.expect_download() as download:
            page.locator(".waterfall + .figure-save button", has_text=kind).click()
        found[kind] = Path(download.value.path()).read_bytes()
    assert found["PNG"].startswith(b"\x89PNG")
    assert found["SVG"].count(b"<rect") == 1 + page.locator("table.waterfall tr svg").count()
    lines = [line.split(",") for line in found["CSV"].decode().splitlines()]
    parts = [float(line[-1]) for line in lines[1:]]
    assert abs(sum(parts[:-1]) - parts[-1]) < 0.011 * len(parts), "parts total the logit"


def test_where_maps_lie_over_all_crops(page: Any, address: str) -> None:
    page.goto(address + "class/0")
    button = page.get_by_role("button", name="Show where").first
    button.click()
    crops = page.locator(".panel:visible .crop")
    assert page.locator(".panel:visible .crop canvas").count() == crops.count() > 0
    assert button.get_attribute("aria-pressed") == "true"
    page.reload()
    page.locator(".panel:visible .crop canvas").first.wait_for()
    assert button.get_attribute("aria-pressed") == "true", "the address remembers it"
    button.click()
    assert page.locator(".panel:visible .crop canvas").count() == 0


def test_a_class_named_in_a_table_shows_its_picture(page: Any, address: str) -> None:
    page.goto(address + "class/0")
    link = page.locator(".panel:visible .bars th a", has_text="Bee")
    for point in (link.hover, link.focus):
        point()
        peek = page.locator(".peek img")
        peek.wait_for(state="visible")
        assert "files/classes/00001/images/0000.webp" in peek.get_attribute("src")
        assert peek.evaluate("image => image.decode().then(() => image.naturalWidth)") == 96
        page.keyboard.press("Escape")
        peek.wait_for(state="hidden")
        page.mouse.move(0, 0)


def test_a_citation_is_copied(chromium: Any, address: str) -> None:
    with careful_page(chromium, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.goto(address)
        page.get_by_role("button", name="Copy").click()
        page.get_by_role("button", name="Copied").wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("Synthetic insects: concepts of synthetic, layer features.")


@pytest.mark.parametrize(("kind", "magic"), [("SVG", b"<svg"), ("PNG", b"\x89PNG")])
def test_figures_are_saved(page: Any, address: str, kind: str, magic: bytes) -> None:
    page.goto(address + "class/0")
    for figure in ("clusters", "proximity", "shares"):
        with page.expect_download() as download:
            page.locator(f'[data-figure="{figure}"] button', has_text=kind).click()
        content = Path(download.value.path()).read_bytes()
        assert content.startswith(magic)
        assert len(content) > 1000
        assert b"var(--" not in content


def test_pages_can_be_read_without_script(chromium: Any, address: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address + "class/0")
    assert page.locator(".panel:visible").count() == 1
    third = page.locator("a.card").nth(2)
    third.click()
    assert page.locator(".panel:visible").get_attribute("id") == third.get_attribute("data-concept")
    page.locator("#search").fill("cricket")
    page.locator("#search").press("Enter")
    page.locator("a.tile", has_text="Cricket").click()
    assert page.locator("h1").inner_text().startswith("Cricket")
    context.close()


def test_the_static_site_works_from_any_folder(
    page: Any, synthetic_atlas: Atlas, tmp_path: Path
) -> None:
    write_site(synthetic_atlas, tmp_path / "some where" / "deep")
    with plain_host(tmp_path) as host:
        page.goto(f"{host}/some%20where/deep/index.html")
        page.locator("#search").fill("crikcet")
        page.get_by_role("option", name="Cricket").click()
        page.wait_for_url("**/class/2.html")
        page.locator("#cluster .points circle").nth(3).hover(force=True)
        page.locator("[data-preview-where]:not([hidden])").wait_for()
        page.goto(f"{host}/some%20where/deep/classes.html?q=bees")
        page.locator("[data-list-status]", has_text="1 of 3").wait_for()
        assert page.locator("a.tile").count() == 1
        page.get_by_role("link", name="Random class").click()
        page.wait_for_url("**/class/*.html")
        page.wait_for_load_state("networkidle")
