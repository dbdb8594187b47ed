"""Every kind of page that links lead to: fits three widths, bars nobody, can be walked by keys."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.access import ALL_RULES, SOME, Findings, too_wide, walk_by_tab
from tests.browser.explorers import SCHEMES, WIDTHS, careful_page, kinds_of_pages
from tests.browser.interactions import INTERACTIONS, SHARED, Interaction

pytestmark = pytest.mark.browser

ALWAYS = ("whole/", "whole/class/N", "whole/class/N/concepts/image/N", "whole/example", "shared/")
"""Kinds of pages that the walk must find, whatever else there is."""
SAME = ("classes", "method", "example", "bias", "against", "like", "compare", "random")
"""Pages that a shared dictionary shows by the same templates as any other."""
OF_LAYOUT = ["scrollable-region-focusable", "target-size", "aria-hidden-focus"]
CHECKS = (
    (390, "light", ALL_RULES),
    (1024, "light", {**ALL_RULES, "runOnly": OF_LAYOUT}),
    (1440, "dark", {**ALL_RULES, "runOnly": ["color-contrast"]}),
)
"""What depends on width is asked at each, what depends on colours in both schemes.

All rules of everything, in all states, asks `tests/browser/full_product.py`.
"""


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
    found = Findings()
    with careful_page(chromium) as page:
        for number, (kind, address) in enumerate(pages.items()):
            page.goto(address)
            # To and fro, so that each page is loaded at the width that the last one was left at.
            for width, scheme, rules in CHECKS[:: -1 if number % 2 else 1]:
                page.set_viewport_size({"width": width, "height": 900})
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                found.check(page, f"{kind} at {width}, {scheme}", rules, SOME)
    assert found.bad == []


def test_a_missing_page_is_a_page_too(chromium: Any, explorer: str) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{explorer}atlas/whole/class/99")
    assert page.get_by_role("link", name="All classes").is_visible()
    context.close()


def test_the_tab_key_alone_goes_through(chromium: Any, pages: dict[str, str]) -> None:
    """Every kind of page from its first link to its last, with a focus that one sees."""
    bad = []
    with careful_page(chromium, viewport={"width": 1024, "height": 900}) as page:
        for kind, address in pages.items():
            page.goto(address)
            bad += [f"{kind}: {fault}" for fault in walk_by_tab(page)]
    assert bad == []


BARRED = """<style>#dark:focus { outline: none } button { outline-offset: 2px }</style>
<a class="skip" href="#main">Skip</a><p><a href="#a">a</a> <a href="#b">b</a></p>
<main id="main"><button id="dark">dark</button><button tabindex="2">early</button>
<input onkeydown="event.preventDefault()"><a href="#c">c</a></main>"""


def test_a_page_that_bars_the_tab_key_is_noticed(chromium: Any) -> None:
    with careful_page(chromium) as page:
        page.set_content(BARRED)
        told = " ".join(walk_by_tab(page))
        found = Findings()
        found.check(page, "barred")
    assert 'out of turn comes <button tabindex="2">' in told
    assert "the first stop does not lead past" in told
    assert 'nobody sees the focus on <button id="dark"' in told
    assert "the Tab key does not leave <input" in told
    assert any("label" in line for line in found.bad)


ROUNDS = [(INTERACTIONS, "whole"), (SHARED, "shared")]
EACH = [(one, where) for interactions, where in ROUNDS for one in interactions if one.served]
LOOKS = [(width, scheme) for width in WIDTHS for scheme in SCHEMES]


@pytest.mark.parametrize("look", range(len(LOOKS)), ids=[f"{w}-{s}" for w, s in LOOKS])
def test_everything_can_be_done_by_keyboard(
    chromium: Any, explorer: str, pages: dict[str, str], look: int
) -> None:
    """Each interaction once, at one of the widths and in one of the schemes."""
    width, scheme = LOOKS[look]
    mine: list[tuple[Interaction, str]] = EACH[look :: len(LOOKS)]
    with careful_page(
        chromium,
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        permissions=["clipboard-read", "clipboard-write"],
    ) as page:
        for one, where in mine:
            page.goto(pages[f"{where}/{one.on}"])
            one.act(page)
            assert too_wide(page) <= 0, one.name


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
