"""What every attribution method promises: one interface, known answers, bounded memory."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

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
    attribution,
)
from lens_core.attribution.class_activation import GradCAM
from lens_core.attribution.concept_maps import gradcam_maps, upsampled
from lens_core.attribution.gradients import GradientInput, IntegratedGradients, Saliency
from lens_core.attribution.noise import SmoothGrad, SquareGrad, VarGrad
from lens_core.attribution.occlusion import Occlusion
from lens_core.attribution.rectifiers import GuidedBackprop
from lens_core.attribution.rise import Rise
from lens_core.attribution.sensitivity import Hsic, Sobol
from lens_core.attribution.surrogates import KernelShap, Lime
from lens_core.classifier import Classifier, Preprocessing
from lens_core.factorization import NMF

PX = 32
BLACK_BOX = ("occlusion", "rise", "lime", "kernel_shap", "sobol", "hsic")

QUICK: dict[str, Attribution] = {
    "integrated_gradients": IntegratedGradients(nb_steps=8),
    "smoothgrad": SmoothGrad(6),
    "squaregrad": SquareGrad(6),
    "vargrad": VarGrad(6),
    "rise": Rise(nb_samples=300, grid_size=4),
    # Models here hear means of colours, which painting a segment in its mean would not change.
    "lime": Lime(nb_samples=150, segments="grid", nb_segments=16, hide="baseline"),
    "kernel_shap": KernelShap(nb_samples=150, segments="grid", nb_segments=16),
    "sobol": Sobol(grid_size=4, nb_design=8),
    "hsic": Hsic(grid_size=4, nb_design=128),
}
"""Fewer samples than by default."""

EVERY = [QUICK.get(name, attribution(name)) for name in ATTRIBUTIONS]
"""All methods."""

every = pytest.mark.parametrize("method", EVERY, ids=list(ATTRIBUTIONS))


class OnePatch(nn.Module):
    """Counts red and green in the second of four rows and the third of four columns, only there.

    `tokens` lays its features out as a transformer does, with a class token before them.
    """

    def __init__(self, tokens: bool = False) -> None:
        super().__init__()
        self.layer = _Features(tokens)
        self.tokens = tokens
        self.head = nn.Linear(2, 2)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[20.0, 0.0], [0.0, 20.0]]))
            self.head.bias.fill_(0.5)

    def forward(self, x: Tensor) -> Tensor:
        features = self.layer(x)
        pooled = features[:, 1:].mean(1) if self.tokens else features.mean((2, 3))
        logits: Tensor = self.head(torch.relu(pooled) + pooled**2)
        return logits


class _Features(nn.Module):
    def __init__(self, tokens: bool) -> None:
        super().__init__()
        self.tokens = tokens
        self.conv = nn.Conv2d(3, 2, 4, 4)
        self.relu = nn.ReLU(inplace=True)
        with torch.no_grad():
            self.conv.weight.zero_()
            self.conv.weight[0, 0] = self.conv.weight[1, 1] = 1 / 16
            self.conv.bias.zero_()
        window = torch.zeros(PX // 4, PX // 4)
        window[2:4, 4:6] = 1
        self.register_buffer("window", window)

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.relu(self.conv(x)) * self.window
        if not self.tokens:
            return maps
        patches = maps.flatten(2).transpose(1, 2)
        return torch.cat([torch.ones_like(patches[:, :1]), patches], dim=1)


def seen_at(module: nn.Module, layer: str, px: int = PX) -> Classifier:
    preprocessing = Preprocessing(
        input_px=px, resize_px=px, mean=(0.0,) * 3, std=(1.0,) * 3, interpolation="bilinear"
    )
    return Classifier(module, preprocessing=preprocessing, layer=layer, precision="float32")


@pytest.fixture(scope="module", params=["maps", "tokens"])
def one_patch(request: pytest.FixtureRequest) -> Classifier:
    return seen_at(OnePatch(tokens=request.param == "tokens"), "layer")


@pytest.fixture(scope="module")
def images() -> Tensor:
    return 0.4 + 0.5 * torch.rand(2, 3, PX, PX, generator=torch.Generator().manual_seed(0))


@every
def test_the_one_patch_that_matters_is_found(
    method: Attribution, one_patch: Classifier, images: Tensor
) -> None:
    found = method.explain(images, ClassTargets(one_patch, 0))
    assert found.shape == (2, PX, PX)
    assert found.dtype == torch.float32
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


# ---------------------------------------------------------------- targets


def test_concepts_and_units_are_explained_like_classes(images: Tensor) -> None:
    classifier = seen_at(OnePatch(), "layer")
    one_hot = ConceptTargets(classifier, 3.0 * torch.eye(2), (0, 1))
    units = UnitTargets(classifier, (0, 1))
    plain = ConceptTargets(classifier, torch.eye(2), (0, 1), code="projection")
    for method in (Saliency(), GradCAM(), GuidedBackprop(), QUICK["sobol"], Occlusion()):
        expected = method.explain(images, units)
        assert expected.abs().amax((1, 2)).min() > 0
        assert torch.allclose(method.explain(images, plain), expected, atol=1e-6)
        scale = 1.0 if method is QUICK["sobol"] else 3.0  # Sobol indices know no scale
        found = method.explain(images, one_hot)
        assert torch.allclose(scale * found, expected, rtol=1e-3, atol=1e-5)


def test_a_factorization_explains_as_its_dictionary_does(images: Tensor) -> None:
    classifier = seen_at(OnePatch(), "layer")
    nmf = NMF(2)
    pictures = torch.rand(30, 3, PX, PX, generator=torch.Generator().manual_seed(2))
    nmf.fit(classifier.encode(pictures).mean((2, 3)))
    of_nmf = ConceptTargets(classifier, nmf, 1)
    of_dictionary = ConceptTargets(classifier, nmf.dictionary, 1)
    for method in (Saliency(), GradCAM(), Occlusion()):
        expected = method.explain(images, of_dictionary)
        assert expected.abs().max() > 0
        assert torch.allclose(method.explain(images, of_nmf), expected, rtol=1e-3, atol=1e-5)


def test_grad_cam_of_a_concept_is_the_map_that_an_atlas_stores(images: Tensor) -> None:
    classifier = seen_at(OnePatch(), "layer")
    dictionary = torch.tensor([[1.0, 0.2], [0.1, 1.0]])
    expected = upsampled(gradcam_maps(classifier.encode(images), dictionary), PX)
    for concept in (0, 1):
        found = GradCAM().explain(images, ConceptTargets(classifier, dictionary, concept))
        assert found.abs().max() > 0
        assert torch.allclose(found, expected[:, concept], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", BLACK_BOX)
def test_black_boxes_take_any_function(name: str, images: Tensor) -> None:
    classifier = seen_at(OnePatch(), "layer")
    method = QUICK.get(name, attribution(name))
    method = dataclasses.replace(method, baseline=0.25)  # type: ignore[type-var]

    def predict(x: np.ndarray) -> np.ndarray:
        assert isinstance(x, np.ndarray)
        assert x.shape[1:] == (PX, PX, 3)
        assert len(x) <= 16
        return classifier.logits(torch.from_numpy(x).permute(0, 3, 1, 2)).numpy()

    numpy_targets = PredictTargets(predict, (1, 0), takes="numpy", channels_last=True)
    found = method.explain(images.numpy(), numpy_targets, batch=16)
    expected = method.explain(images, ClassTargets(classifier, (1, 0)), batch=16)
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", [n for n in ATTRIBUTIONS if n not in BLACK_BOX])
def test_other_methods_say_what_they_lack(name: str, images: Tensor) -> None:
    targets = PredictTargets(lambda x: x.mean((1, 2, 3)), takes="numpy")
    with pytest.raises(LensError, match=r"layer|gradients"):
        attribution(name).explain(images, targets)


def test_probabilities_are_targets_too(images: Tensor) -> None:
    classifier = seen_at(OnePatch(), "layer")
    targets = ClassTargets(classifier, 1, output="probability")
    expected = classifier.logits(images).softmax(1)[:, 1]
    assert torch.allclose(targets.scores(images, torch.arange(2)), expected)


def test_transformers_are_explained_through_their_tokens() -> None:
    torch.manual_seed(0)
    vit = timm.models.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=3
    )
    classifier = seen_at(vit, "blocks.0")
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    methods = dict(zip(ATTRIBUTIONS, EVERY, strict=True))
    for name in ("guided_backprop", "deconvnet"):
        with pytest.raises(LensError, match="has none"):
            methods.pop(name).explain(pictures, ClassTargets(classifier, 1))
    targets = ClassTargets(classifier, (2, 1))
    for found in attribute(pictures, targets, list(methods), settings=methods, batch=32).values():
        assert found.shape == (2, 32, 32)
        assert torch.isfinite(found).all()
        assert found.std() > 0

    tokens: list[Tensor] = []
    vit.blocks[0].register_forward_hook(lambda _m, _i, out: tokens.append(out))
    pictures.requires_grad_()
    logits = vit(pictures)
    (gradient,) = torch.autograd.grad(logits[0, 2] + logits[1, 1], tokens[0])
    weights = gradient[:, 1:].mean(1)  # the class token is no place
    coarse = torch.einsum("npd,nd->np", tokens[0][:, 1:], weights).clamp(min=0).view(2, 1, 4, 4)
    expected = nn.functional.interpolate(coarse, 32, mode="bilinear")[:, 0]
    found = GradCAM().explain(pictures, targets)
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-6)


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
