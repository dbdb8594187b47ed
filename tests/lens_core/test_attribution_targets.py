"""Classes, concepts, units and any function are explained alike, of networks and transformers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from lens_core.atlas import LensError
from lens_core.attribution import (
    ATTRIBUTIONS,
    ClassTargets,
    ConceptTargets,
    PredictTargets,
    UnitTargets,
    attribution,
)
from lens_core.attribution.class_activation import GradCAM
from lens_core.attribution.concept_maps import gradcam_maps, upsampled
from lens_core.attribution.gradients import Saliency
from lens_core.attribution.occlusion import Occlusion
from lens_core.attribution.rectifiers import GuidedBackprop
from lens_core.classifier import Classifier
from lens_core.factorization import NMF
from tests.support.attributions import (
    BLACK_BOX,
    EVERY,
    PX,
    QUICK,
    OnePatch,
    noise_pictures,
    seen_at,
)


@pytest.fixture(scope="module")
def images() -> Tensor:
    return noise_pictures()


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


def vision_transformer(activation: type[nn.Module]) -> tuple[Classifier, nn.Module]:
    torch.manual_seed(0)
    vit = timm.models.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=16, depth=2, num_heads=2, num_classes=3,
        act_layer=activation,
    )  # fmt: skip
    return seen_at(vit, "blocks.0"), vit


def vit_pictures() -> Tensor:
    return torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("asked", ["logit", "concept", "unit"])
def test_transformers_are_explained_through_their_tokens(asked: str) -> None:
    """By all seventeen where their units are ReLUs."""
    classifier, _ = vision_transformer(nn.ReLU)
    dictionary = torch.rand(3, 16, generator=torch.Generator().manual_seed(4))
    targets = {
        "logit": ClassTargets(classifier, (2, 1)),
        "concept": ConceptTargets(classifier, dictionary, (0, 2)),
        "unit": UnitTargets(classifier, (3, 5)),
    }[asked]
    pictures = vit_pictures()
    for name, method in zip(ATTRIBUTIONS, EVERY, strict=True):
        found = method.explain(pictures, targets, batch=32)
        assert found.shape == (2, 32, 32)
        assert torch.isfinite(found).all()
        assert found.std() > 0, name


def test_grad_cam_of_a_transformer_leaves_the_class_token_out() -> None:
    classifier, vit = vision_transformer(nn.GELU)
    pictures = vit_pictures()
    targets = ClassTargets(classifier, (2, 1))
    for name in ("guided_backprop", "deconvnet"):
        with pytest.raises(LensError, match="has none"):
            attribution(name).explain(pictures, targets)
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


def test_gradients_of_a_transformer_are_captums() -> None:
    captum = pytest.importorskip("captum.attr")
    classifier, vit = vision_transformer(nn.GELU)
    pictures = vit_pictures().requires_grad_()
    targets = ClassTargets(classifier, (2, 1))
    classes = torch.tensor([2, 1])
    of_captum = {
        "saliency": captum.Saliency(vit).attribute(pictures, target=classes).amax(1),
        "gradient_input": captum.InputXGradient(vit).attribute(pictures, target=classes).sum(1),
        "integrated_gradients": captum.IntegratedGradients(vit)
        .attribute(pictures, target=classes, n_steps=50)
        .sum(1),
        "occlusion": captum.Occlusion(vit)
        .attribute(pictures, (3, 8, 8), strides=(3, 4, 4), target=classes)
        .mean(1),
    }
    ours = {"occlusion": Occlusion(baseline=0.0, patch_size=8, patch_stride=4)}
    for name, expected in of_captum.items():
        found = ours.get(name, attribution(name)).explain(pictures, targets)
        assert torch.allclose(found, expected.detach().float(), rtol=1e-3, atol=1e-6), name
