"""Every page and every interaction of the explorer, at each width, in both schemes, by keys alone.

::

    python tests/browser/full_product.py
    python tests/browser/full_product.py --atlas path/to/atlas --only class/N --widths 390

CI asks of each kind of page the rules that may answer otherwise at another width or in other
colours; this asks all rules of all kinds of pages, of every state that a key leads to, at 390, 1024
and 1440 px, light and dark, of a server's pages and of the exported site's, below a folder of a
plain host. At each width it goes from each page's first stop to its last with the Tab key. Takes a
quarter of an hour of processor; prints one JSON object as its last line and leaves with 1 if
something is wrong.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
# ruff: noqa: E402

from lens_core.atlas import Atlas
from tests.browser.access import Findings, walk_by_tab
from tests.browser.explorers import (
    SCHEMES,
    WIDTHS,
    kinds_of_pages,
    plain_host,
    serving_atlases,
)
from tests.browser.interactions import INTERACTIONS, SHARED, Interaction, NotHere
from tests.conftest import CHROMIUM, CHROMIUM_ARGS
from tests.support.atlases import make_atlas
from tests.support.shared_atlases import make_shared_atlas
from webapp.explorer.site import write_site


@dataclass
class Tour:
    """One site: its pages by their kind, and what one can do there."""

    name: str
    pages: dict[str, str]
    interactions: tuple[Interaction, ...]


@dataclass
class Report:
    """What was seen."""

    found: Findings = field(default_factory=Findings)
    n_pages: int = 0
    n_states: int = 0
    n_walks: int = 0
    skipped: list[str] = field(default_factory=list)


def within(pages: dict[str, str], prefix: str) -> dict[str, str]:
    """Kinds as they are called within an atlas, wherever it lies; a home page has no name."""
    named = {kind.removeprefix(prefix): address for kind, address in pages.items()}
    if "index" in named:
        named.setdefault("", named.pop("index"))
        named.pop("index", None)
    return named


@contextmanager
def tours(atlases: list[tuple[Path, tuple[Interaction, ...]]], work: Path) -> Iterator[list[Tour]]:
    """Each atlas twice: served, and exported below a folder of a plain host."""
    with ExitStack() as stack:
        served = stack.enter_context(serving_atlases([path for path, _ in atlases]))
        host = stack.enter_context(plain_host(work))
        found = []
        for path, interactions in atlases:
            prefix = f"/atlas/{path.name}/"
            pages = within(kinds_of_pages(served.rstrip("/") + prefix), prefix)
            mine = tuple(one for one in interactions if one.served)
            found.append(Tour(f"{path.name}, served", pages, mine))
            write_site(Atlas.open(path), work / "some where" / path.name, processes=1)
            prefix = f"/some where/{path.name}/"
            address = f"{host}{prefix.replace(' ', '%20')}"
            pages = within(kinds_of_pages(f"{address}index.html", within=address), prefix)
            mine = tuple(one for one in interactions if one.static)
            found.append(Tour(f"{path.name}, files", pages, mine))
        found[0].pages["not found"] = f"{served}atlas/{atlases[0][0].name}/class/9999"
        if len(atlases) > 1:
            found[0].pages["list of atlases"] = served
        yield found


def go(browser: Any, tour: Tour, width: int, schemes: list[str], report: Report) -> None:
    """One site at one width."""
    settings = {"viewport": {"width": width, "height": 900}, "reduced_motion": "reduce"}
    context = browser.new_context(
        **settings, permissions=["clipboard-read", "clipboard-write"], accept_downloads=True
    )
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))

    def look(where: str) -> None:
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            report.found.check(page, f"{where} at {width}, {scheme}")
        report.found.bad += [f"{where} at {width}: {error}" for error in errors]
        errors.clear()

    for kind, address in tour.pages.items():
        where = f"{tour.name}: {kind or 'home'}"
        page.goto(address)
        look(where)
        report.n_pages += len(schemes)
        report.found.bad += [
            f"{where} at {width}: {fault}" for fault in walk_by_tab(page, every=True)
        ]
        report.n_walks += 1
    for one in tour.interactions:
        if one.on not in tour.pages:
            report.skipped.append(f"{tour.name}: {one.name}, no page {one.on}")
            continue
        page.goto(tour.pages[one.on])
        try:
            one.act(page)
        except NotHere as reason:
            report.skipped.append(f"{tour.name}: {one.name}, {reason}")
            continue
        except Exception as error:
            report.found.bad.append(f"{tour.name}: {one.name} at {width}: {error}")
            continue
        look(f"{tour.name}: {one.name}")
        report.n_states += len(schemes)
    context.close()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--atlas", type=Path, help="this one; otherwise made-up ones of both kinds")
    parser.add_argument("--widths", type=int, nargs="+", default=list(WIDTHS))
    parser.add_argument("--schemes", nargs="+", default=list(SCHEMES))
    parser.add_argument("--only", nargs="+", help="kinds of pages and names of interactions")
    parser.add_argument("--quick", action="store_true", help="one width")
    asked = parser.parse_args()
    widths = asked.widths[:1] if asked.quick else asked.widths
    from playwright.sync_api import sync_playwright

    started, report = time.monotonic(), Report()
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if asked.atlas:
            given = Atlas.open(asked.atlas)
            kind = SHARED if given.dictionaries[0].scope == "shared" else INTERACTIONS
            atlases = [(asked.atlas.resolve(), kind)]
        else:
            whole = make_atlas(work / "whole", n_images=12, divided=True, attributed=True)
            shared = make_shared_atlas(work / "shared")
            atlases = [(whole.root, INTERACTIONS), (shared.root, SHARED)]
        found = stack.enter_context(tours(atlases, work))
        runner = stack.enter_context(sync_playwright())
        binary = next(path for name in CHROMIUM if (path := shutil.which(name)))
        browser = runner.chromium.launch(executable_path=binary, args=CHROMIUM_ARGS)
        for tour in found:
            if asked.only:
                tour.pages = {k: a for k, a in tour.pages.items() if k in asked.only}
                tour.interactions = tuple(
                    one for one in tour.interactions if {one.name, one.on} & {*asked.only}
                )
            for width in widths:
                print(f"{tour.name}, {width} px: {len(tour.pages)} pages", file=sys.stderr)
                go(browser, tour, width, asked.schemes, report)
        browser.close()
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(
        json.dumps(
            {
                "kinds": {tour.name: len(tour.pages) for tour in found},
                "interactions": {tour.name: len(tour.interactions) for tour in found},
                "pages": report.n_pages,
                "states": report.n_states,
                "walks": report.n_walks,
                "rules": len(report.found.passed),
                "rules_held": sum(report.found.passed.values()),
                "serious": len(report.found.bad),
                "minor": dict(report.found.minor),
                "bad": report.found.bad,
                "skipped": report.skipped,
                "seconds": round(time.monotonic() - started),
                "cpu": round(sum(one.ru_utime + one.ru_stime for one in usage)),
            }
        )
    )
    sys.exit(1 if report.found.bad else 0)


if __name__ == "__main__":
    main()
