"""Time and memory of the whole report: ``lens analyze`` in a process of its own.

``seconds_560x40`` is for 560 people with 40 answers each, ``seconds_million`` for 25,000 such
people and ``peak_gb_million`` the memory that this took. Data have two conditions, 80 items,
response times, strengths, and two criteria, so that every part of the report has something to do.

    python tests/benchmarks/report.py [--quick]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

TRIALS, CATCH, ITEMS = 40, 5, 40
STUDY = """
name = "benchmark"
title = "Benchmark"
paradigm = "two_afc"
[analysis]
formula = "correct ~ condition"
method = "two_way_cluster_logit"
reference = "units"
[[conditions]]
name = "units"
[[conditions]]
name = "concepts"
[[exclusions]]
check = "catch_accuracy"
min = 0.8
[[exclusions]]
check = "median_rt_ms"
min = 300
"""
CHILD = """
import json, resource, sys
sys.argv = ["lens", "analyze", *sys.argv[1:]]
from webapp.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"peak_gb": peak * (1 if sys.platform == "darwin" else 1024) / 1e9}))
"""


def write_dataset(folder: Path, people: int) -> None:
    """A data set as the server exports it, with the columns that the report uses."""
    rng = np.random.default_rng(0)
    per = TRIALS + CATCH
    who = np.repeat(np.arange(people), per)
    trial = np.tile(np.arange(per), people)
    second, catch = who % 2, trial >= TRIALS
    item = rng.integers(ITEMS, size=len(who)) + ITEMS * second
    gap = rng.uniform(0.2, 4.0, len(who))
    logit = (
        0.8 * (gap - 1.2)
        + 0.4 * second
        + rng.normal(0, 0.6, people)[who]
        + rng.normal(0, 0.4, 2 * ITEMS)[item]
    )
    right = rng.random(len(who)) < np.where(catch, 0.95, 0.5 + 0.5 / (1 + np.exp(-logit)))
    side = rng.integers(2, size=len(who))
    names = np.array([f"p{i:05d}" for i in range(people)])
    trials = pd.DataFrame(
        {
            "trial_uuid": [f"t{i:07d}" for i in range(len(who))],
            "participant": names[who],
            "condition": np.where(second == 1, "concepts", "units"),
            "phase": np.where(catch, "catch", "test"),
            "trial": trial,
            "item": np.char.add("i", item.astype(str)),
            "n_options": 2,
            "response": np.where(right, side, 1 - side).astype(str),
            "correct_response": side.astype(str),
            "correct": right.astype(int),
            "rt_ms": rng.gamma(4, 500, len(who)).round(1),
            "strength_gap": gap,
            "atlas_hash": "sha256:00",
            "class_id": 1,
            "concept_id": np.char.add("concepts-", item.astype(str)),
        }
    )
    participants = pd.DataFrame(
        {
            "participant": names,
            "condition": np.where(np.arange(people) % 2 == 1, "concepts", "units"),
            "status": np.where(np.arange(people) % 21 == 20, "returned", "complete"),
            "source": "simulated",
        }
    )
    (folder / "data").mkdir(parents=True)
    (folder / "study.toml").write_text(STUDY)
    files = {"study.toml": {}}
    for what, table in (("trials", trials), ("participants", participants)):
        name = f"data/study-benchmark_table-{what}_data.parquet"
        table.to_parquet(folder / name)
        files[name] = {"rows": len(table)}
    for name, entry in files.items():
        entry["sha256"] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    manifest = {"format_version": 1, "study": "benchmark", "frozen": True, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def analyse(people: int) -> tuple[float, float]:
    """Seconds and gigabytes that the command takes."""
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder) / "data", Path(folder) / "report"
        write_dataset(data, people)
        start = time.perf_counter()
        command = [sys.executable, "-c", CHILD, str(data), "--out", str(out)]
        done = subprocess.run(command, capture_output=True, text=True)
        seconds = time.perf_counter() - start
        if done.returncode or not (out / "report.html").is_file():
            raise SystemExit(f"the report failed: {done.stderr[-2000:]}")
        peak = float(json.loads(done.stdout.splitlines()[-1])["peak_gb"])
    return round(seconds, 2), round(peak, 3)


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description="Time the whole report.")
    parser.add_argument("--quick", action="store_true", help="20 people, once")
    quick = parser.parse_args().quick
    small, large = (20, 20) if quick else (560, 1_000_000 // TRIALS)
    seconds, peak = analyse(small)
    seconds_large = seconds
    if not quick:
        seconds_large, peak = analyse(large)
    result = {
        "seconds_560x40": seconds,
        "seconds_million": seconds_large,
        "peak_gb_million": peak,
        "people": [small, large],
        "quick": quick,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
