"""Concept maps at every layer and at the pixels, for every factorization."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from lens_core.atlas import LensError
from lens_core.attribution.concept_maps import (
    PIXELS,
    concept_maps,
    concept_values,
    gradcam_maps,
    implicit_code,
    spatial_codes,
    upsampled,
)
from lens_core.classifier import Classifier, Preprocessing, load_classifier
from lens_core.factorization import METHODS, NMF, Units
from lens_core.factorization.convex_nmf import ConvexNMF
from lens_core.factorization.kmeans import KMeans
from lens_core.factorization.pca import PCA

PX = 16


class Small(nn.Module):
    """Three convolutions with smooth activations, so that finite differences are exact enough."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Sequential(nn.Conv2d(3, 5, 3, 2, 1), nn.Softplus())
        self.two = nn.Sequential(nn.Conv2d(5, 6, 3, 1, 1), nn.Softplus())
        self.three = nn.Sequential(nn.Conv2d(6, 7, 3, 2, 1), nn.Softplus())
        self.head = nn.Linear(7, 4)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.head(self.three(self.two(self.one(x))).mean((2, 3)))
        return answer


@pytest.fixture(scope="module")
def small() -> Classifier:
    torch.manual_seed(0)
    return Classifier(
        Small(),
        preprocessing=Preprocessing(PX, (0.5,) * 3, (0.5,) * 3, PX),
        class_names=tuple("abcd"),
        layer="three",
        device="cpu",
        precision="float32",
    )


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.rand(5, 3, PX, PX, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def dictionary() -> Tensor:
    return torch.rand(3, 7, generator=torch.Generator().manual_seed(2))


def codes_of(maps: Tensor, dictionary: Tensor, pooling: str) -> Tensor:
    if pooling == "code_of_mean":
        return implicit_code(maps.mean((2, 3)), dictionary)
    n, d, h, w = maps.shape
    rows = maps.permute(0, 2, 3, 1).reshape(-1, d)
    return implicit_code(rows, dictionary).view(n, h * w, -1).mean(1)


@pytest.mark.parametrize("pooling", ["code_of_mean", "mean_of_codes"])
@pytest.mark.parametrize("at", ["one", "two", "three", PIXELS])
def test_maps_are_those_that_autograd_gives_for_the_whole_function(
    small: Classifier, images: Tensor, dictionary: Tensor, at: str, pooling: str
) -> None:
    """Written out: the network, the code, one backward pass from each concept's value."""
    net = small.module
    stages = [net.one, net.two, net.three]
    names = ["one", "two", "three"]
    first = 0 if at == PIXELS else names.index(at) + 1
    with torch.no_grad():
        here = (images - 0.5) / 0.5
        for stage in stages[:first]:
            here = stage(here)
    scale = 0.5 if at == PIXELS else 1.0  # pictures are normalised within the classifier
    here = here.requires_grad_()
    maps = here
    for stage in stages[first:]:
        maps = stage(maps)
    codes = codes_of(maps, dictionary, pooling)
    assert (codes > 0).any()
    expected: dict[str, list[Tensor]] = {"gradcam": [], "gradient_input": [], "saliency": []}
    for concept in range(3):
        (gradient,) = torch.autograd.grad(codes[:, concept].sum(), here, retain_graph=True)
        gradient = gradient / scale
        a = images if at == PIXELS else here.detach()
        expected["gradcam"].append((gradient.mean((2, 3), keepdim=True) * a).sum(1))
        expected["gradient_input"].append((gradient * a).sum(1))
        expected["saliency"].append(gradient.abs().amax(1))
    for method, wanted in expected.items():
        if (method, at) == ("gradcam", PIXELS):
            continue
        for signed in (False, True):
            found = concept_maps(
                small,
                dictionary,
                images,
                at,
                method,  # type: ignore[arg-type]
                pooling,  # type: ignore[arg-type]
                signed=signed,
                batch=2,
            )
            stacked = torch.stack(wanted, 1)
            stacked = stacked if signed else stacked.clamp(min=0)
            assert found.shape == stacked.shape
            assert torch.allclose(found, stacked, rtol=1e-3, atol=1e-4 * float(stacked.max()))


def test_pixel_gradients_predict_finite_differences_of_values(
    small: Classifier, images: Tensor, dictionary: Tensor
) -> None:
    """A step along gradient × input changes u_i by what the map says in total."""
    told = concept_maps(small, dictionary, images, PIXELS, "gradient_input", signed=True)
    eps = 1e-2
    with torch.no_grad():
        up, down = (
            implicit_code(small.encode(images * (1 + s * eps)).mean((2, 3)), dictionary)
            for s in (1, -1)
        )
    assert torch.allclose(told.sum((2, 3)), (up - down) / (2 * eps), rtol=2e-2, atol=1e-3)


def test_the_own_layer_needs_no_name_and_agrees_with_the_closed_form(
    small: Classifier, images: Tensor, dictionary: Tensor
) -> None:
    with torch.no_grad():
        expected = gradcam_maps(small.encode(images), dictionary)
    assert torch.allclose(concept_maps(small, dictionary, images), expected, atol=1e-6)
    named = concept_maps(small, dictionary, images, at="three", batch=1)
    assert torch.allclose(named, expected, atol=1e-6)
    values = concept_maps(small, dictionary, images, method="values")
    with torch.no_grad():
        assert torch.equal(values, spatial_codes(small.encode(images), dictionary))


QUICK: dict[str, dict[str, float]] = {
    "sae": {"steps": 60},
    "topk_sae": {"steps": 60, "k": 2},
    "batch_topk_sae": {"steps": 400, "k": 2},
    "jumprelu_sae": {"steps": 60},
    "sparse_pca": {"alpha": 0.01, "max_iterations": 5},
    "dictionary_learning": {"max_iterations": 5},
}


@pytest.mark.filterwarnings("ignore:Objective did not converge")
@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_is_explained_through_its_own_code(
    small: Classifier, images: Tensor, name: str
) -> None:
    """Grad-CAM at an earlier layer, or a refusal where values only jump."""
    with torch.no_grad():
        rows = small.encode(images).permute(0, 2, 3, 1).reshape(-1, 7)
    basis = METHODS[name](4, seed=0, **QUICK.get(name, {}))  # type: ignore[arg-type]
    basis.fit(rows)
    values = concept_maps(small, basis, images, method="values")
    at_positions = basis.encode(rows).view(5, 4, 4, 4).permute(0, 3, 1, 2)
    assert torch.allclose(values, at_positions, atol=1e-5)
    if name == "kmeans":
        with pytest.raises(LensError, match="KMeans have no useful derivative"):
            concept_maps(small, basis, images, at="two")
        return
    signed = concept_maps(small, basis, images, at="two", pooling="mean_of_codes", signed=True)
    assert signed.shape == (5, 4, 8, 8)
    assert torch.isfinite(signed).all()
    assert (signed != 0).any()
    with torch.no_grad():
        again = concept_maps(small, basis, images, "two", pooling="mean_of_codes", signed=True)
    assert torch.equal(again, signed)


def test_the_mean_of_centred_methods_has_an_empty_map(small: Classifier, images: Tensor) -> None:
    with torch.no_grad():
        rows = small.encode(images).permute(0, 2, 3, 1).reshape(-1, 7)
    basis = PCA(3)
    basis.fit(rows)
    maps = concept_maps(small, basis, images, at="one", signed=True)
    assert (maps[:, 0] == 0).all()
    assert (maps[:, 1:].abs().amax((2, 3)) > 0).all()


def test_units_are_explained_as_channels(small: Classifier, images: Tensor) -> None:
    basis = Units(2, relevance=torch.arange(7.0))
    with torch.no_grad():
        encoded = small.encode(images)
        basis.fit(encoded.mean((2, 3)))
    values = concept_maps(small, basis, images, method="values")
    assert torch.equal(values, encoded[:, list(basis.units)])
    own = concept_maps(small, basis, images)
    assert torch.allclose(own, values / 16, atol=1e-6), "the mean of 16 places"


def test_maps_do_not_depend_on_batches_or_on_a_gradient_mode(
    small: Classifier, images: Tensor
) -> None:
    basis = NMF(3)
    with torch.no_grad():
        basis.fit(small.encode(images).mean((2, 3)))
        one = concept_maps(small, basis, images, at="one", batch=5)
    two = concept_maps(small, basis, images, at="one", batch=2)
    assert torch.allclose(one, two, atol=1e-6)
    assert not one.requires_grad
    assert not any(layer._forward_hooks for layer in small.module.modules())


@pytest.mark.parametrize("spec", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def test_transformers_give_maps_at_their_blocks(spec: str) -> None:
    swin = spec.startswith("swin")
    size = {"img_size": 64, "window_size": 2} if swin else {"img_size": 64}
    more = {"depths": (1, 1, 1, 1), "embed_dim": 24} if swin else {"depth": 3}
    torch.manual_seed(0)
    module = timm.create_model(spec, num_classes=5, **size, **more)
    layer, at = ("layers.2", "layers.1") if swin else ("blocks.1", "blocks.0")
    classifier = Classifier(
        module,
        preprocessing=Preprocessing(64, resize_px=64),
        layer=layer,
        device="cpu",
        precision="float32",
    )
    pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    basis = ConvexNMF(3)
    with torch.no_grad():
        rows = classifier.encode(pictures).permute(0, 2, 3, 1).flatten(0, 2)
    basis.fit(rows)
    maps = concept_maps(classifier, basis, pictures, at=at, signed=True)
    side = 8 if swin else 4
    assert maps.shape == (2, 3, side, side)
    assert (maps.abs().amax((2, 3)) > 0).any()
    saliency = concept_maps(classifier, basis, pictures, at=PIXELS, method="saliency")
    assert saliency.shape == (2, 3, 64, 64)


def test_wrong_places_are_refused_in_one_line(
    small: Classifier, images: Tensor, dictionary: Tensor
) -> None:
    for at, method, message in (
        ("tow", "gradcam", "at tow: the model has no such layer; nearest: two"),
        ("head", "gradcam", "at head: not computed before three"),
        (PIXELS, "gradcam", "use saliency or gradient_input"),
        ("two", "values", "plain values exist at three alone"),
    ):
        with pytest.raises(LensError, match=message) as caught:
            concept_maps(small, dictionary, images, at, method)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
    assert not any(layer._forward_hooks for layer in small.module.modules())


def test_a_named_model_in_its_own_precision(tiny_model: str, tiny_images: Path) -> None:
    classifier = load_classifier(tiny_model, device="cpu", precision="bfloat16")
    pixels = np.asarray([[[[0.9, 0.1, 0.1]]]]).transpose(0, 3, 1, 2)
    red = torch.from_numpy(np.tile(pixels, (1, 1, 64, 64))).float()
    maps = concept_maps(classifier, torch.eye(6)[:3], red, at=PIXELS, method="gradient_input")
    assert maps.dtype == torch.float32
    assert float(maps[0, 0].sum()) > 0
    assert float(maps[0, 1].sum()) == 0, "green is off in a red picture"


def test_maps_lie_where_the_concept_was_put() -> None:
    dictionary = torch.eye(2, 4)
    maps = torch.zeros(1, 4, 5, 5)
    maps[0, 0, 1, 3] = 2.0
    maps[0, 1, 4, 0] = 3.0
    for found in (spatial_codes(maps, dictionary), gradcam_maps(maps, dictionary)):
        peaks = found.flatten(2).argmax(-1)[0].tolist()
        assert peaks == [1 * 5 + 3, 4 * 5 + 0]
    assert upsampled(found, 50).shape == (1, 2, 50, 50)


def test_positions_are_coded_the_basis_own_way() -> None:
    """K-Means' values are one-hot; non-negative least squares would give something else."""
    maps = torch.rand(2, 6, 3, 3, generator=torch.Generator().manual_seed(3))
    basis = KMeans(3)
    basis.fit(maps.permute(0, 2, 3, 1).reshape(-1, 6))
    values = concept_values(basis, maps)
    assert values.sum(1).tolist() == torch.ones(2, 3, 3).tolist()
    assert not torch.allclose(values, concept_values(basis.dictionary, maps), atol=0.1)
