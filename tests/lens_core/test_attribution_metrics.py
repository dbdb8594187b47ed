"""Metrics of attributions, where an oracle knows the answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from lens_core.atlas import LensError
from lens_core.attribution import ClassTargets, PredictTargets
from lens_core.attribution.class_activation import FEM
from lens_core.attribution.gradients import GradientInput, Saliency
from lens_core.classifier import Classifier, Preprocessing
from lens_core.metrics.attribution_agreement import agreement
from lens_core.metrics.attribution_averages import averages
from lens_core.metrics.attribution_fidelity import deletion, insertion, mu_fidelity
from lens_core.metrics.attribution_sanity import (
    l1_distance,
    model_randomization,
    random_logit,
    squared_l2_distance,
    stability,
    structural_similarity,
)
from lens_core.metrics.attribution_shape import complexity, sparseness
from lens_core.metrics.correlation import pearson, ranks, spearman

PX = 12


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


EFFECTS = torch.rand(PX, PX, generator=generator(1)) ** 4
IMAGES = 0.5 + 0.5 * torch.rand(3, 3, PX, PX, generator=generator(2))


def linear(x: Tensor) -> Tensor:
    return (x.mean(1) * EFFECTS).sum((1, 2)) / EFFECTS.sum()


TARGETS = PredictTargets(linear)
TRUTH = IMAGES.mean(1) * EFFECTS
RANDOM = torch.rand(TRUTH.shape, generator=generator(3))


# ---------------------------------------------------------------- correlations


def test_correlations_are_scipys_with_ties() -> None:
    x = torch.randint(0, 6, (4, 30), generator=generator()).double()
    y = x + torch.randint(0, 9, (4, 30), generator=generator(1))
    for n in range(4):
        assert float(pearson(x, y)[n]) == pytest.approx(stats.pearsonr(x[n], y[n])[0])
        assert float(spearman(x, y)[n]) == pytest.approx(stats.spearmanr(x[n], y[n])[0])
        assert np.allclose(ranks(x)[n], stats.rankdata(x[n]))
    assert pearson(x, torch.ones_like(x)).isnan().all()
    assert spearman(torch.ones_like(x), y).isnan().all()


# ---------------------------------------------------------------- fidelity


def test_deletion_of_a_linear_score_is_what_is_left() -> None:
    curve = deletion(IMAGES, TARGETS, TRUTH, steps=PX * PX, baseline=0.0, batch=50)
    ordered = TRUTH.flatten(1).sort(dim=1, descending=True).values / EFFECTS.sum()
    gone = torch.cat([torch.zeros(3, 1), ordered.cumsum(1)], dim=1)
    assert torch.allclose(curve.scores.float(), linear(IMAGES)[:, None] - gone, atol=1e-5)
    by_hand = (curve.scores[:, 1:] + curve.scores[:, :-1]).mean(1) / 2
    assert torch.allclose(curve.areas, by_hand)


def test_insertion_is_deletion_from_the_other_end_where_baselines_are_the_same() -> None:
    shown = insertion(IMAGES, TARGETS, -TRUTH, steps=9, baseline=0.0)
    hidden = deletion(IMAGES, TARGETS, TRUTH, steps=9, baseline=0.0)
    assert torch.allclose(shown.scores, hidden.scores.flip(1), atol=1e-6)


def test_the_truth_is_deleted_and_inserted_best() -> None:
    for one in (RANDOM, -TRUTH):
        assert deletion(IMAGES, TARGETS, TRUTH).area < deletion(IMAGES, TARGETS, one).area - 0.05
    of_truth = insertion(IMAGES, TARGETS, TRUTH, baseline=0.0).area
    assert of_truth > insertion(IMAGES, TARGETS, RANDOM, baseline=0.0).area + 0.05
    curve = deletion(IMAGES, TARGETS, TRUTH)
    assert curve.scores.shape == (3, PX + 1)  # a row's worth of pixels a step
    assert torch.allclose(curve.scores[:, 0].float(), linear(IMAGES))
    assert torch.allclose(curve.scores[:, -1], torch.full((3,), 0.5).double(), atol=1e-6)


@pytest.mark.parametrize("correlation", ["pearson", "spearman"])
@pytest.mark.parametrize("subsets", ["fixed", "bernoulli"])
@pytest.mark.parametrize("grid_size", [None, 4])
def test_mu_fidelity_of_the_truth_is_one(
    correlation: str, subsets: str, grid_size: int | None
) -> None:
    def score(maps: Tensor, batch: int = 64) -> Tensor:
        return mu_fidelity(
            IMAGES,
            TARGETS,
            maps,
            grid_size=grid_size,
            baseline=0.0,
            correlation=correlation,  # type: ignore[arg-type]
            subsets=subsets,  # type: ignore[arg-type]
            batch=batch,
        )

    assert (score(TRUTH) > 0.99).all()
    assert (score(-TRUTH) < -0.99).all()
    # Parts of random size make any positive map agree: the reason to fix it.
    assert (score(RANDOM) < (0.8 if subsets == "fixed" else 0.95)).all()
    assert torch.allclose(score(RANDOM), score(RANDOM, batch=7), atol=1e-6)


def test_fixed_subsets_hide_as_many_cells_each_time() -> None:
    seen: list[Tensor] = []

    def watch(x: Tensor) -> Tensor:
        seen.append(x.mean((1, 2, 3)))
        return x[:, 0, 0, 0] + x[:, 0, 5, 5]

    ones = torch.ones(1, 3, PX, PX)
    mu_fidelity(ones, PredictTargets(watch), RANDOM[:1], grid_size=4, baseline=0.0, nb_samples=40)
    assert torch.allclose(torch.cat(seen)[2:], torch.tensor(1 - 3 / 16))


@pytest.mark.parametrize("subsets", ["fixed", "bernoulli"])
@pytest.mark.parametrize("correlation", ["pearson", "spearman"])
def test_mu_fidelity_is_the_correlation_of_its_definition(correlation: str, subsets: str) -> None:
    """As published, and as Xplique has it, with scipy's correlations, of a score that is bent."""
    seen: list[Tensor] = []

    def bent(x: Tensor) -> Tensor:
        return torch.tanh(4 * linear(x) - 2)

    def watched(x: Tensor) -> Tensor:
        seen.append(x.clone())
        return bent(x)

    found = mu_fidelity(
        IMAGES[:1],
        PredictTargets(watched),
        RANDOM[:1],
        grid_size=4,
        nb_samples=60,
        baseline=0.0,
        correlation=correlation,  # type: ignore[arg-type]
        subsets=subsets,  # type: ignore[arg-type]
    )
    asked = torch.cat(seen)[2:]  # first the whole picture and the empty one
    hidden = (asked == 0).all(1)
    claims = (RANDOM[:1] * hidden).sum((1, 2))
    drops = bent(IMAGES[:1]) - bent(asked)
    correlate = stats.pearsonr if correlation == "pearson" else stats.spearmanr
    assert float(found[0]) == pytest.approx(correlate(claims, drops)[0], abs=1e-5)
    assert (hidden.sum((1, 2)).float().std() == 0) == (subsets == "fixed")


def test_mu_fidelity_has_no_answer_where_nothing_varies() -> None:
    assert mu_fidelity(IMAGES, TARGETS, torch.ones_like(TRUTH), grid_size=4).isnan().all()
    with pytest.raises(LensError, match="leaves nothing to choose"):
        mu_fidelity(IMAGES, TARGETS, TRUTH, subset_percent=1.0)
    with pytest.raises(LensError, match="do not fit"):
        deletion(IMAGES, TARGETS, TRUTH[:, 1:])


def test_averages_by_hand() -> None:
    masks = torch.zeros(3, PX, PX)
    masks[0, 0, 0] = 1.0
    masks[1] = torch.linspace(2, 4, PX * PX).view(PX, PX)
    masks[2] = 0.7
    found = averages(IMAGES, TARGETS, masks)
    scaled = torch.stack([masks[0], (masks[1] - 2) / 2, torch.zeros(PX, PX)])
    before, after = linear(IMAGES).double(), linear(IMAGES * scaled[:, None]).double()
    assert torch.allclose(found.drop, (before - after).clamp(min=0) / before, atol=1e-5)
    assert (found.increase == 0).all()
    assert (found.gain == 0).all()
    better = PredictTargets(lambda x: 1 - linear(x))
    found = averages(IMAGES, better, masks)
    assert (found.increase == 1).all()
    assert torch.allclose(found.gain, (before - after) / before, atol=1e-5)
    assert (found.drop == 0).all()
    with pytest.raises(LensError, match="probability"):
        averages(IMAGES, PredictTargets(lambda x: linear(x) * 9), masks)


def test_averages_of_a_signed_map() -> None:
    signed = torch.where(EFFECTS.median() < EFFECTS, 1.0, -1.0).expand(3, -1, -1)
    kept = averages(IMAGES, TARGETS, signed)
    assert (kept.drop < 0.2).all()
    assert (averages(IMAGES, TARGETS, signed, absolute=True).drop == 1).all()  # the same everywhere


# ---------------------------------------------------------------- shape


def test_complexity_and_sparseness_at_their_ends() -> None:
    maps = torch.zeros(3, 4, 5)
    maps[0] = -2.0
    maps[1, 2, 3] = 7.0
    maps[2, 0] = torch.tensor([1.0, -1, 1, -1, 1])
    assert complexity(maps).tolist() == pytest.approx([math.log(20), 0.0, math.log(5)])
    assert sparseness(maps).tolist() == pytest.approx([0.0, 0.95, 0.75])
    assert torch.allclose(sparseness(maps * 9), sparseness(maps))
    assert complexity(torch.zeros(1, 2, 2)).isnan()


# ---------------------------------------------------------------- sanity


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1), nn.ReLU())
        self.mid = nn.Sequential(nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU())
        self.head = nn.Linear(8 * (PX // 2) ** 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.mid(self.layer(x)).flatten(1))
        return logits


@pytest.fixture(scope="module")
def targets() -> ClassTargets:
    preprocessing = Preprocessing(
        input_px=PX, resize_px=PX, mean=(0.5,) * 3, std=(0.5,) * 3, interpolation="bilinear"
    )
    net = Classifier(Net(), preprocessing=preprocessing, layer="layer", precision="float32")
    return ClassTargets(net, (0, 1, 2))


def test_stability_is_0_where_maps_do_not_change() -> None:
    assert stability(Saliency(), IMAGES, TARGETS, nb_samples=3).abs().max() < 1e-6
    small = stability(GradientInput(), IMAGES, TARGETS, radius=0.01, nb_samples=5)
    large = stability(GradientInput(), IMAGES, TARGETS, radius=0.1, nb_samples=5)
    assert torch.allclose(large, 10 * small, rtol=1e-3)
    # Of a linear score the map moves by effect × mean noise, noise uniform: SD radius / √3.
    expected = (EFFECTS / EFFECTS.sum()).norm() * 0.1 / math.sqrt(3) / math.sqrt(3)
    assert torch.allclose(large, expected.double().expand(3), rtol=0.3)


def test_stability_as_xplique_has_it() -> None:
    """Neighbours above: of a linear score the map moves by effect × mean noise, 0 to radius."""
    effects, radius = (EFFECTS / EFFECTS.sum()).double(), 0.1
    mean_square = radius**2 * (1 / 4 + 1 / 36)  # of the mean of three
    for distance, expected in (
        (squared_l2_distance, float((effects**2).sum()) * mean_square),
        (l1_distance, float(effects.sum()) * radius / 2),
    ):
        found = stability(
            GradientInput(), IMAGES, TARGETS, radius, 200, distance, neighbours="above"
        )
        assert torch.allclose(found, torch.full((3,), expected).double(), rtol=0.05)


def test_random_logits_give_other_maps_unless_the_method_is_blind(targets: ClassTargets) -> None:
    assert torch.allclose(random_logit(FEM(), IMAGES, targets), torch.ones(3).double())
    of_saliency = random_logit(Saliency(), IMAGES, targets)
    assert (of_saliency < 0.9).all()
    assert torch.equal(of_saliency, random_logit(Saliency(), IMAGES, targets))


def test_similarity_is_that_of_its_definition() -> None:
    a = torch.rand(2, 20, 20, generator=generator(5))
    assert torch.allclose(structural_similarity(a, a), torch.ones(2).double())
    assert (structural_similarity(a, 1 - a) < 0).all()
    assert (structural_similarity(torch.zeros(1, 9, 9), torch.zeros(1, 9, 9)) == 1).all()
    b = torch.rand(2, 20, 20, generator=generator(6))
    line = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    weights = np.outer(line, line) / np.outer(line, line).sum()
    for n in range(2):
        x, y = a[n].double().numpy(), b[n].double().numpy()
        spread = max(x.max(), y.max()) - min(x.min(), y.min())
        values = []
        for i in range(10):
            for j in range(10):
                p, q = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
                mp, mq = (weights * p).sum(), (weights * q).sum()
                vp, vq = (weights * p**2).sum() - mp**2, (weights * q**2).sum() - mq**2
                cov = (weights * p * q).sum() - mp * mq
                c1, c2 = (0.01 * spread) ** 2, (0.03 * spread) ** 2
                above = (2 * mp * mq + c1) * (2 * cov + c2)
                values.append(above / ((mp**2 + mq**2 + c1) * (vp + vq + c2)))
        assert float(structural_similarity(a, b)[n]) == pytest.approx(np.mean(values))


def test_random_weights_change_maps_and_leave_the_model(targets: ClassTargets) -> None:
    before = {k: v.clone() for k, v in targets.classifier.module.state_dict().items()}
    found = model_randomization(Saliency(), IMAGES, targets, stages=3)
    assert found.layers == ("head", "mid.0", "layer.0")
    assert found.correlations.shape == (3, 3)
    assert (found.correlations < 0.8).all()
    assert found.correlations[-1].abs().mean() < 0.4
    for name, value in targets.classifier.module.state_dict().items():
        assert torch.equal(value, before[name])
    # What reads the first layer alone stays until that layer is reached.
    blind = model_randomization(FEM(), IMAGES, targets, stages=3).correlations
    assert torch.allclose(blind[:2], torch.ones(2, 3).double())
    assert (blind[2] < 0.9).all()


# ---------------------------------------------------------------- agreement


def test_networks_that_explain_alike_agree_wholly() -> None:
    n = 12
    labels = torch.zeros(n, dtype=torch.long)
    folds = torch.arange(n) % 3
    predictions = torch.zeros(3, n, dtype=torch.long)
    maps = torch.rand(n, 6, 6, generator=generator(8)).repeat(3, 1, 1, 1)
    found = agreement(maps, predictions, labels, folds)
    assert found.mege == pytest.approx(1.0)
    assert math.isnan(found.reco)
    assert len(found.same) == 3 * 8  # three pairs, each on two of the three folds
    # A network that is wrong explains something else: distances tell who is right.
    predictions[2, :6] = 1
    maps[2, :6] = torch.rand(6, 6, 6, generator=generator(9))
    found = agreement(maps, predictions, labels, folds)
    assert found.mege == pytest.approx(1.0)
    assert found.reco == pytest.approx(1.0)
    assert (found.other > 0.5).all()


def test_agreement_by_hand() -> None:
    """Two networks, two images; ranks (1, 2, 3, 4) against (1, 2, 4, 3): ρ = .8."""
    first, second = torch.tensor([1.0, 2, 3, 4]), torch.tensor([1.0, 2, 4, 3])
    maps = torch.stack([torch.stack([first, first]), torch.stack([second, first])]).view(2, 2, 2, 2)
    labels, folds = torch.zeros(2, dtype=torch.long), torch.arange(2)
    found = agreement(maps, torch.zeros(2, 2, dtype=torch.long), labels, folds)
    assert found.same.tolist() == pytest.approx([math.sqrt(0.2), 0.0], abs=1e-6)
    assert found.mege == pytest.approx(1 / (1 + math.sqrt(0.2) / 2))
    wrong = torch.tensor([[0, 1], [0, 0]])
    found = agreement(maps, wrong, labels, folds)
    assert found.other.tolist() == pytest.approx([0.0], abs=1e-6)
    assert found.reco == 0.0  # the pair that disagreed explained more alike
    with pytest.raises(LensError, match="folds"):
        agreement(maps, wrong, labels, folds[:1])
