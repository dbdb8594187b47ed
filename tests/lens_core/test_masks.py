"""Importances from masks do not depend on the way in which the head is asked."""

from __future__ import annotations

import pytest
import torch

from lens_core.building.masks import sampled_sobol
from lens_core.classifier import Classifier, Preprocessing
from lens_core.importance import SobolDesign

SMALL = Preprocessing(input_px=64, resize_px=64)


@pytest.mark.parametrize("name", ["resnet18", "convnext_tiny"])
def test_means_answer_for_maps(name: str) -> None:
    from torchvision.models import get_model

    torch.manual_seed(0)
    module = get_model(name, num_classes=5)
    classifier = Classifier(module, preprocessing=SMALL, device="cpu", precision="float32")
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        said = classifier.activations(torch.rand(1, 3, 64, 64, generator=generator))
    values = torch.rand(3, *said.maps.shape[2:], generator=generator)
    dictionary = torch.rand(3, classifier.n_channels, generator=generator)
    design = SobolDesign.draw(3, 16)
    by_means = sampled_sobol(classifier, 2, said, values, dictionary, design)
    assert float(by_means[0].sum()) > 0.3
    classifier.pooled_head = None
    by_maps = sampled_sobol(classifier, 2, said, values, dictionary, design)
    assert torch.allclose(by_means[0], by_maps[0], atol=1e-3)
    assert torch.allclose(by_means[1], by_maps[1], atol=1e-3)
