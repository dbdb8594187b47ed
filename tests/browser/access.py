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

SOME = 3
"""Of many alike side by side, so many are asked about where not all are."""

_LOOK = """async ([options, some]) => {
  const shapes = new Map();
  const shape = (e) => {
    const inner = [...e.children].map(shape).join();
    const mine = `${e.tagName}.${e.getAttribute("class")}(${inner})`;
    shapes.set(e, mine);
    return mine;
  };
  document.querySelectorAll("[data-again]").forEach((e) => e.removeAttribute("data-again"));
  if (some) {
    shape(document.body);
    for (const parent of shapes.keys()) {
      const seen = new Map();
      for (const e of parent.children) {
        const n = (seen.get(shapes.get(e)) ?? 0) + 1;
        seen.set(shapes.get(e), n);
        if (n > some) e.setAttribute("data-again", "");
      }
    }
  }
  const left = document.querySelector("[data-again]") ? { exclude: [["[data-again]"]] } : document;
  const found = await axe.run(left, options);
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
  const region = (e) => e.closest("section, header, nav, form, main, body");
  const regions = [...new Set(lensStops.map(region))];
  return {
    what: lensStops.map((e) => e.outerHTML.slice(0, 90)),
    regions: lensStops.map((e) => regions.indexOf(region(e))),
    skip: lensStops[0]?.matches(".skip") ?? false,
    forced: lensStops.filter((e) => e.tabIndex > 0).map((e) => e.outerHTML.slice(0, 90)),
  };
}"""
_AT = """() => {
  const place = lensStops.indexOf(document.activeElement);
  return place < 0 ? document.activeElement.outerHTML.slice(0, 90) : place;
}"""
_EACH = """() => {
  const bad = [];
  for (const stop of lensStops) {
    const say = (fault) => bad.push(`${fault} ${stop.outerHTML.slice(0, 90)}`);
    stop.focus({ preventScroll: true });
    const style = getComputedStyle(stop);
    const ring = style.outlineStyle !== "none" || stop.closest("svg") !== null;
    const box = stop.getBoundingClientRect();
    if (!ring || !stop.matches(":focus-visible") || box.width * box.height === 0)
      say("nobody sees the focus on");
    const tab = { key: "Tab", code: "Tab", bubbles: true, cancelable: true };
    const goesOn = stop.dispatchEvent(new KeyboardEvent("keydown", tab));
    if (!goesOn || document.activeElement !== stop) say("the Tab key does not leave");
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

    def check(
        self, page: Any, where: str, rules: Mapping[str, Any] = ALL_RULES, some: int = 0
    ) -> None:
        """A page as it is now: its width, and axe, which must have something to say of it.

        Of elements alike side by side `some` are asked about, or all.
        """
        wide = too_wide(page)
        if wide > 0:
            self.bad.append(f"{where}: {wide} px too wide")
        found = run_axe(page, rules, some)
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


def run_axe(page: Any, rules: Mapping[str, Any] = ALL_RULES, some: int = 0) -> Any:
    """Rules that held, and violations as (rule, impact, number of elements, the first of them)."""
    from axe_playwright_python.base import AXE_SCRIPT

    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return page.evaluate(_LOOK, [rules, some])


def walk_by_tab(page: Any, *, every: bool = False) -> list[str]:
    """From a page's first stop to its last by the Tab key; a line for everything that is wrong.

    Each stop takes the focus, must show it, and must let the key go on. The key itself is pressed
    where one region of the page ends and another begins, and the browser has to go to the stop that
    is next in the page's order; or at `every` stop.
    """
    stops = page.evaluate(_STOPS)
    regions = stops["regions"]
    faults = [f"out of turn comes {html}" for html in stops["forced"]]
    page.keyboard.press("Tab")
    if page.evaluate(_AT) != 0 or not stops["skip"]:
        faults.append("the first stop does not lead past the top bar")
    faults += page.evaluate(_EACH)
    here: int | str = -1
    for place in range(len(regions) - 1):
        if not every and place and regions[place] == regions[place + 1]:
            continue
        if here != place:
            page.evaluate("place => lensStops[place].focus({ preventScroll: true })", place)
        here = _next_stop(page)
        if here != place + 1:
            faults.append(f"after {stops['what'][place]} comes {here}")
    return faults


def _next_stop(page: Any) -> int | str:
    """Where the Tab key leads; a frame that scrolls may take the focus for itself in between."""
    for _ in range(3):
        page.keyboard.press("Tab")
        here: int | str = page.evaluate(_AT)
        if isinstance(here, int):
            return here
    return here
