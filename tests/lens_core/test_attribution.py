"""What every attribution method promises: one interface, known answers, bounded memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from lens_core.atlas import LensError
from lens_core.attribution import (
    ATTRIBUTIONS,
    Attribution,
    ClassTargets,
    ConceptTargets,
    PredictTargets,
    Targets,
    UnitTargets,
    attribute,
)
from lens_core.attribution.gradients import GradientInput, IntegratedGradients, Saliency
from lens_core.attribution.noise import SmoothGrad, SquareGrad, VarGrad
from lens_core.attribution.occlusion import Occlusion
from lens_core.attribution.sensitivity import Sobol
from lens_core.attribution.surrogates import KernelShap, Lime
from lens_core.classifier import Classifier
from tests.support.attributions import EVERY, PX, QUICK, OnePatch, noise_pictures, seen_at

every = pytest.mark.parametrize("method", EVERY, ids=list(ATTRIBUTIONS))


@pytest.fixture(scope="module", params=["maps", "tokens"])
def one_patch(request: pytest.FixtureRequest) -> Classifier:
    return seen_at(OnePatch(tokens=request.param == "tokens"), "layer")


@pytest.fixture(scope="module")
def images() -> Tensor:
    return noise_pictures()


ASKED: dict[str, Callable[[Classifier], Targets]] = {
    "logit": lambda classifier: ClassTargets(classifier, 0),
    "concept": lambda classifier: ConceptTargets(classifier, 3 * torch.eye(2), 0),
    "unit": lambda classifier: UnitTargets(classifier, 0),
}


@every
@pytest.mark.parametrize("asked", list(ASKED))
def test_the_one_patch_that_matters_is_found(
    method: Attribution, asked: str, one_patch: Classifier, images: Tensor
) -> None:
    """Of each target, of a network that lays its features out as maps or as tokens."""
    found = method.explain(images, ASKED[asked](one_patch))
    assert found.shape == (2, PX, PX)
    assert found.dtype == torch.float32
    if isinstance(method, VarGrad) and asked != "logit":
        assert found.abs().max() < 1e-9, "a mean activation is linear in pixels: nothing varies"
        return
    inside = torch.zeros(PX, PX, dtype=torch.bool)
    inside[8:16, 16:24] = True
    for one in found:
        assert inside.flatten()[one.argmax()]
        away = (one - one.median()).abs()  # RISE adds the mean score to every pixel
        assert away[inside].mean() > 4 * away[~inside].mean()


@every
def test_results_depend_neither_on_the_batch_nor_on_other_images(
    method: Attribution, one_patch: Classifier, images: Tensor
) -> None:
    targets = ClassTargets(one_patch, (0, 1))
    found = method.explain(images, targets)
    again = method.explain(images, targets, batch=5)
    alone = method.explain(images[1:], ClassTargets(one_patch, 1), batch=1)
    scale = found.abs().max()
    assert (found - again).abs().max() <= 1e-4 * scale
    assert (found[1:] - alone).abs().max() <= 1e-4 * scale


@pytest.mark.parametrize("name", ["smoothgrad", "rise", "lime", "sobol", "hsic", "kernel_shap"])
def test_chance_follows_the_seed(name: str, images: Tensor) -> None:
    targets = PredictTargets(bent)
    first, same, other = (QUICK[name].explain(images[:1], targets, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@every
def test_models_are_left_as_they_were_even_by_errors(method: Attribution, images: Tensor) -> None:
    module = OnePatch()
    classifier = seen_at(module, "layer")
    before = {name: value.clone() for name, value in module.state_dict().items()}
    given = images.clone()
    method.explain(images, ClassTargets(classifier, 0))

    class Breaks(ClassTargets):
        def scores_of(self, activations: Any, rows: Tensor) -> Tensor:
            super().scores_of(activations, rows)
            raise ValueError("broken")

    if method.title != "FEM":
        with pytest.raises(ValueError, match="broken"):
            method.explain(images, Breaks(classifier, 0))
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name])
    assert torch.equal(given, images)
    assert not any(parameter.requires_grad for parameter in module.parameters())
    assert all(parameter.grad is None for parameter in module.parameters())
    hooks = [len(m._forward_hooks) + len(m._backward_hooks) for m in module.modules()]
    assert sum(hooks) == 0
    assert torch.relu(torch.tensor([-1.0])) == 0
    x = torch.tensor([-1.0], requires_grad=True)
    torch.relu(x).backward(torch.ones(1))
    assert x.grad == 0


# ---------------------------------------------------------------- closed forms


WEIGHTS = torch.randn(3, PX, PX, generator=torch.Generator().manual_seed(7))


def linear(x: Tensor) -> Tensor:
    return (x * WEIGHTS).sum((1, 2, 3)) + 3


def test_gradient_methods_on_a_linear_score(images: Tensor) -> None:
    targets = PredictTargets(linear)
    effects = (images * WEIGHTS).sum(1)
    assert torch.allclose(
        Saliency().explain(images, targets), WEIGHTS.abs().amax(0).expand(2, -1, -1)
    )
    assert torch.allclose(GradientInput().explain(images, targets), effects, atol=1e-5)
    assert torch.allclose(IntegratedGradients(8).explain(images, targets), effects, atol=1e-4)
    assert torch.allclose(
        SmoothGrad(5).explain(images, targets), WEIGHTS.abs().sum(0).expand(2, -1, -1), atol=1e-5
    )
    assert torch.allclose(
        SquareGrad(5).explain(images, targets), WEIGHTS.square().sum(0).expand(2, -1, -1), atol=1e-4
    )
    assert VarGrad(5).explain(images, targets).abs().max() < 1e-6


def test_perturbations_of_a_linear_score(images: Tensor) -> None:
    targets = PredictTargets(linear)
    effects = (images * WEIGHTS).sum(1)
    pixels = Occlusion(baseline=0.0, patch_size=1, patch_stride=1).explain(images[:1], targets)
    assert torch.allclose(pixels, effects[:1], atol=1e-3)
    cells = effects.view(2, 4, 8, 4, 8).sum((2, 4))
    expected = cells.repeat_interleave(8, 1).repeat_interleave(8, 2)
    shap = KernelShap(baseline=0.0, segments="grid", nb_segments=16, nb_samples=200)
    assert torch.allclose(shap.explain(images, targets), expected, atol=1e-2)
    lime = Lime(
        baseline=0.0, segments="grid", nb_segments=16, nb_samples=200, alpha=0.0, hide="baseline"
    )
    assert torch.allclose(lime.explain(images, targets), expected, atol=1e-2)


def bent(x: Tensor) -> Tensor:
    return torch.sin((x * WEIGHTS).sum((1, 2, 3)) / 20) * 4


def test_completeness_on_a_score_that_is_not_linear(images: Tensor) -> None:
    targets = PredictTargets(bent)
    for baseline in (0.0, 0.5):
        difference = bent(images) - bent(torch.full_like(images, baseline))
        assert difference.abs().min() > 0.1
        maps = IntegratedGradients(50, baseline).explain(images, targets)
        assert torch.allclose(maps.sum((1, 2)), difference, atol=1e-3)
        for nb_samples in (100, None):
            shap = KernelShap(
                baseline=baseline, segments="grid", nb_segments=16, nb_samples=nb_samples
            )
            values = shap.explain(images, targets)[:, ::8, ::8]
            assert torch.allclose(values.sum((1, 2)), difference, atol=1e-4)


ANY_FUNCTION = [
    m for m in EVERY if m.needs != "layer" and m.title not in ("Guided Backprop", "DeconvNet")
]
"""Methods that need neither a layer nor a ReLU."""


@pytest.mark.parametrize("method", ANY_FUNCTION, ids=lambda m: m.title)
def test_a_score_that_hears_nothing_gives_an_empty_map(method: Attribution, images: Tensor) -> None:
    found = method.explain(images, PredictTargets(lambda x: (x * 0).sum((1, 2, 3)) + 2.0))
    assert torch.allclose(found, found.mean().expand_as(found), atol=1e-6)
    if method.title != "RISE":
        assert found.abs().max() < 1e-6


# ---------------------------------------------------------------- the interface


def test_the_registry_holds_the_seventeen() -> None:
    assert len(ATTRIBUTIONS) == 17
    assert len({method.title for method in EVERY}) == 17
    for method in EVERY:
        assert dataclasses.is_dataclass(method)
        with pytest.raises(dataclasses.FrozenInstanceError):
            method.title = "other"  # type: ignore[misc]


def test_several_methods_at_once(images: Tensor) -> None:
    targets = PredictTargets(linear)
    found = attribute(
        images, targets, ["saliency", "wide"], settings={"wide": Occlusion(patch_size=16)}
    )
    assert list(found) == ["saliency", "wide"]
    assert torch.equal(found["saliency"], Saliency().explain(images, targets))
    with pytest.raises(LensError, match="nearest: gradcam"):
        attribute(images, targets, ["saliency", "grad_cam"])


def test_progress_is_told(images: Tensor) -> None:
    seen: list[tuple[str, int | None, int]] = []

    def track(items: Any, label: str, total: int | None = None) -> Any:
        count = 0
        for item in items:
            yield item
            count += 1
        seen.append((label, total, count))

    targets = PredictTargets(linear)
    attribute(images, targets, ["saliency", "occlusion"], batch=1, track=track)
    assert seen == [("Saliency", 2, 2), ("Occlusion", 2, 2)]


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (lambda c: ClassTargets(c, 2), "class 2 does not exist: there are 2"),
        (lambda c: UnitTargets(c, (0, -1)), "unit -1 does not exist"),
        (lambda c: ClassTargets(c, torch.tensor([0, 1])), r"not Tensor; call .tolist\(\)"),
        (lambda c: ConceptTargets(c, torch.eye(3), 0), "does not fit layer layer, which has 2"),
        (lambda c: ConceptTargets(c, torch.eye(2), 2), "concept 2 does not exist"),
        (lambda c: ClassTargets(c, (0, 1, 1)), "3 targets for 2 images"),
        (lambda _: PredictTargets(lambda x: x), r"predict answered \(2, 3, 32, 32\)"),
        (lambda _: PredictTargets(lambda x: x.mean((2, 3)), 3), "output 3 does not exist"),
    ],
)
def test_mistakes_are_told_in_one_line(targets: Any, message: str, images: Tensor) -> None:
    with pytest.raises(LensError, match=message) as caught:
        Saliency().explain(images, targets(seen_at(OnePatch(), "layer")))
    assert "\n" not in str(caught.value)


def test_bad_pictures_batches_and_settings_are_refused(images: Tensor) -> None:
    targets: Targets = PredictTargets(linear)
    with pytest.raises(LensError, match="pictures must be"):
        Saliency().explain(images[:, :1], targets)
    with pytest.raises(LensError, match="batch must be at least 1"):
        Saliency().explain(images, targets, batch=0)
    with pytest.raises(LensError, match="patch_size 99"):
        Occlusion(patch_size=99).explain(images, targets)
    with pytest.raises(LensError, match="power of two"):
        Sobol(nb_design=12)
    with pytest.raises(LensError, match="at least 2"):
        SmoothGrad(1)


def test_a_model_never_sees_more_than_a_batch(images: Tensor) -> None:
    largest = 0

    def watched(x: Tensor) -> Tensor:
        nonlocal largest
        largest = max(largest, len(x))
        return torch.relu(linear(x))

    for method in EVERY:
        if method.needs != "layer":
            method.explain(images, PredictTargets(watched), batch=7)
    assert largest <= 7
