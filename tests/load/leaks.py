"""Does anything but the pixels tell the right answer, or the condition?

People at a real server receive trials over HTTP, one in eight of them without bundles; whatever
came before each answer, pixels apart (``tests/load/received.py``), goes to gradient boosted trees,
which are asked for the position of the right answer and for the participant's condition. They are
judged on participants that they have not seen: of five groups of participants, each but the first
is scored by trees that learned from the groups before it, ranked within groups, with an interval
that resamples participants.

Each group only by those before it, because usual cross-validation has intervals that are too short:
two groups teach the trees for each other, so the same chance agreement between them counts twice
(for a linear score its variance is twice what resampling people shows, and an interval of 95 %
holds ½ in 83 %). With keys permuted within people on the features of a full run (``--permute``),
usual folds held ½ in 84 % of 57 runs, these in 95 %. A score that learned from earlier groups alone
is a fair game: what one group shows by chance says nothing of how the next is scored.

Conditions are drawn for the least filled cell, so of two people who come one after the other each
has the other's opposite, and here they come at the same machine in the same minute: trees that saw
the one could guess the other wrong by the clock. Two such people are one unit.

The pictures are chosen to tempt: right ones compress badly and wrong ones well, and one condition's
pictures are larger files than the other's before the study equalises them.

``key_auc`` and ``condition_auc`` are estimate and interval; ``planted`` is the AUC for the key when
one byte of what came with the right option is changed: its size, its name, a header. ``counting``
is the AUC of a person who counts which sides were right so far: exact balance within a person, with
feedback, tells that much, whatever the server sends.

    python tests/load/leaks.py [--quick] [--people N] [--trials N] [--seed N] [--permute N]
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from experiments.paradigms import BuildRequest, get_paradigm  # noqa: E402
from experiments.study import Study, config_toml, freeze_study  # noqa: E402
from tests.browser.live import LiveServer  # noqa: E402
from tests.load.received import Reader, Seen, Wire, visit  # noqa: E402

PEOPLE, TRIALS = 280, 20
QUICK = (30, 10)
ITEMS, ROWS_PER_ITEM, SIZE_PX = 4, 8, 32
PLANTS = ("size", "name", "header")
RESAMPLES = 1000
GROUPS = 5


def make_study(folder: Path, n_trials: int, seed: int) -> Study:
    """Two conditions of the same make; right pictures and condition ``b`` are noisier."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    rows = []

    def picture(name: str, noise: float) -> str:
        pixels = 128 + noise * rng.standard_normal((SIZE_PX, SIZE_PX, 3))
        array = np.clip(pixels, 0, 255).astype(np.uint8)
        Image.fromarray(array).save(folder / f"{name}.png")
        return f"{name}.png"

    for condition, factor in (("a", 1.0), ("b", 2.0)):
        for item in range(ITEMS):
            stem = f"{condition}{item}"
            strong = ";".join(picture(f"{stem}s{n}", 30 * factor) for n in range(2))
            weak = ";".join(picture(f"{stem}w{n}", 10 * factor) for n in range(2))
            for row in range(ROWS_PER_ITEM):
                right = picture(f"{stem}r{row}", 30 * factor)
                wrong = picture(f"{stem}d{row}", 10 * factor)
                use = "catch" if row == 0 else "test"
                if use == "catch":
                    right = strong.split(";")[0]
                rows.append((stem, condition, use, right, wrong, strong, weak))
    with (folder / "trials.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("item", "condition", "use", "correct", "distractor", "strong", "weak"))
        table.writerows(rows)
    design = {"n_trials": n_trials - 1, "n_catch": 1, "n_blocks": 1, "stimulus_px": SIZE_PX}
    study = get_paradigm("two_afc").build(
        BuildRequest(
            out=folder / "study",
            name="leaks",
            title="Leaks",
            table=folder / "trials.csv",
            seed=seed,
            design=design,
        )
    )
    config = study.config.model_copy(update={"instructions": (), "quiz": ()})
    (study.root / "study.toml").write_bytes(config_toml(config))
    freeze_study(study.root)
    return Study.open(study.root, require_frozen=True)


def gather(server: LiveServer, n_people: int, chance: Random) -> list[Seen]:
    """What so many people receive, and the key beside it."""
    found: list[Seen] = []
    for person in range(n_people):
        choices = (chance.randrange(2) for _ in repeat(None))
        wire = Wire("127.0.0.1", server.port)
        home = f"/study/{server.study.name}/"
        seen = list(visit(wire, home, person, choices, bundles=person % 8 != 0))
        who = server.people()[-1]
        key = {row.index: int(row.body["correct_response"]) for row in server.scheduled(who)}
        found += [
            replace(each, key=key[each.trial["index"]], condition=str(who.condition))
            for each in seen
        ]
        if person % 50 == 49:
            print(f"{person + 1} people, {len(found)} trials", file=sys.stderr, flush=True)
    return found


def scores(features: pd.DataFrame, label: np.ndarray, people: np.ndarray, seed: int) -> np.ndarray:
    """(n,) scores of trees that saw earlier groups of people alone, as ranks within groups.

    NaN in the first group, which nothing comes before.
    """
    ranked = np.full(len(label), np.nan)
    # What is the same everywhere tells nothing, and most is.
    features = features.loc[:, features.min() < features.max()]
    folds = StratifiedGroupKFold(GROUPS, shuffle=True, random_state=seed)
    groups = [group for _, group in folds.split(features, label, people)]
    for number in range(1, GROUPS):
        train, test = np.concatenate(groups[:number]), groups[number]
        trees = HistGradientBoostingClassifier(
            max_iter=60, max_leaf_nodes=15, min_samples_leaf=20, random_state=seed
        )
        trees.fit(features.iloc[train], label[train])
        score = trees.predict_proba(features.iloc[test])[:, 1]
        ranked[test] = pd.Series(score).rank(pct=True).to_numpy()
    return ranked


def auc(label: np.ndarray, score: np.ndarray, people: np.ndarray, seed: int) -> dict[str, float]:
    """AUC with a 95 % percentile interval over resampled participants; no score, no trial.

    The AUC is the share of pairs of a 1 and a 0 in which the 1 has the higher score. Pairs are
    counted once for each two participants, so that a resample is a weighting of that table.
    """
    rng = np.random.default_rng(seed)
    scored = ~np.isnan(score)
    label, score, people = label[scored], score[scored], people[scored]
    _, codes = np.unique(people, return_inverse=True)
    n_people = codes.max() + 1
    ones, zeros = label == 1, label == 0
    higher = np.sign(score[ones][:, None] - score[zeros][None, :]) / 2 + 0.5
    owner = np.eye(n_people)[codes]  # (n trials, n people)
    won = owner[ones].T @ higher @ owner[zeros]
    pairs = owner[ones].sum(axis=0)[:, None] * owner[zeros].sum(axis=0)[None, :]
    draws = rng.integers(n_people, size=(RESAMPLES, n_people))
    weights = np.stack([np.bincount(drawn, minlength=n_people) for drawn in draws]).astype(float)
    n_pairs = np.einsum("rp,pq,rq->r", weights, pairs, weights, optimize=True)
    n_won = np.einsum("rp,pq,rq->r", weights, won, weights, optimize=True)[n_pairs > 0]
    low, high = np.quantile(n_won / n_pairs[n_pairs > 0], [0.025, 0.975])
    estimate = float(won.sum() / pairs.sum())
    return {"auc": round(estimate, 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def coverage(
    features: pd.DataFrame, key: np.ndarray, people: np.ndarray, seed: int, runs: int
) -> dict[str, float]:
    """How often the interval holds ½ where nothing can tell: keys permuted within people."""
    rng = np.random.default_rng(seed)
    order = np.argsort(people, kind="stable")
    found = []
    for run in range(runs):
        shuffled = np.empty_like(key)
        shuffled[order] = key[np.lexsort((rng.random(len(key)), people))]
        found.append(auc(shuffled, scores(features, shuffled, people, run), people, run))
    held = [each["low"] <= 0.5 <= each["high"] for each in found]
    sd = np.std([each["auc"] for each in found])
    return {"runs": runs, "held": round(float(np.mean(held)), 3), "sd": round(float(sd), 4)}


def audit(seen: Sequence[Seen], seed: int, permute: int = 0) -> dict[str, Any]:
    """The figures, and the features that the trees lean on where they can tell."""
    people = np.array([each.person for each in seen])
    pairs = people // 2
    key = np.array([each.key for each in seen])
    condition = np.array([each.condition == seen[-1].condition for each in seen], dtype=int)

    def table(plant: str = "") -> pd.DataFrame:
        return pd.DataFrame([Reader(plant).read(each) for each in seen]).fillna(-1.0)

    clean = table()
    planted = {
        plant: auc(key, scores(table(plant), key, people, seed), people, seed)["auc"]
        for plant in PLANTS
    }
    return {
        "key_auc": auc(key, scores(clean, key, people, seed), people, seed),
        "condition_auc": auc(condition, scores(clean, condition, pairs, seed), pairs, seed),
        "planted": planted,
        "counting": round(float(roc_auc_score(key, [each.counted for each in seen])), 4),
        "telling": {
            "key": telling(clean, key),
            "condition": telling(clean, condition),
        },
        "features": clean.shape[1],
        **({"coverage": coverage(clean, key, people, seed, permute)} if permute else {}),
    }


def telling(features: pd.DataFrame, label: np.ndarray, n: int = 5) -> dict[str, float]:
    """The features that tell most by themselves, by the distance of their AUC from ½."""
    found = {}
    for name in features:
        values = features[name].to_numpy()
        if values.min() < values.max():
            found[str(name)] = float(roc_auc_score(label, values))
    most = sorted(found, key=lambda name: -abs(found[name] - 0.5))[:n]
    return {name: round(found[name], 4) for name in most}


def main(arguments: Sequence[str] | None = None) -> None:
    """Gather, audit, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few people, for CI")
    parser.add_argument("--people", type=int)
    parser.add_argument("--trials", type=int, help="of each person")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--permute", type=int, default=0, help="measure the interval's coverage in so many runs"
    )
    given = parser.parse_args(arguments)
    people, trials = QUICK if given.quick else (PEOPLE, TRIALS)
    people, trials = given.people or people, given.trials or trials
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        server = LiveServer(
            Path(folder) / "server", make_study(Path(folder) / "made", trials, given.seed)
        )
        try:
            seen = gather(server, people, Random(given.seed))
        finally:
            server.stop()
            server.database.dispose()
    gathered = time.monotonic()
    found = audit(seen, given.seed, given.permute)
    print(
        json.dumps(
            {
                **found,
                "trials": len(seen),
                "people": people,
                "seconds": [round(gathered - begun), round(time.monotonic() - gathered)],
                "quick": given.quick,
            }
        )
    )


if __name__ == "__main__":
    main()
