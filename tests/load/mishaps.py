"""What goes wrong in the middle of a participant's session, each as a person's browser meets it.

A mishap gets a person who stands at a trial, and returns when the session can go on. Presses that
the page openly refuses ("open in another tab") are taken back: nobody was told that they count.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from random import Random
from typing import Any

from playwright.sync_api import BrowserContext, Route

from tests.browser.live import LiveServer
from tests.browser.visitor import GATE, READY, Visitor
from tests.load.process_server import ProcessServer

WAITING = "#saving[data-state=waiting]"
DROPPED_SHARE = 0.1
DROPS = ("/api/", "/stimuli/")
"""Requests that the task page makes by itself; a page that does not load is loaded again by hand,
which is what ``reload`` is about."""


class Walker(Visitor):
    """A person who remembers every answer given. Confidence goes round, so that no answer looks
    like its neighbours and one that is lost, doubled or swapped is told from the others."""

    def __init__(self, server: LiveServer, context: BrowserContext, chance: Random) -> None:
        super().__init__(server, context)
        self.chance = chance
        self.given: list[tuple[int, int]] = []

    def answer(self, choice: int | None = None, confidence: int = 0) -> None:
        chosen = self.right_choice() if choice is None else choice
        confidence = 1 + len(self.given) % 3
        self.given.append((chosen, confidence))
        self.button(chosen, confidence).click()

    def another_tab(self) -> Walker:
        """The same person at a second tab; answers given there are this person's."""
        other = Walker(self.server, self.context, self.chance)
        other.given = self.given
        return other

    def comes_back(self) -> None:
        """Wait for the gate of a page loaded again: it welcomes back who has answered anything."""
        self.page.wait_for_selector("text=Welcome back" if self.given else GATE)


Mishap = Callable[[Any, Walker], Walker]


def offline(server: LiveServer, person: Walker) -> Walker:
    """The network goes in the middle of a trial and comes back after the answer."""
    person.context.set_offline(True)
    person.answer()
    person.page.wait_for_selector(WAITING)
    person.context.set_offline(False)
    return person


def errors(server: LiveServer, person: Walker) -> Walker:
    """Requests are answered with 500: some before anything was done, some after it was."""
    server.faults.where = "/api/"
    server.faults.before, server.faults.after = person.chance.randint(1, 2), 1
    return person


def dropped(server: LiveServer, person: Walker) -> Walker:
    """A tenth of the requests is lost, half of them on the way back."""

    def lose(route: Route) -> None:
        share = person.chance.random()
        if share < DROPPED_SHARE / 2:
            route.abort("connectionreset")
        elif share < DROPPED_SHARE:
            route.fetch()
            route.abort("connectionreset")
        else:
            route.continue_()

    person.page.route(lambda url: any(part in url for part in DROPS), lose)
    return person


def reload(server: LiveServer, person: Walker) -> Walker:
    """The page is loaded again, every other time while an answer is on its way."""
    if person.chance.random() < 0.5:
        server.faults.before = 1000
        person.answer()
        person.page.wait_for_selector(WAITING)
        server.faults.before = 0
    person.page.reload()
    person.comes_back()
    return person


def back(server: LiveServer, person: Walker) -> Walker:
    """The back button, in the middle of the task."""
    person.page.go_back()
    person.comes_back()
    return person


def two_tabs(server: LiveServer, person: Walker) -> Walker:
    """A second tab: it takes over, sends what the first could not, or the first takes it back."""
    way = person.chance.choice(("takes over", "sends the rest", "is given back"))
    if way == "sends the rest":
        server.faults.before = 1000
        person.answer()
        person.page.wait_for_selector(WAITING)
        server.faults.before = 0
    other = person.another_tab()
    other.arrive()
    other.comes_back()
    if way == "sends the rest":
        return other
    person.page.bring_to_front()
    person.answer()
    person.page.wait_for_selector("text=This study is open in another tab")
    if way == "takes over":
        person.given.pop()  # refused, and the page says so
        other.page.bring_to_front()
        return other
    person.page.get_by_role("button", name="Continue here").click()
    person.comes_back()
    return person


def killed(server: ProcessServer, person: Walker) -> Walker:
    """The server is killed while an answer is on its way, and started again."""
    person.answer()
    time.sleep(person.chance.uniform(0.0, 0.05))
    server.stop()
    server.start()
    return person


def database_locked(server: LiveServer, person: Walker) -> Walker:
    """Another process holds the database for longer than the server waits for it."""
    other = sqlite3.connect(server.config.directory / "lens.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        person.answer()
        person.page.wait_for_selector(WAITING)
    finally:
        other.execute("ROLLBACK")
        other.close()
    return person


def disk_full(server: ProcessServer, person: Walker) -> Walker:
    """The server cannot write another byte, and then it can again."""
    server.limit_files(1)
    person.answer()
    person.page.wait_for_selector(WAITING)
    server.limit_files(-1)
    return person


def no_room_in_browser(server: LiveServer, person: Walker) -> Walker:
    """The browser's own store refuses what is to be kept."""
    person.page.evaluate(
        "() => { IDBObjectStore.prototype.put = () => { throw new DOMException('full'); }; }"
    )
    return person


MISHAPS: dict[str, Mishap] = {
    each.__name__: each
    for each in (
        offline,
        errors,
        dropped,
        reload,
        back,
        two_tabs,
        killed,
        database_locked,
        disk_full,
        no_room_in_browser,
    )
}
IN_A_PROCESS = frozenset({"killed", "disk_full"})
"""Mishaps that need a server in a process of its own."""
THROUGH_ALL_PAGES = frozenset({"back"})
"""Mishaps that need the pages before the task in the browser's history."""

__all__ = ["IN_A_PROCESS", "MISHAPS", "READY", "THROUGH_ALL_PAGES", "Mishap", "Walker"]
