"""Do the programmes find what is there, and nothing where there is nothing?

Of 20 simulated studies with an effect the 95 % interval of each programme holds the true value in
17 or more and finds the effect in as many (the studies are large enough for a power of .9 or more);
of 20 without one, 3 or fewer claim one. The studies are told in ``planted_studies.py``.

    python tests/benchmarks/planted.py [--quick] [--seeds 20]
"""

from __future__ import annotations

import argparse
import json

from planted_studies import STUDIES, counts


def main() -> None:
    """Simulate and print one JSON object."""
    parser = argparse.ArgumentParser(description="Planted effects, programme by programme.")
    parser.add_argument("--quick", action="store_true", help="five studies of each kind")
    parser.add_argument("--seeds", type=int, default=20, help="studies of each kind")
    options = parser.parse_args()
    seeds = min(options.seeds, 5) if options.quick else options.seeds
    found = {name: counts(name, seeds) for name in STUDIES}
    held = all(one["held"] >= round(17 / 20 * seeds) for one in found.values())
    quiet = all(one["claimed"] <= round(3 / 20 * seeds) for one in found.values())
    seen = all(one["found"] >= round(17 / 20 * seeds) for one in found.values())
    print(
        json.dumps({"studies": seeds, "programmes": found, "as_promised": held and quiet and seen})
    )


if __name__ == "__main__":
    main()
