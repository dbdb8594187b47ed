"""How fast an answer is saved while many people are at the task.

Each of ``participants`` answers a trial every two seconds for a while, on ``lens serve`` (gunicorn)
with SQLite and with PostgreSQL whose commits reach the disk. Beside the saves, each asks for the
next block and for its pictures in bundles, as the task page does; before the clock runs the first
block has been loaded and people stand at different trials of it, as those who came at different
times do. A save's time is what the browser waits, by the clock; ``cpu_ms_per_trial``
is processor time of server, database and this script, which other programs change less.

    python tests/load/active.py [--quick] [--participants 500] [--seconds 60] [--databases postgres]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
# ruff: noqa: E402

from experiments.study import Study
from tests.load.client import Browser, an_answer
from tests.load.stage import (
    Running,
    Seat,
    build_study,
    databases,
    gunicorn,
    machine,
    open_house,
    parts_of,
    percentile,
    postgres_cpu_s,
    seat_people,
)

EVERY_S = 2.0


@dataclass
class Seen:
    """What the participants met."""

    save_ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    bundle_bytes: int = 0
    bundles: int = 0
    late: int = 0


class Participant:
    """Somebody at the task."""

    def __init__(self, seat: Seat, port: int, seen: Seen) -> None:
        self.seat, self.seen = seat, seen
        self.browser = Browser(port, {"lens": seat.cookie})
        self.api = f"/api/v1/session/{seat.session}"
        self.known: set[int] = set()
        self.next: int | None = None

    async def load_block(self) -> None:
        """Ask what comes, and fetch its pictures, six files at a time at most."""
        status, _, body = await self.browser.get(self.api)
        if status != 200:
            raise RuntimeError(f"session {status}")
        state = json.loads(body)
        self.known = {trial["index"] for trial in state["trials"]}
        self.next = state["next"]
        for address in state["bundles"]:
            status, _, content = await self.browser.get(address)
            if status != 200:
                raise RuntimeError(f"bundle {status}")
            self.seen.bundles += 1
            self.seen.bundle_bytes += len(content)

    async def answer(self) -> None:
        """Save the answer to the trial that comes next."""
        content = an_answer(self.seat.page_token)
        begun = time.perf_counter()
        path = f"{self.api}/trials/{self.next}"
        status, reply = await self.browser.post_json(path, content, self.seat.csrf)
        took = time.perf_counter() - begun
        if status != 200:
            raise RuntimeError(f"save {status} {reply}")
        self.seen.save_ms.append(1000 * took)
        self.next = reply["next"]

    async def begin(self, place: int) -> None:
        """Answer as many trials of the block as spreads people over it: nobody waits for the
        slowest to begin the next."""
        for _ in range(place % max(1, len(self.known))):
            await self.answer()

    async def take_part(self, begin: float, first_s: float, until: float) -> None:
        """Answer every two seconds, blocks loaded in between."""
        due = begin + first_s
        while due < until and self.next is not None:
            now = time.perf_counter()
            if now > due + EVERY_S:
                self.seen.late += 1
            await asyncio.sleep(max(0.0, due - now))
            try:
                await self.answer()
                if self.next is not None and self.next not in self.known:
                    await self.load_block()
            except (RuntimeError, OSError, asyncio.IncompleteReadError) as error:
                self.seen.errors.append(str(error))
            due += EVERY_S
        self.browser.close()


@dataclass(frozen=True)
class Cost:
    """What a crowd took: seconds, and processor time of each program."""

    seconds: float
    cpu_s: dict[str, float]


async def crowd(seats: list[Seat], server: Running, seconds: float) -> tuple[Seen, Cost]:
    """Everybody at once; what they met, and what it took once all were warm."""
    warm, seen = Seen(), Seen()
    people = [Participant(seat, server.port, warm) for seat in seats]
    for start in range(0, len(people), 20):
        await asyncio.gather(*(person.load_block() for person in people[start : start + 20]))
    for start in range(0, len(people), 20):
        await asyncio.gather(
            *(people[i].begin(i) for i in range(start, min(start + 20, len(people))))
        )
    for person in people:
        person.seen = seen
    begin, before = time.perf_counter(), _cpu(server)
    each = EVERY_S / len(people)
    visits = [p.take_part(begin, i * each, begin + seconds) for i, p in enumerate(people)]
    await asyncio.gather(*visits)
    used = {name: after - before[name] for name, after in _cpu(server).items()}
    return seen, Cost(time.perf_counter() - begin, used)


def measure(study: Study, folder: Path, url: str, given: argparse.Namespace) -> dict[str, Any]:
    """One database."""
    app, database = open_house(folder, url, study)
    config = parts_of(app).config
    seats = seat_people(app, study, given.participants)
    database.dispose()
    with gunicorn(config, workers=given.workers, threads=given.threads) as server:
        seen, cost = asyncio.run(crowd(seats, server, given.seconds))
    n = max(1, len(seen.save_ms))
    return {
        "p50_ms": round(percentile(seen.save_ms, 0.5), 1),
        "p95_ms": round(percentile(seen.save_ms, 0.95), 1),
        "p99_ms": round(percentile(seen.save_ms, 0.99), 1),
        "trials": len(seen.save_ms),
        "trials_per_s": round(len(seen.save_ms) / cost.seconds, 1),
        "late": seen.late,
        "errors": len(seen.errors),
        "first_error": seen.errors[0] if seen.errors else None,
        "bundle_kb": round(seen.bundle_bytes / max(1, seen.bundles) / 1024),
        "bundles": seen.bundles,
        "cpu_ms_per_trial": {name: round(1000 * used / n, 2) for name, used in cost.cpu_s.items()},
    }


def _cpu(server: Running) -> dict[str, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "server": server.cpu_s(),
        "postgres": postgres_cpu_s(),
        "script": used.ru_utime + used.ru_stime,
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="ten people, three seconds")
    parser.add_argument("--participants", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--databases", nargs="+", default=["postgres", "sqlite"])
    given = parser.parse_args(arguments)
    design: dict[str, Any] = {"n_trials": 40, "n_catch": 5, "n_blocks": 5, "stimulus_px": 160}
    if given.quick:
        given.participants, given.seconds, given.workers = 10, 3.0, 1
        design |= {"n_trials": 6, "n_catch": 1, "n_blocks": 3, "n_references": 3, "stimulus_px": 32}
    result: dict[str, Any] = {"participants": given.participants, "quick": given.quick}
    result |= machine() | {"workers": given.workers, "threads": given.threads, "errors": 0}
    with tempfile.TemporaryDirectory() as temporary, databases(given.databases) as urls:
        folder = Path(temporary)
        study = build_study(folder, **design)
        for kind, url in urls.items():
            print(f"{kind}: seating {given.participants}", file=sys.stderr, flush=True)
            found = measure(study, folder / kind, url, given)
            result[f"p95_ms_{kind}"] = found["p95_ms"]
            result["errors"] += found["errors"]
            result.setdefault("trials_per_s", found["trials_per_s"])
            result[kind] = found
    print(json.dumps(result))


if __name__ == "__main__":
    main()
