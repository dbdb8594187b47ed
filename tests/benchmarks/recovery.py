"""Do concepts tell what a classifier uses? Accounts of it against interventions on its pictures.

A classifier is trained on leaves, whose parts can be swapped or taken away one at a time. The truth
about a picture and a part is the drop of the class's logit when that part alone is changed; the
part is relied upon if the drop is at least a fifth of the class's mean lead over the other classes.
Every factorization (of crops of each class, coded its own way) gives an account, judged in three
ways.

Where (``table``)
    IoU of a concept's map with the mask of a part (as many of the highest places as the mask has)
    and whether its peak lies on it. The concept is chosen on one half of the leaves and scored on
    the other, both ways. A mask is scored at the last layer whose cells are no wider than the mask
    is thick: plain values at the dictionary's own layer, gradient × input of the concept's value at
    earlier ones and at the pixels. K-Means has no gradient and so no fine maps.
How much (``auc``)
    For each leaf and part, the importance of concepts that go when the part is changed, beyond what
    evenly spread importance would give: Σ (I_i − mean I) · lost share of u_i, with Σ|I| = 1. Its
    AUC against the truth, over all leaves and parts. Importances shuffled among the concepts of
    each leaf gain 0 on average, and stand beside: about ½.
    ``auc_by_place`` puts the share of the concept's map on the mask in place of the lost share:
    what a reader can tell who sees maps and importances but cannot intervene. It cannot tell parts
    that lie on one another, such as outline and colour of a blade.
    On a linear head integrated gradients, occlusion and Shapley values equal gradient_input,
    SmoothGrad equals saliency and VarGrad is 0.
Bias (``bias_found``)
    Elms carry a label that the classifier uses. Found: of the three most important concepts of
    that family one, with a positive importance, lies on the label (IoU above twice chance, peak on
    it in half of the leaves). ``bias_found`` is NMF's; ``bias_found_by`` has all.

ACE (clusters of superpixels) and TCAV (given examples of each part) are baselines; neither has
values of changed pictures, so they are judged by place alone.

    python tests/benchmarks/recovery.py [--quick] [--threads N] [--images LEAVES] [--model MODEL]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support.accounts import ACE, CHANCE, N_SHUFFLES, SHUFFLED, TCAV, Scores
from tests.support.leaf_world import QUICK, Size, make_world
from tests.support.recovery import auc


def summary(scores: Scores) -> dict[str, Any]:
    """All figures, ready for JSON."""
    truth = np.array(scores.truth)

    def area(values: list[float]) -> float:
        return round(auc(np.array(values), truth), 3)

    size, world = scores.size, scores.world
    amounts: dict[str, dict[str, float]] = {}
    for name in size.methods:
        amounts[name] = {e: area(scores.gains[name, e]) for e in size.estimators}
        mixed = [area(scores.gains[name, f"{SHUFFLED}{k}"]) for k in range(N_SHUFFLES)]
        amounts[name][SHUFFLED] = round(float(np.mean(mixed)), 3)
    best = max((amounts[m][e], m, e) for m in size.methods for e in size.estimators)
    table: dict[str, dict[str, dict[str, float] | None]] = {}
    for part in [part for part in world.layers if part != "colour"]:  # lies where the shape does
        table[part] = {}
        for name in (*size.methods, ACE, TCAV, CHANCE):
            found = scores.where.get((part, name))
            table[part][name] = None
            if found:
                iou, pointing = np.mean(found, axis=0)
                table[part][name] = {"iou": round(iou, 3), "pointing": round(pointing, 3)}
    return {
        "best_auc": best[0],
        "best": f"{best[1]} × {best[2]}",
        "bias_found": scores.bias["nmf"],
        "bias_found_by": scores.bias,
        "table": table,
        "layers": world.layers,
        "auc": amounts,
        "auc_by_place": {name: area(values) for name, values in scores.by_place.items()},
        "effects": {
            family: {
                part: round(float(np.mean(drops)), 2)
                for (own, part), drops in scores.effects.items()
                if own == family
            }
            for family in size.families
        },
        "accuracy": round(world.accuracy, 3),
        "n_pairs": len(truth),
        "n_relied_upon": int(truth.sum()),
    }


def markdown(result: dict[str, Any]) -> str:
    """The three tables, for people."""
    every = dict.fromkeys(part for own in result["effects"].values() for part in own)
    parts = sorted(every, key=list(result["layers"]).index)
    blocks = [
        "Truth: mean drop of the class's logit, in leads over the other classes",
        _rows(
            ["family", *parts],
            [[f, *(own.get(p, "") for p in parts)] for f, own in result["effects"].items()],
        ),
        "Where: IoU / peak on the mask, of the concept that is best on other leaves",
        _rows(
            ["method", *(f"{part} ({result['layers'][part]})" for part in result["table"])],
            [
                [name, *(_cell(own[name]) for own in result["table"].values())]
                for name in next(iter(result["table"].values()))
            ],
        ),
        "How much: AUC of importance against the truth; by place: told from maps alone",
        _rows(
            ["method", *next(iter(result["auc"].values())), "by place", "label found"],
            [
                [
                    name,
                    *result["auc"].get(name, {}).values(),
                    *(
                        [""]
                        * (0 if name in result["auc"] else len(next(iter(result["auc"].values()))))
                    ),
                    result["auc_by_place"][name],
                    "yes" if result["bias_found_by"].get(name) else "no",
                ]
                for name in result["auc_by_place"]
            ],
        ),
    ]
    return "\n\n".join(blocks) + "\n"


def _rows(head: list[str], rows: list[list[object]]) -> str:
    lines = [head, ["---"] * len(head), *([str(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(found: dict[str, float] | None) -> str:
    return f"{found['iou']:.2f} / {found['pointing']:.2f}" if found else ""


def main() -> None:
    """Measure, print tables and one JSON object."""
    parser = argparse.ArgumentParser(description="Accounts by concepts against interventions.")
    parser.add_argument("--quick", action="store_true", help="three families, few leaves")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=Path, help="folder written by `lens data leaves`")
    parser.add_argument("--model", type=Path, help="model folder trained on it")
    options = parser.parse_args()
    start = time.perf_counter()
    torch.set_num_threads(options.threads)
    size = QUICK if options.quick else Size()
    with threadpool_limits(options.threads):
        world = make_world(size, options.images, options.model, options.threads)
        made = time.perf_counter()
        scores = Scores(size, world)
        for family in size.families:
            print(f"{family}: accounts and interventions", file=sys.stderr, flush=True)
            scores.add(family)
    seconds = {"world": made - start, "accounts": time.perf_counter() - made}
    result = summary(scores) | {"quick": options.quick, "threads": options.threads}
    print(markdown(result))
    print(json.dumps(result | {"seconds": {k: round(v, 1) for k, v in seconds.items()}}))


if __name__ == "__main__":
    main()
