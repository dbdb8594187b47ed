"""Which leaf does not belong? Trials of one family's leaves and one of another's, as a table.

Every leaf of every trial is drawn anew, without the herbarium label that one family has more often
than the others: it would give the intruder away without a look at the leaf.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from experiments.generators.leaves.families import FAMILIES
from experiments.generators.leaves.render import draw
from experiments.generators.leaves.sampling import sample, without_label
from experiments.generators.leaves.storage import encode_picture
from experiments.schedule import generator, shuffled, spread
from lens_core.atlas import Track, no_track
from lens_core.atlas.files import disk_errors

N_PRACTICE = 3


@dataclass(frozen=True)
class _Trial:
    family: str
    other: str
    use: str


def write_intruders(
    folder: Path, *, n_crops: int, per_family: int, seed: int, track: Track = no_track
) -> Path:
    """Write the pictures and ``trials.csv``; returns the table.

    Parameters
    ----------
    n_crops : leaves of the family in each trial, beside the intruder.
    per_family : test trials of each family; every other family is the intruder about as often.
    """
    trials = list(_trials(per_family, seed))
    rows = []
    with disk_errors(folder):
        for number, trial in enumerate(track(trials, "drawing leaves", len(trials))):
            rng = generator(seed, "leaves", number)
            names = []
            for place, family in enumerate([trial.family] * n_crops + [trial.other]):
                name = f"{number:04d}-{place}.webp"
                leaf = without_label(sample(family, rng))
                (folder / name).write_bytes(encode_picture(draw(leaf)))
                names.append(name)
            rows.append((trial.family, ";".join(names[:-1]), names[-1], trial.use))
        table = folder / "trials.csv"
        with table.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("item", "crops", "intruder", "use"))
            writer.writerows(rows)
    return table


def _trials(per_family: int, seed: int) -> Iterator[_Trial]:
    families = list(FAMILIES)
    for family in families:
        others = [other for other in families if other != family]
        for other in spread(others, per_family, generator(seed, "intruders", family)):
            yield _Trial(family, other, "test")
    order = shuffled(families, generator(seed, "practice"))
    for number in range(N_PRACTICE):
        yield _Trial(order[number], order[-1 - number], "practice")
