"""Whether an export of a million trials is complete, and takes no more memory than a small one.

A database is filled with people of 100 trials each; then ``lens study export`` writes the data set
in a process of its own, whose resident memory is read every half second. Printed are the rows, the
time, the peak, the memory curve (seconds, megabytes), and whether every checksum in the manifest is
that of its file and the rows counted in it are those of the database.

    python tests/load/export.py [--quick] [--trials 1000000] [--database postgres]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from sqlalchemy import insert

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
# ruff: noqa: E402

from experiments.schedule import draw_schedule
from experiments.study import Study
from tests.load.stage import STUDY, build_study, databases, machine, open_house, resident_mb
from webapp.clock import utc_now
from webapp.database import Database
from webapp.models import Participant, Response, Scheduled, TaskSession
from webapp.services.studies import by_name

EACH = 100
PEOPLE_AT_ONCE = 100
LOOK_EVERY_S = 0.5
CURVE_POINTS = 20


def fill(database: Database, study: Study, n_people: int) -> None:
    """People who answered everything, a hundred in a transaction."""
    with database.read() as db:
        study_id = by_name(db, study.name).id
    # What a schedule says changes nothing here, so all share one for their condition.
    trials = {cell: [t.to_dict() for t in draw_schedule(study, cell, 1)] for cell in study.cells}
    now = utc_now()
    for start in range(1, n_people + 1, PEOPLE_AT_ONCE):
        people = range(start, min(start + PEOPLE_AT_ONCE, n_people + 1))
        cells = {person: study.cells[person % len(study.cells)] for person in people}
        with database.write() as db:
            connection = db.connection()
            connection.execute(
                insert(Participant),
                [_person(person, study_id, cells[person], now) for person in people],
            )
            connection.execute(insert(TaskSession), [_session(person, now) for person in people])
            connection.execute(
                insert(Scheduled),
                [_scheduled(person, body) for person in people for body in trials[cells[person]]],
            )
            connection.execute(
                insert(Response),
                [
                    _response(person, body, now)
                    for person in people
                    for body in trials[cells[person]]
                ],
            )


def _person(number: int, study_id: int, condition: str, now: Any) -> dict[str, Any]:
    return {
        "id": number,
        "public_id": f"p{number:07d}",
        "access": uuid.uuid4().hex,
        "study_id": study_id,
        "state": "complete",
        "is_test": False,
        "condition": condition,
        "source": "lab",
        "source_details": {},
        "arrived_at": now,
        "started_at": now,
        "finished_at": now,
        "last_seen_at": now,
        "quiz_attempts": 1,
    }


def _session(number: int, now: Any) -> dict[str, Any]:
    return {
        "id": number,
        "public_id": f"s{number:07d}",
        "participant_id": number,
        "number": 1,
        "seed": 1,
        "page_token": "t",
        "created_at": now,
        "opened_at": now,
    }


def _scheduled(number: int, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "session_id": number,
        "index": body["index"],
        "position": body["index"],
        "attempt": body["attempt"],
        "phase": body["phase"],
        "block": body["block"],
        "body": body,
    }


def _response(number: int, body: dict[str, Any], now: Any) -> dict[str, Any]:
    return {
        "session_id": number,
        "index": body["index"],
        "trial_uuid": str(uuid.uuid4()),
        "digest": "0" * 64,
        "saved_at": now,
        "raw": {"choice": 0, "confidence": 2},
        "response": "0",
        "correct": int(body["correct_response"] == "0"),
        "confidence": 2.0,
        "rt_ms": 700.0 + body["index"],
        "onset_error_ms": 0.4,
        "dropped_frames": 0,
        "presented_at": "2026-01-05T09:00:00.000Z",
        "answered_at": "2026-01-05T09:00:00.812Z",
        "columns": {},
    }


def watched(command: list[str], env: dict[str, str]) -> tuple[float, list[tuple[float, float]]]:
    """Run a command: seconds, and its resident memory in megabytes over time."""
    curve: list[tuple[float, float]] = []
    begun = time.monotonic()
    with subprocess.Popen(command, env=env, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            curve.append((round(time.monotonic() - begun, 1), round(resident_mb(process.pid), 1)))
            time.sleep(LOOK_EVERY_S)
    if process.returncode != 0:
        raise SystemExit(f"the export failed with {process.returncode}")
    return time.monotonic() - begun, curve


def checked(out: Path, n_trials: int) -> tuple[int, bool]:
    """Rows of trials, and whether files and counts are as the manifest and the database say."""
    manifest = json.loads((out / "manifest.json").read_bytes())
    right = manifest["rows"]["trials"] == n_trials
    for name, said in manifest["files"].items():
        with (out / name).open("rb") as file:
            right &= hashlib.file_digest(file, "sha256").hexdigest() == said["sha256"]
    table = next(name for name in manifest["files"] if "trials" in name and name.endswith(".csv"))
    with (out / table).open("rb") as file:
        lines = sum(1 for _ in file) - 1
    return lines, right and lines == n_trials


def main(arguments: list[str] | None = None) -> None:
    """Fill, export, check, and print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="4,000 trials")
    parser.add_argument("--trials", type=int, default=1_000_000)
    parser.add_argument("--database", default="sqlite", choices=["sqlite", "postgres"])
    given = parser.parse_args(arguments)
    n_people = (4_000 if given.quick else given.trials) // EACH
    with tempfile.TemporaryDirectory() as temporary, databases([given.database]) as urls:
        folder = Path(temporary)
        study = build_study(folder, n_trials=EACH, n_catch=0, n_references=3, stimulus_px=16)
        _, database = open_house(folder / "server", urls[given.database], study)
        print(f"filling: {n_people * EACH} trials", file=sys.stderr, flush=True)
        begun = time.monotonic()
        fill(database, study, n_people)
        database.dispose()
        filled_s = time.monotonic() - begun
        command = [sys.executable, "-c", "from webapp.cli import main; main()", "study", "export"]
        command += [STUDY, "--server-dir", str(folder / "server"), "--out", str(folder / "data")]
        env = os.environ | {"DATABASE_URL": urls[given.database]}
        seconds, curve = watched(command, env)
        rows, match = checked(folder / "data", n_people * EACH)
    # The first third holds the start of the program; what grows after it is the export.
    later = [mb for _, mb in curve[len(curve) // 3 :]]
    result = {
        "rows": rows,
        "seconds": round(seconds, 1),
        "peak_mb": max(mb for _, mb in curve),
        "checksums_match": match,
        "grows_mb": round(later[-1] - later[0], 1) if later else None,
        "curve": curve[:: max(1, len(curve) // CURVE_POINTS)],
        "rows_per_s": round(rows / seconds),
        "filling_s": round(filled_s, 1),
        "database": given.database,
        "quick": given.quick,
    }
    print(json.dumps(result | machine()))


if __name__ == "__main__":
    main()
