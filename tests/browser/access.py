"""What keeps a page open to everybody: axe, a width that fits, a Tab key that goes through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ALL_RULES: Mapping[str, Any] = {"resultTypes": ["violations"], "preload": False}
"""Every rule that axe asks unless told otherwise; what passed is counted and not described."""
SERIOUS = ("serious", "critical")
MOST_STOPS = 1200

_LOOK = """async (options) => {
  const found = await axe.run(options);
  return {
    passed: found.passes.map(({ id }) => id),
    violations: found.violations.map(({ id, impact, nodes }) =>
      [id, impact, nodes.length, nodes[0].html.slice(0, 160)]),
  };
}"""
_STOPS = """() => {
  const can = "a[href], button, input, select, textarea, summary, [tabindex]";
  window.lensStops = [...document.querySelectorAll(can)].filter((e) =>
    e.tabIndex >= 0 && !e.disabled && e.checkVisibility({ visibilityProperty: true })
    && !e.closest("[hidden], [inert]"));
  const kind = (e) => [e, e.parentElement, e.parentElement?.parentElement]
    .map((x) => `${x?.tagName}.${x?.getAttribute("class")}`).join(" ");
  return {
    kinds: lensStops.map(kind),
    skip: lensStops[0]?.matches(".skip") ?? false,
    forced: lensStops.filter((e) => e.tabIndex > 0).map((e) => e.outerHTML.slice(0, 90)),
  };
}"""
_AT = """() => {
  const place = lensStops.indexOf(document.activeElement);
  return place < 0 ? document.activeElement.outerHTML.slice(0, 90) : place;
}"""
_UNSEEN = """() => {
  const bad = [];
  for (const stop of lensStops) {
    stop.focus({ preventScroll: true });
    const style = getComputedStyle(stop);
    const ring = style.outlineStyle !== "none" || stop.closest("svg") !== null;
    const box = stop.getBoundingClientRect();
    if (document.activeElement !== stop || !ring || !stop.matches(":focus-visible")
        || box.width * box.height === 0) bad.push(stop.outerHTML.slice(0, 90));
  }
  return bad;
}"""


@dataclass
class Findings:
    """What was asked of pages and what was wrong with them.

    Attributes
    ----------
    passed : how often each rule of axe held.
    bad : a line for everything serious.
    minor : how often each rule was broken in a way that axe calls moderate or minor.
    """

    n_checked: int = 0
    passed: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)
    minor: Counter[str] = field(default_factory=Counter)

    def check(self, page: Any, where: str, rules: Mapping[str, Any] = ALL_RULES) -> None:
        """A page as it is now: its width, and axe, which must have something to say of it."""
        wide = too_wide(page)
        if wide > 0:
            self.bad.append(f"{where}: {wide} px too wide")
        found = run_axe(page, rules)
        assert found["passed"], f"axe asked nothing of {where}"
        self.n_checked += 1
        self.passed.update(found["passed"])
        for rule, impact, n_nodes, html in found["violations"]:
            if impact in SERIOUS:
                self.bad.append(f"{where}: {rule} × {n_nodes} {html}")
            else:
                self.minor[rule] += 1


def too_wide(page: Any) -> int:
    """By how many px a page must be scrolled sideways."""
    wide: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return wide


def run_axe(page: Any, rules: Mapping[str, Any] = ALL_RULES) -> Any:
    """Rules that held, and violations as (rule, impact, number of elements, the first of them)."""
    from axe_playwright_python.base import AXE_SCRIPT

    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return page.evaluate(_LOOK, rules)


def walk_by_tab(page: Any, *, every: bool = False) -> list[str]:
    """From a page's first stop to its last by the Tab key; a line for everything that is wrong.

    The stops are asked for at once, each takes the focus and must show it. The key itself is
    pressed where one kind of stop follows another and once within each run of alike ones; or at
    `every` one.
    """
    stops = page.evaluate(_STOPS)
    kinds = stops["kinds"]
    faults = [f"{html} comes before its turn" for html in stops["forced"]]
    page.keyboard.press("Tab")
    if page.evaluate(_AT) != 0 or not stops["skip"]:
        faults.append("the first stop does not lead past the top bar")
    faults += [f"nobody sees the focus on {html}" for html in page.evaluate(_UNSEEN)]
    here = -1
    for place in range(len(kinds) - 1):
        changes = kinds[place] != kinds[place + 1]
        begins = place == 0 or kinds[place] != kinds[place - 1]
        if not (every or changes or begins):
            continue
        if here != place:
            page.evaluate("place => lensStops[place].focus({ preventScroll: true })", place)
        here = _next_stop(page)
        if here != place + 1:
            faults.append(f"after stop {place}, {kinds[place]}, comes {here}")
    return faults


def _next_stop(page: Any) -> int | str:
    """Where the Tab key leads; a frame that scrolls may take the focus for itself in between."""
    for _ in range(3):
        page.keyboard.press("Tab")
        here: int | str = page.evaluate(_AT)
        if isinstance(here, int):
            return here
    return here
