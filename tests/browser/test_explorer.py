"""The explorer in a real browser: pointer, keyboard, address, downloads, access, three widths."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from lens_core.atlas import Atlas
from webapp.explorer import create_explorer_app
from webapp.explorer.render import STATIC
from webapp.explorer.site import write_site

pytestmark = pytest.mark.browser

WIDTHS = (390, 1024, 1440)


@pytest.fixture(scope="module")
def address(synthetic_atlas: Atlas) -> Iterator[str]:
    if not (STATIC / "dist/explorer.js").is_file():
        pytest.fail("webapp/static/dist/explorer.js is missing: pip install -e . bundles it")
    server = make_server("127.0.0.1", 0, create_explorer_app([synthetic_atlas.root]), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/atlas/synthetic/"
    server.shutdown()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A page that fails its test if a script fails or the content policy refuses something."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: line.type == "error" and complaints.append(line.text))
    yield page
    context.close()
    assert complaints == []


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


def test_where_maps_lie_over_all_crops(page: Any, address: str) -> None:
    page.goto(address + "class/0")
    button = page.get_by_role("button", name="Show where").first
    button.click()
    crops = page.locator(".panel:visible .crop")
    assert page.locator(".panel:visible .crop canvas").count() == crops.count() > 0
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    assert page.locator(".panel:visible .crop canvas").count() == 0


@pytest.mark.parametrize(("kind", "magic"), [("SVG", b"<svg"), ("PNG", b"\x89PNG")])
def test_figures_are_saved(page: Any, address: str, kind: str, magic: bytes) -> None:
    page.goto(address + "class/0")
    for figure in ("clusters", "proximity"):
        with page.expect_download() as download:
            page.locator(f'[data-figure="{figure}"] button', has_text=kind).click()
        content = Path(download.value.path()).read_bytes()
        assert content.startswith(magic)
        assert len(content) > 1000
        assert b"var(--" not in content


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_and_nothing_bars_the_way(chromium: Any, address: str, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    context = chromium.new_context(color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    for path in ("", "classes", "class/0", "method", "bias", "class/0/units/image/2", "class/99"):
        page.goto(address + path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{path} is {wide} px too wide at {width}"
        result = Axe().run(page).response
        assert len(result["passes"]) > 10
        bad = [v["id"] for v in result["violations"] if v["impact"] in ("serious", "critical")]
        assert bad == [], f"{path} in {scheme}"
    context.close()


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


@contextmanager
def plain_host(folder: Path) -> Iterator[str]:
    """A web host that carries files and computes nothing."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Host(http.server.ThreadingHTTPServer):
        request_queue_size = 64  # a page asks for many pictures at once

    server = Host(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


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
