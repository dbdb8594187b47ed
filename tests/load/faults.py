"""Faults in a real browser: is every answer that was given stored, once, as it was given?

Each session is a person at Chromium who goes through a short study of six trials; at a trial drawn
by chance something goes wrong (``tests/load/mishaps.py``), and the person goes on to the end. Then
the answers that were pressed are compared with those that are stored, in order.

``lost`` counts answers pressed and not stored, and trials without an answer in visits that came to
their end; ``doubled`` counts answers stored beyond those pressed, and trials or identifiers stored
twice. Both are by fault. ``unfinished`` visits did not come to their end.
About 5 s a session on one core.

    python tests/load/faults.py [--quick] [--sessions N] [--only FAULT …] [--seed N]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from experiments.study import Study  # noqa: E402
from tests.browser.live import LiveServer, make_study  # noqa: E402
from tests.load.mishaps import (  # noqa: E402
    IN_A_PROCESS,
    MISHAPS,
    THROUGH_ALL_PAGES,
    Walker,
)
from tests.load.process_server import ProcessServer  # noqa: E402
from webapp import database as database_module  # noqa: E402

SESSIONS = 210
QUICK = ("dropped", "database_locked", "disk_full")
"""Those that the tests of the browser do not have already."""
BUSY_MS = 300
"""How long the server waits for a locked database here; for real longer than a browser does."""


@dataclass
class Tally:
    """What became of the sessions of one fault."""

    sessions: int = 0
    answers: int = 0
    lost: int = 0
    doubled: int = 0
    unfinished: int = 0
    page_errors: int = 0

    def count(self, server: LiveServer, person: Walker) -> None:
        """Compare what was pressed with what is stored."""
        who = person.person
        stored = server.answers(who)
        kept = [(int(each.raw["choice"]), int(each.raw["confidence"])) for each in stored]
        same = SequenceMatcher(None, person.given, kept, autojunk=False).get_matching_blocks()
        n_same = sum(block.size for block in same)
        indices = [each.index for each in stored]
        unanswered = {trial.index for trial in server.scheduled(who)} - set(indices)
        self.sessions += 1
        self.answers += len(kept)
        self.lost += len(person.given) - n_same
        if who.state == "complete":
            self.lost += len(unanswered)
        self.doubled += len(kept) - n_same
        self.doubled += 2 * len(stored) - len(set(indices)) - len({r.trial_uuid for r in stored})
        self.unfinished += int(who.state != "complete")
        self.page_errors += len(person.errors)


def arrive(server: LiveServer, browser: Any, chance: Random) -> Walker:
    """Somebody at a new browser, and a server without faults."""
    server.faults.where, server.faults.before, server.faults.after = "/trials/", 0, 0
    return Walker(server, browser.new_context(viewport={"width": 1200, "height": 800}), chance)


def session(person: Walker, fault: str) -> None:
    """From the link to the completion code, with one mishap on the way."""
    if fault in THROUGH_ALL_PAGES:
        person.come_to_the_task()
    else:
        person.skip_to_the_task()
    person.come_to_a_trial()
    n_trials = len(person.server.scheduled(person.person))
    for _ in range(person.chance.randrange(n_trials - 1)):
        person.answer_and_go_on()
        person.come_to_a_trial()
    MISHAPS[fault](person.server, person).go_to_the_end()


def run(fault: str, n: int, study: Study, browser: Any, folder: Path, seed: int) -> Tally:
    """``n`` sessions with the same fault, one after the other at a server of their own."""
    tally = Tally()
    chance = Random(f"{seed}/{fault}")
    kind = ProcessServer if fault in IN_A_PROCESS else LiveServer
    patience = BUSY_MS if fault == "database_locked" else database_module.BUSY_TIMEOUT_MS
    with patch.object(database_module, "BUSY_TIMEOUT_MS", patience):
        server = kind(folder / fault, study)
        try:
            for _ in range(n):
                person = arrive(server, browser, chance)
                try:
                    session(person, fault)
                except PlaywrightError as error:
                    # The page did not come to its end: counted with what is stored all the same.
                    print(f"{fault}: {error}", file=sys.stderr, flush=True)
                tally.count(server, person)
                person.context.close()
        finally:
            server.stop()
            server.database.dispose()
    return tally


def main() -> None:
    """Go through all faults and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one session of three faults")
    parser.add_argument("--sessions", type=int, default=SESSIONS, help="in total, at least")
    parser.add_argument("--only", nargs="+", choices=list(MISHAPS), help="these faults alone")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    faults = given.only or (QUICK if given.quick else tuple(MISHAPS))
    each = 1 if given.quick else -(-given.sessions // len(faults))

    from tests.conftest import CHROMIUM, CHROMIUM_ARGS
    from tests.support.atlases import make_atlas

    begun = time.monotonic()
    found: dict[str, Tally] = {}
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        folder = Path(temporary)
        make_atlas(folder / "atlas", n_images=60)
        study = make_study(folder / "study", folder / "atlas")
        binary = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
        browser = playwright.chromium.launch(executable_path=binary, args=CHROMIUM_ARGS)
        for fault in faults:
            started = time.monotonic()
            found[fault] = run(fault, each, study, browser, folder, given.seed)
            took = time.monotonic() - started
            print(f"{fault}: {found[fault]} in {took:.0f} s", file=sys.stderr, flush=True)
        browser.close()
    print(
        json.dumps(
            {
                "sessions": sum(tally.sessions for tally in found.values()),
                "answers": sum(tally.answers for tally in found.values()),
                "lost": {fault: tally.lost for fault, tally in found.items()},
                "doubled": {fault: tally.doubled for fault, tally in found.items()},
                "unfinished": sum(tally.unfinished for tally in found.values()),
                "page_errors": sum(tally.page_errors for tally in found.values()),
                "minutes": round((time.monotonic() - begun) / 60, 1),
                "cores": os.cpu_count(),
                "quick": given.quick,
            }
        )
    )


if __name__ == "__main__":
    main()
