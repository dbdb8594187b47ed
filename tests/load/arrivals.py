"""Whether conditions stay balanced when a whole class follows the link in the same second.

``participants`` people open the study's link at once and go on as fast as the server lets them:
consent, instructions, quiz, task. Printed are the difference between the fullest and the emptiest
condition, on ``lens serve`` (gunicorn) with SQLite and with PostgreSQL, and how many people met an
error on the way.

    python tests/load/arrivals.py [--quick] [--participants 200]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
# ruff: noqa: E402

from experiments.study import Study
from tests.load.client import Browser
from tests.load.stage import (
    build_study,
    databases,
    gunicorn,
    machine,
    open_house,
    parts_of,
)
from webapp.clock import utc_now
from webapp.database import Database
from webapp.models import Scheduled, TaskSession
from webapp.services.assignment import filled
from webapp.services.studies import by_name

TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
PATIENCE_S = 600.0


async def come(port: int, study: Study) -> float:
    """One person from the link to the open task; when the link was followed, on the clock."""
    browser = Browser(port)
    home = f"/study/{study.name}"
    begun = time.perf_counter()
    await expect(browser, f"{home}/", 303)
    await fill(browser, f"{home}/consent", {"agree": "yes", "age": "yes"})
    await fill(browser, f"{home}/instructions", {})
    answers = {f"q{i}": str(each.answer) for i, each in enumerate(study.config.quiz)}
    await fill(browser, f"{home}/quiz", answers)
    page = await expect(browser, f"{home}/task", 200)
    if 'id="boot"' not in page:
        raise RuntimeError("the task page has no session")
    browser.close()
    return begun


async def expect(browser: Browser, path: str, wanted: int) -> str:
    """The text of a page that has to come with a status."""
    status, _, body = await browser.get(path)
    if status != wanted:
        raise RuntimeError(f"{path}: {status}")
    return body.decode()


async def fill(browser: Browser, path: str, fields: dict[str, str]) -> None:
    """Send the form of a page."""
    token = TOKEN.search(await expect(browser, path, 200))
    if token is None:
        raise RuntimeError(f"{path}: no form")
    status, _, _ = await browser.post_form(path, {"csrf_token": token[1], **fields})
    if status != 303:
        raise RuntimeError(f"{path}: sending gave {status}")


async def rush(port: int, study: Study, n: int) -> tuple[list[float], list[str]]:
    """Everybody at once: when each came, and what went wrong."""
    visits = [asyncio.wait_for(come(port, study), PATIENCE_S) for _ in range(n)]
    found = await asyncio.gather(*visits, return_exceptions=True)
    begun = [each for each in found if isinstance(each, float)]
    return begun, [f"{type(each).__name__} {each}" for each in found if not isinstance(each, float)]


def measure(study: Study, folder: Path, url: str, given: argparse.Namespace) -> dict[str, Any]:
    """One database."""
    app, database = open_house(folder, url, study)
    config = parts_of(app).config
    database.dispose()
    with gunicorn(config, workers=given.workers, threads=given.threads) as server:
        started = time.perf_counter()
        begun, errors = asyncio.run(rush(server.port, study, given.participants))
        took = time.perf_counter() - started
        cpu_s = server.cpu_s()
    counts, sessions, scheduled = _stored(Database(config.url), study)
    return {
        "cells": counts,
        "imbalance": max(counts.values()) - min(counts.get(cell, 0) for cell in study.cells),
        "assigned": sum(counts.values()),
        "sessions": sessions,
        "with_schedule": scheduled,
        "arrived_within_s": round(max(begun) - min(begun), 2) if begun else None,
        "all_at_the_task_after_s": round(took, 1),
        "server_cpu_s": round(cpu_s, 1),
        "errors": len(errors),
        "first_error": errors[0] if errors else None,
    }


def _stored(database: Database, study: Study) -> tuple[dict[str, int], int, int]:
    with database.read() as db:
        counts = filled(db, by_name(db, study.name).id, utc_now())
        sessions = db.scalars(select(func.count(TaskSession.id))).one()
        scheduled = db.scalars(select(func.count(Scheduled.session_id.distinct()))).one()
    database.dispose()
    return counts, sessions, scheduled


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="twelve people")
    parser.add_argument("--participants", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgres"])
    given = parser.parse_args(arguments)
    if given.quick:
        given.participants = 12
    result: dict[str, Any] = {"participants": given.participants, "quick": given.quick}
    result |= machine() | {"errors": 0}
    with tempfile.TemporaryDirectory() as temporary, databases(given.databases) as urls:
        folder = Path(temporary)
        study = build_study(folder, n_trials=6, n_catch=1, n_references=3, stimulus_px=32)
        for kind, url in urls.items():
            print(f"{kind}: {given.participants} people", file=sys.stderr, flush=True)
            found = measure(study, folder / kind, url, given)
            result[f"imbalance_{kind}"] = found["imbalance"]
            result["errors"] += found["errors"] + (given.participants - found["with_schedule"])
            result[kind] = found
    print(json.dumps(result))


if __name__ == "__main__":
    main()
