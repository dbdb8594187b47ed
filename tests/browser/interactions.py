"""What one can do on the explorer's pages, each done by keyboard alone.

Focus is put where the Tab key comes to (another test walks there); from then on there are keys.
Each leaves its page in the state that it leads to, for whoever wants to look at that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Act = Callable[[Any], None]

LONG_ENOUGH = 5
"""Letters of a name in which a slip is forgiven for sure."""


class NotHere(Exception):
    """An atlas has nothing on which this could be done."""


@dataclass(frozen=True)
class Interaction:
    """One thing to do.

    Attributes
    ----------
    name : what it is called.
    on : the kind of page where it is done, as `tests.browser.explorers.kind_of` writes it, within
        the atlas.
    act : does it and waits until it is done.
    served, static : whether pages of a server have it, and those of a site of files.
    """

    name: str
    on: str
    act: Act
    served: bool = True
    static: bool = True


def _press(page: Any, selector: str, *keys: str) -> Any:
    """Keys on the first element that one sees."""
    found = page.locator(selector).locator("visible=true").first
    found.focus()
    for key in keys:
        page.keyboard.press(key)
    return found


def _search(page: Any) -> None:
    page.keyboard.press("/")
    page.keyboard.type("be")
    page.get_by_role("option").first.wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert page.locator("#search").get_attribute("aria-activedescendant")


def _search_and_go(page: Any) -> None:
    """For a class of one long word, two letters of it swapped."""
    listed = page.evaluate("fetch(document.body.dataset.index).then((found) => found.json())")
    words = {one["name"]: one["id"] for one in listed["classes"] if one["name"].isalpha()}
    name = max(words, key=len, default="")
    if len(name) < LONG_ENOUGH:
        raise NotHere("no class has a long name of one word")
    page.keyboard.press("/")
    page.keyboard.type(f"{name[:2]}{name[3]}{name[2]}{name[4:]}")
    page.get_by_role("option", name=name).wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/class/{words[name]}*")


def _search_without_an_answer(page: Any) -> None:
    page.keyboard.press("/")
    page.keyboard.type("xylophone")
    page.keyboard.press("Enter")
    page.wait_for_url("**/classes*q=xylophone*")
    page.locator(".empty, [data-list-status] a").first.wait_for()


def _skip(page: Any) -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def _open_a_card(page: Any) -> None:
    card = page.locator("a.card[data-concept]").nth(1)
    card.focus()
    page.keyboard.press("Enter")
    panel = page.locator(".panel:visible")
    assert panel.count() == 1
    assert panel.get_attribute("id") == card.get_attribute("data-concept")
    panel.locator("a, button").first.focus()
    page.keyboard.press("Escape")
    assert panel.count() == 0
    assert page.evaluate("document.activeElement.id") == card.get_attribute("id")
    page.keyboard.press("Enter")
    panel.wait_for()


def _show_where(page: Any) -> None:
    button = _press(page, ".panel .where-button", "Enter")
    page.locator(".panel:visible .crop canvas").first.wait_for()
    assert button.get_attribute("aria-pressed") == "true"


def _steer(page: Any) -> None:
    slider = page.locator(".panel:visible [data-dose]").first
    before = slider.get_attribute("aria-valuetext")
    _press(page, ".panel [data-dose]", *["ArrowRight"] * 5)
    assert slider.get_attribute("aria-valuetext") != before


def _take_apart(page: Any) -> None:
    if not page.locator(".finer").count():
        raise NotHere("no part is divided again")
    _press(page, ".finer > summary", "Enter")
    page.locator(".finer[open] .part").first.wait_for()


def _walk_through_dots(page: Any) -> None:
    _press(page, '#cluster circle[tabindex="0"]', "ArrowRight", "ArrowDown", "ArrowLeft")
    page.locator("[data-preview-where]:not([hidden])").wait_for()
    assert page.locator("#cluster circle.is-active").count() == 1


def _lay_out_and_look_closer(page: Any) -> None:
    button = _press(page, "button[aria-label^='Lay out by UMAP']", "Enter")
    assert button.get_attribute("aria-pressed") == "true"
    _press(page, "button[aria-label^='Look closer']", "Enter")
    page.wait_for_function("() => location.search.includes('view-images')")
    # A dot that has the focus is never out of sight.
    _press(page, '#cluster circle[tabindex="0"]', *["ArrowRight"] * 4, *["ArrowDown"] * 4)
    inside = page.evaluate(
        """() => {
          const [dot, frame] = [document.activeElement, document.querySelector("#cluster")]
            .map((each) => each.getBoundingClientRect());
          return dot.left >= frame.left - 12 && dot.right <= frame.right + 12
            && dot.top >= frame.top - 12 && dot.bottom <= frame.bottom + 12;
        }"""
    )
    assert inside, "the focus left what one sees of the figure"


def _order_a_table(page: Any) -> None:
    _press(page, "#h-numbers ~ .scroll th:nth-child(2) .sort", "Enter")
    assert page.locator('#h-numbers ~ .scroll th[aria-sort="descending"]').count() == 1


def _save_a_figure(page: Any) -> None:
    with page.expect_download():
        _press(page, '[data-figure="clusters"] .figure-save button', "Enter")


def _peek_at_a_class(page: Any) -> None:
    _press(page, ".bars th a")
    page.locator(".peek img").wait_for(state="visible")


def _light_a_part(page: Any) -> None:
    _press(page, "table.waterfall tbody th a")
    page.locator("[data-waterfall-where]:not([hidden])").wait_for()


def _type_two_classes(page: Any, first: str, second: str) -> None:
    _press(page, "#first", "Control+a")
    page.keyboard.type(first)
    page.keyboard.press("Tab")
    page.keyboard.type(second)
    page.keyboard.press("Enter")


def _choose_badly(page: Any) -> None:
    _type_two_classes(page, "bee", "bee")
    page.get_by_text("Both names mean Bee").wait_for()


def _choose_two(page: Any) -> None:
    _type_two_classes(page, "bee", "ant")
    page.locator(".versus").wait_for()


def _choose_dictionaries(page: Any) -> None:
    _press(page, "#second", "ArrowDown", "ArrowUp", "ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/against/*/*")


def _walk_on_a_map(page: Any) -> None:
    figure = page.locator("[data-atlas-map]").first
    before = figure.locator("[data-map-text] b").inner_text()
    _press(page, "[data-atlas-map] svg a[tabindex='0']", "ArrowRight", "ArrowDown", "ArrowLeft")
    page.wait_for_function(
        "before => document.querySelector('[data-map-text] b').innerText !== before", arg=before
    )


def _follow_a_map(page: Any) -> None:
    _press(page, "[data-atlas-map] svg a[tabindex='0']", "ArrowDown", "Enter")
    page.wait_for_url("**/concept/*")


def _copy(page: Any) -> None:
    _press(page, ".copy", "Enter")
    page.get_by_role("button", name="Copied").wait_for()


def _at_random(page: Any) -> None:
    _press(page, "a[data-random]", "Enter")
    page.wait_for_url("**/class/*")


def _find_alike(page: Any) -> None:
    _press(page, ".panel a.more[href*='like']", "Enter")
    page.locator(".near-one").first.wait_for()


INTERACTIONS: tuple[Interaction, ...] = (
    Interaction("search as one types", "", _search),
    Interaction("search with a slip", "class/N", _search_and_go),
    Interaction("search without an answer", "method", _search_without_an_answer),
    Interaction("skip to the content", "bias", _skip),
    Interaction("copy the citation", "", _copy),
    Interaction("a class by chance", "example", _at_random),
    Interaction("open a card and close it", "class/N", _open_a_card),
    Interaction("show where", "class/N", _show_where),
    Interaction("steer", "class/N", _steer),
    Interaction("take a part apart", "class/N", _take_apart),
    Interaction("walk through dots", "class/N", _walk_through_dots),
    Interaction("another layout, closer", "class/N", _lay_out_and_look_closer),
    Interaction("order a table", "class/N", _order_a_table),
    Interaction("save a figure", "class/N", _save_a_figure),
    Interaction("peek at a class", "class/N", _peek_at_a_class),
    Interaction("everything like it", "class/N", _find_alike),
    Interaction("light a part of the logit", "class/N/concepts/image/N", _light_a_part),
    Interaction("name one class twice", "compare", _choose_badly),
    Interaction("choose two classes", "compare", _choose_two),
    Interaction("choose two dictionaries", "against", _choose_dictionaries, static=False),
)
"""Of an atlas whose classes have dictionaries of their own."""
SHARED: tuple[Interaction, ...] = (
    Interaction("walk on a map", "", _walk_on_a_map),
    Interaction("follow a map", "", _follow_a_map),
)
"""What an atlas of one dictionary has besides."""
