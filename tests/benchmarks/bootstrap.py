"""Time of 10,000 cluster bootstraps of an accuracy, for 560 and 5,600 people with 40 trials each.

``seconds_560`` and ``seconds_5600`` are the medians of the repetitions; ``seconds_5600_drawn`` is
the same with a different number of trials for everybody, where people have to be drawn one by one.

    python tests/benchmarks/bootstrap.py [--quick]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np

from analysis.bootstrap import percentile_interval, resampled_proportions

RESAMPLES = 10_000
TRIALS = 40


def seconds(people: int, *, uneven: bool, resamples: int, repeats: int) -> float:
    """Median time of one interval, from sufficient statistics to both ends."""
    rng = np.random.default_rng(0)
    n = rng.integers(200, 10_000, people) if uneven else np.full(people, TRIALS)
    k = rng.binomial(n, 0.75)

    def interval() -> None:
        draws = resampled_proportions(k, n, resamples, np.random.default_rng(1))
        assert percentile_interval(draws).low < 0.75 < percentile_interval(draws).high + 0.05

    return statistics.median(timed(interval) for _ in range(repeats))


def timed(work: Callable[[], None]) -> float:
    """Seconds that it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description="Time the participant bootstrap.")
    parser.add_argument("--quick", action="store_true", help="fewer resamples, once")
    quick = parser.parse_args().quick
    resamples, repeats = (500, 1) if quick else (RESAMPLES, 5)
    found = {
        f"seconds_{name}": round(
            seconds(people, uneven=uneven, resamples=resamples, repeats=repeats), 4
        )
        for name, people, uneven in (
            ("560", 560, False),
            ("5600", 5600, False),
            ("560_drawn", 560, True),
            ("5600_drawn", 5600, True),
        )
    }
    print(json.dumps({**found, "resamples": resamples, "quick": quick}))


if __name__ == "__main__":
    main()
