"""Every kind of page that links lead to: fits three widths, bars nobody, can be walked by keys."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.explorers import careful_page, kinds_of_pages

pytestmark = pytest.mark.browser

ALWAYS = ("whole/", "whole/class/N", "whole/class/N/concepts/image/N", "whole/example", "shared/")
"""Kinds of pages that the walk must find, whatever else there is."""
MOST_STOPS = 400
SAME = ("classes", "method", "example", "bias", "against", "like", "compare", "random")
"""Pages that a shared dictionary shows by the same templates as any other."""
ALL_RULES = {"resultTypes": ["violations"], "preload": False}
OF_LAYOUT = ["scrollable-region-focusable", "target-size", "aria-hidden-focus"]
CHECKS = (
    (390, "light", ALL_RULES),
    (1024, "light", {**ALL_RULES, "runOnly": OF_LAYOUT}),
    (1440, "dark", {**ALL_RULES, "runOnly": ["color-contrast"]}),
)
"""What depends on width is asked at each, what depends on colours in both schemes."""
LOOK_FOR_FAULTS = """async (options) => {
  const found = await axe.run(options);
  return {
    n_passed: found.passes.length,
    bad: found.violations.filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id} ${nodes[0].html.slice(0, 120)}`),
  };
}"""
TOO_WIDE = "document.documentElement.scrollWidth - innerWidth"


@pytest.fixture(scope="session")
def pages(explorer: str) -> dict[str, str]:
    """An address of each kind of page, of the atlas that has everything and of the shared one."""
    found = {"list": explorer}
    for slug in ("whole", "shared"):
        start = f"{explorer}atlas/{slug}/"
        found |= {k.removeprefix("/atlas/"): a for k, a in kinds_of_pages(start).items()}
    return {k: a for k, a in found.items() if k not in {f"shared/{name}" for name in SAME}}


def test_the_walk_finds_every_kind(pages: dict[str, str]) -> None:
    for kind in (*ALWAYS, "whole/classes", "whole/method", "whole/bias", "whole/class/N/units"):
        assert kind in pages
    for name in SAME[:-1]:
        assert f"whole/{name}" in pages
    for kind in ("class/N", "concept/concepts-N", "like/all/concepts-N", "compare/N/N"):
        assert f"shared/{kind}" in pages
    assert len(pages) >= 20


def test_pages_fit_and_nothing_bars_the_way(chromium: Any, pages: dict[str, str]) -> None:
    """Each kind of page at three widths, light and dark; loaded once, since styles do the rest."""
    from axe_playwright_python.base import AXE_SCRIPT

    bad = []
    with careful_page(chromium) as page:
        for kind, address in pages.items():
            page.goto(address)
            page.evaluate(AXE_SCRIPT)
            for width, scheme, rules in CHECKS:
                page.set_viewport_size({"width": width, "height": 900})
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                wide = page.evaluate(TOO_WIDE)
                where = f"{kind} at {width}, {scheme}"
                bad += [f"{where}: {wide} px too wide"] * (wide > 0)
                found = page.evaluate(LOOK_FOR_FAULTS, rules)
                assert found["n_passed"] > 0, where
                bad += [f"{where}: {one}" for one in found["bad"]]
    assert bad == []


def test_a_missing_page_is_a_page_too(chromium: Any, explorer: str) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{explorer}atlas/whole/class/99")
    assert page.get_by_role("link", name="All classes").is_visible()
    context.close()


WATCH = """() => {
  window.lensStops = [];
  document.addEventListener("focusin", ({ target }) => {
    const style = getComputedStyle(target);
    const ring = style.outlineStyle !== "none" || target.closest("svg") !== null;
    const box = target.getBoundingClientRect();
    lensStops.push({ shown: ring && target.matches(":focus-visible"),
      size: box.width * box.height, what: target.outerHTML.slice(0, 90),
      skip: target.matches(".skip") });
  });
  const can = [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex]")]
    .filter((e) => e.tabIndex >= 0 && !e.disabled && e.checkVisibility() && !e.closest("[hidden]"));
  window.lensLast = can.at(-1);
  return can.length;
}"""
AT_LAST = "document.activeElement === lensLast"


def test_the_tab_key_alone_goes_through(chromium: Any, pages: dict[str, str]) -> None:
    """Every kind of page from its first link to its last, with a focus that one sees."""
    bad = []
    with careful_page(chromium, viewport={"width": 1024, "height": 900}) as page:
        for kind, address in pages.items():
            page.goto(address)
            expected = page.evaluate(WATCH)
            for _ in range(expected):
                page.keyboard.press("Tab")
            for _ in range(MOST_STOPS):
                if page.evaluate(AT_LAST):
                    break
                page.keyboard.press("Tab")
            else:
                bad.append(f"{kind}: the end is not reached")
            stops = page.evaluate("lensStops")
            assert len(stops) >= min(expected, 5), kind
            if not stops[0]["skip"]:
                bad.append(f"{kind}: the first stop does not lead past the top bar")
            bad += [
                f"{kind}: nobody sees the focus on {stop['what']}"
                for stop in stops
                if not stop["shown"] or stop["size"] == 0
            ]
    assert bad == []


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
