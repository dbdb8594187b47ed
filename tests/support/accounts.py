"""Accounts of a classifier by concepts, each held against the interventions of a `World`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from experiments.generators.leaves import LABELLED_FAMILY
from lens_core.ace import ace
from lens_core.attribution.concept_maps import concept_maps
from lens_core.crops import cut, default_patch_px
from lens_core.factorization import METHODS, Factorization, Units
from lens_core.factorization.archetypal import ArchetypalAnalysis
from lens_core.importance import ESTIMATORS
from lens_core.importance.tcav import concept_vector, tcav_score
from tests.support.interventions import Case
from tests.support.leaf_world import Size, World, as_tensor
from tests.support.recovery import (
    Array,
    best_of,
    chance_overlap,
    enlarged,
    gain,
    lost_share,
    overlap,
)

RELIED_FROM = 0.2
N_CONCEPTS = 10
N_SHUFFLES = 10
CHANCE, ACE, TCAV, SHUFFLED = "chance", "ace", "tcav", "shuffled"


class Scores:
    """What all families add to the tables."""

    def __init__(self, size: Size, world: World) -> None:
        self.size = size
        self.world = world
        self.truth: list[bool] = []
        self.effects: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.gains: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.by_place: dict[str, list[float]] = defaultdict(list)
        self.where: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
        self.bias: dict[str, bool] = {}
        self.rng = np.random.default_rng(0)
        # Each half of the cases is judged by vectors learned on the other.
        self.vectors = [part_vectors(world, size.parts, 1 - half) for half in range(2)]

    @torch.no_grad()
    def add(self, family: str) -> None:
        """Judge all accounts of one family."""
        classifier, cases = self.world.classifier, self.world.cases[family]
        class_id = classifier.class_names.index(family)
        head = classifier.linear_head
        assert head is not None
        maps = classifier.encode(as_tensor([case.picture for case in cases]))
        logits = classifier.head(maps)
        rest = logits.clone()
        rest[:, class_id] = -torch.inf
        lead = float((logits[:, class_id] - rest.amax(1)).mean())
        pairs = [(k, part) for k, case in enumerate(cases) for part in case.masks]
        after = classifier.encode(as_tensor([cases[k].changed[part] for k, part in pairs]))
        rows = [k for k, _ in pairs]
        drops = (logits[rows, class_id] - classifier.head(after)[:, class_id]) / lead
        self.truth += (drops >= RELIED_FROM).tolist()
        for drop, (_, part) in zip(drops.tolist(), pairs, strict=True):
            self.effects[family, part].append(drop)
        patch = default_patch_px(classifier.preprocessing.input_px)
        crops = torch.cat(
            [
                classifier.encode(cut(one[None], patch, one.shape[-1])).mean((2, 3))
                for one in self.world.fit[family]
            ]
        )
        weight, bias = head.weight[class_id], head.bias[class_id]
        for name in self.size.methods:
            basis = fitted(name, self.world, family, crops, self.size)
            values = basis.encode(maps.mean((2, 3)))
            importances = {
                estimator: ESTIMATORS[estimator](
                    lambda a: a.flatten(2).mean(2) @ weight + bias,
                    values[:, :, None, None],
                    basis.dictionary,
                )
                .double()
                .numpy()
                for estimator in self.size.estimators
            }
            lost = lost_share(
                values[rows].double().numpy(), basis.encode(after.mean((2, 3))).double().numpy()
            )
            self._amounts(name, importances, lost, rows)
            self._places(name, basis, family, importances["gradient_input"], pairs)
        self._baselines(family, class_id, weight, pairs)

    def _amounts(
        self, name: str, importances: dict[str, Array], lost: Array, rows: Sequence[int]
    ) -> None:
        for estimator, importance in importances.items():
            for row, gone in zip(rows, lost, strict=True):
                self.gains[name, estimator].append(gain(importance[row], gone))
        for shuffle in range(N_SHUFFLES):
            mixed = self.rng.permuted(importances["gradient_input"], axis=1)
            for row, gone in zip(rows, lost, strict=True):
                self.gains[name, f"{SHUFFLED}{shuffle}"].append(gain(mixed[row], gone))

    def _places(
        self,
        name: str,
        basis: Factorization,
        family: str,
        importance: Array,
        pairs: Sequence[tuple[int, str]],
    ) -> None:
        world, cases = self.world, self.world.cases[family]
        pictures = as_tensor([case.picture for case in cases])
        plain = concept_maps(world.classifier, basis, pictures, method="values")
        side = plain.shape[-1]
        for k, part in pairs:
            cover = world.masks_at(cases[k], part, side)
            size = plain[k].abs()
            on_it = (size * cover).sum((1, 2)) / size.sum((1, 2)).clamp(min=1e-9)
            self.by_place[name].append(gain(importance[k], on_it.double().numpy()))
        for layer in set(world.layers.values()):
            parts = [part for part, at in world.layers.items() if at == layer]
            fine = plain
            if layer != world.classifier.layer:
                if name == "kmeans":
                    continue
                fine = concept_maps(world.classifier, basis, pictures, layer, "gradient_input")
            large = [enlarged(one.numpy(), pictures.shape[-1]) for one in fine]
            for part in parts:
                found = self._overlaps(cases, part, large)
                self.where[part, name] += best_of(found)
                if part == "label" and family == LABELLED_FAMILY:
                    self.bias[name] = is_found(found, importance, cases)

    def _overlaps(
        self, cases: Sequence[Case], part: str, large: Sequence[Array]
    ) -> dict[int, Array]:
        """(r + 1, 2) IoU and pointing by case, those of chance last."""
        found = {}
        for k, case in enumerate(cases):
            if part in case.masks:
                mask = self.world.masks_at(case, part, large[k].shape[-1]).numpy() >= 0.5
                if mask.any():
                    own = [overlap(one, mask) for one in large[k]]
                    found[k] = np.array([*own, chance_overlap(mask)])
        return found

    def _baselines(
        self, family: str, class_id: int, weight: Tensor, pairs: Sequence[tuple[int, str]]
    ) -> None:
        classifier, cases = self.world.classifier, self.world.cases[family]
        px = classifier.preprocessing.input_px
        others = [c.picture for f, own in self.world.cases.items() if f != family for c in own[::4]]
        pictures = as_tensor([case.picture for case in cases])
        result = ace(classifier, pictures, class_id, as_tensor(others), self.size.ace)
        n = len(result.concepts)
        covers = [
            [result.cover(c, k).double().numpy() for c in range(n)] for k in range(len(cases))
        ]
        scores = np.array([concept.score for concept in result.concepts])
        for k, part in pairs:
            mask = self.world.masks_at(cases[k], part, px).double().numpy()
            on_it = [float((c * mask).sum() / max(c.sum(), 1.0)) for c in covers[k]]
            self.by_place[ACE].append(gain(scores, np.array(on_it)) if n else 0.0)
            # The derivative of a linear head is the same everywhere.
            self.by_place[TCAV].append(self._tcav(weight, part, k))
        large = [np.stack(own) if own else np.zeros((1, px, px)) for own in covers]
        maps = classifier.encode(pictures)
        for part in self.world.layers:
            found = self._overlaps(cases, part, large)
            self.where[part, ACE] += best_of(found)
            self.where[part, CHANCE] += [(float(x[-1, 0]), float(x[-1, 1])) for x in found.values()]
            if part == "label" and family == LABELLED_FAMILY:
                self.bias[ACE] = is_found(found, np.tile(scores, (len(cases), 1)), cases)
            if self.world.layers[part] == classifier.layer and all(part in v for v in self.vectors):
                own = [self.vectors[k % 2][part][0] for k in range(len(cases))]
                along = torch.einsum("ndhw,nd->nhw", maps, torch.stack(own))[:, None].clamp(min=0)
                found = self._overlaps(cases, part, [enlarged(one.numpy(), px) for one in along])
                self.where[part, TCAV] += best_of(found)
                if part == "label" and family == LABELLED_FAMILY:
                    used = [[self._tcav(weight, part, k)] for k in range(len(cases))]
                    self.bias[TCAV] = is_found(found, np.array(used), cases)

    def _tcav(self, weight: Tensor, part: str, case: int) -> float:
        """Mean score over vectors, −½ to ½."""
        directions = self.vectors[case % 2].get(part, [])
        one = torch.zeros(1, len(weight))
        found = [tcav_score(lambda a: a @ weight, one, direction) - 0.5 for direction in directions]
        return float(np.mean(found)) if found else 0.0


def fitted(name: str, world: World, family: str, crops: Tensor, size: Size) -> Factorization:
    """A factorization of the family's crops."""
    head = world.classifier.linear_head
    assert head is not None
    basis: Factorization
    if name == "units":
        basis = Units(N_CONCEPTS, head.weight[world.classifier.class_names.index(family)])
    elif name == "archetypal":
        basis = ArchetypalAnalysis(N_CONCEPTS, max_iterations=30)
    elif name.endswith("sae"):
        basis = METHODS[name](N_CONCEPTS, seed=0, steps=size.sae_steps)  # type: ignore[call-arg]
    else:
        basis = METHODS[name](N_CONCEPTS, seed=0)
    basis.fit(crops)
    return basis


@torch.no_grad()
def part_vectors(
    world: World, parts: Sequence[str], half: int, n_repeats: int = 5
) -> dict[str, list[Tensor]]:
    """Vectors of each part from every other picture that has it, and the same ones changed."""
    every = [case for own in world.cases.values() for case in own[half::2]]
    found = {}
    for part in parts:
        chosen = [case for case in every if part in case.masks]
        if len(chosen) >= 4:
            pictures = [c.picture for c in chosen] + [c.changed[part] for c in chosen]
            rows = world.classifier.encode(as_tensor(pictures)).mean((2, 3))
            have, lack = rows[: len(chosen)], rows[len(chosen) :]
            vectors = [concept_vector(have, lack, seed=seed) for seed in range(n_repeats)]
            found[part] = [vector.direction for vector in vectors]
    return found


def is_found(found: dict[int, Array], importance: Array, cases: Sequence[Case]) -> bool:
    """Whether one of the three most important concepts lies on the label."""
    scores = np.mean(list(found.values()), axis=0)
    mean = importance[[k for k, case in enumerate(cases) if "label" in case.masks]].mean(0)
    chance = scores[-1, 0]
    return any(
        mean[i] > 0 and scores[i, 0] > 2 * chance and scores[i, 1] >= 0.5
        for i in np.argsort(-mean, kind="stable")[:3].tolist()
    )
