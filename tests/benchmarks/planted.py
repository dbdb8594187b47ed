"""Do the programmes find what is there, and nothing where there is nothing?

Of 20 simulated studies with an effect the 95 % interval of each programme holds the true value in
17 or more and finds the effect in as many (the studies are large enough for a power of .9 or more);
of 20 without one, 3 or fewer claim one. The studies are told in ``planted_studies.py``.

    python tests/benchmarks/planted.py [--quick] [--seeds 20] [--table analysis/PLANTED.md]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

from planted_studies import STUDIES, counts

from analysis.formatting import percent
from analysis.intervals import wilson

KINDS = ("held", "found", "claimed")


def shown(k: int, n: int) -> str:
    """A share with its interval."""
    ends = wilson(k, n, 0.95)
    return f"{percent(k / n, 0)} [{percent(ends.low, 0)}, {percent(ends.high, 0)}]"


def markdown(found: Mapping[str, Mapping[str, int]], seeds: int) -> str:
    """The table of the documentation."""
    lines = [
        "# Planted effects",
        "",
        f"Made by `tests/benchmarks/planted.py`: {seeds} simulated studies with a known effect and "
        f"{seeds} without one go through the function that makes each programme's report. *Held*: "
        "share of 95 % intervals with the true value inside. *Found*: the interval leaves no "
        "effect out. *Claimed*: it does where there is none. Brackets are Wilson's intervals of "
        "the shares, for the number of studies alone.",
        "",
        "| programme | what was planted | held | found | claimed |",
        "|---|---|---|---|---|",
    ]
    for name, study in STUDIES.items():
        what = (study.__doc__ or "").strip().splitlines()[0].rstrip(".")
        shares = " | ".join(shown(found[name][kind], seeds) for kind in KINDS)
        lines.append(f"| {name.replace('_', ' ')} | {what} | {shares} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Simulate and print one JSON object."""
    parser = argparse.ArgumentParser(description="Planted effects, programme by programme.")
    parser.add_argument("--quick", action="store_true", help="five studies of each kind")
    parser.add_argument("--seeds", type=int, default=20, help="studies of each kind")
    parser.add_argument("--table", type=Path, help="write the table as Markdown here")
    options = parser.parse_args()
    seeds = min(options.seeds, 5) if options.quick else options.seeds
    found = {name: counts(name, seeds) for name in STUDIES}
    if options.table is not None:
        options.table.write_text(markdown(found, seeds), encoding="utf-8")
    held = all(one["held"] >= round(17 / 20 * seeds) for one in found.values())
    quiet = all(one["claimed"] <= round(3 / 20 * seeds) for one in found.values())
    seen = all(one["found"] >= round(17 / 20 * seeds) for one in found.values())
    print(
        json.dumps({"studies": seeds, "programmes": found, "as_promised": held and quiet and seen})
    )


if __name__ == "__main__":
    main()
