"""Every kind of page that links lead to: fits three widths, bars nobody, can be walked by keys."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.explorers import SCHEMES, WIDTHS, careful_page, kinds_of_pages

pytestmark = pytest.mark.browser

WALKED = ("whole/", "whole/class/N", "whole/class/N/concepts/image/N", "whole/example", "shared/")
"""Pages that are walked through with the tab key alone, in full."""
MOST_STOPS = 220


@pytest.fixture(scope="session")
def pages(explorer: str) -> dict[str, str]:
    """An address of each kind of page, of the atlas that has everything and of the shared one."""
    found: dict[str, str] = {}
    for slug in ("whole", "shared"):
        start = f"{explorer}atlas/{slug}/"
        found |= {k.removeprefix("/atlas/"): a for k, a in kinds_of_pages(start).items()}
    return found


def test_the_walk_finds_every_kind(pages: dict[str, str]) -> None:
    for kind in (*WALKED, "whole/classes", "whole/method", "whole/bias", "whole/class/N/units"):
        assert kind in pages
    assert "shared/concept/concepts-N" in pages
    assert len(pages) >= 20


@pytest.mark.parametrize("scheme", SCHEMES)
def test_pages_fit_and_nothing_bars_the_way(
    chromium: Any, explorer: str, pages: dict[str, str], scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    # Whatever has nothing to do with colours is the same in the dark, and so is another basis.
    options = {} if scheme == "light" else {"runOnly": ["color-contrast"]}
    walked = {"list": explorer, **pages}
    if scheme == "dark":
        again = ("units", "shared/compare", "shared/against", "shared/like", "shared/class")
        walked = {k: a for k, a in walked.items() if not any(part in k for part in again)}
    bad = []
    with careful_page(chromium, color_scheme=scheme) as page:
        for kind, address in walked.items():
            page.goto(address)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 900})
                wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                bad += [f"{kind}: {wide} px too wide at {width}"] * (wide > 0)
            result = Axe().run(page, options=options).response
            assert result["passes"]
            bad += [
                f"{kind}: {found['id']} {found['nodes'][0]['html'][:120]}"
                for found in result["violations"]
                if found["impact"] in ("serious", "critical")
            ]
    assert bad == []


def test_a_missing_page_is_a_page_too(chromium: Any, explorer: str) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{explorer}atlas/whole/class/99")
    assert page.get_by_role("link", name="All classes").is_visible()
    context.close()


LOOK = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const style = getComputedStyle(at);
  const ring = style.outlineStyle !== 'none' || at.closest('svg') !== null;
  const box = at.getBoundingClientRect();
  return { shown: ring && at.matches(':focus-visible'), size: box.width * box.height,
           what: at.outerHTML.slice(0, 90), last: at === window.lensLast,
           skip: at.matches(".skip") };
}"""
LAST = """() => {
  const can = [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex]')];
  window.lensLast = can.filter((e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility()
    && !e.closest('[hidden]')).at(-1);
}"""


@pytest.mark.parametrize("kind", WALKED)
def test_the_tab_key_alone_goes_through(chromium: Any, pages: dict[str, str], kind: str) -> None:
    with careful_page(chromium, viewport={"width": 1024, "height": 900}) as page:
        page.goto(pages[kind])
        page.evaluate(LAST)
        for stop in range(MOST_STOPS):
            page.keyboard.press("Tab")
            at = page.evaluate(LOOK)
            assert at is not None, f"the focus is lost after {stop} stops"
            assert at["skip"] or stop > 0, "the first stop leads past the top bar"
            assert at["shown"], f"nobody sees the focus on {at['what']}"
            assert at["size"] > 0, at["what"]
            if at["last"]:
                return
        pytest.fail(f"the end is not reached in {MOST_STOPS} stops")


def test_what_people_made_of_it_stands_on_the_cards(chromium: Any, pages: dict[str, str]) -> None:
    with careful_page(chromium) as page:
        page.goto(pages["whole/class/N"])
        card = page.locator("a.card", has_text="Six legs")
        assert "81\u00a0% right" in card.inner_text()
        if card.get_attribute("aria-expanded") != "true":
            card.press("Enter")
        panel = page.locator(".panel:visible")
        assert "call it six legs" in panel.inner_text()
        assert page.get_by_role("link", name="Make a study").count() == 0, "there is no console"
