"""bfloat16 finds the concepts that float32 finds, from pictures to dictionary."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from experiments.generators.leaves import draw, sample
from lens_core import crops
from lens_core.classifier import Classifier, Preprocessing
from lens_core.factorization import NMF, relative_error
from lens_core.factorization.nmf import first_factors
from lens_core.factorization.nmf_products import Products
from lens_core.factorization.nmf_solvers import iterate
from lens_core.factorization.nnls import nnls
from lens_core.metrics import matched_cosines
from lens_core.training.leafnet import LeafNet

R = 6
PX = 64
FAMILIES = ("Betulaceae", "Ginkgoaceae", "Ulmaceae")


@pytest.fixture(scope="module")
def activations() -> dict[str, Tensor]:
    """Pooled crops (n, d) of drawn leaves by precision, from one network with random weights."""
    rng = np.random.default_rng(0)
    leaves = [draw(sample(FAMILIES[i % 3], rng)).image.resize((PX, PX)) for i in range(24)]
    pictures = torch.stack([torch.from_numpy(np.array(leaf)) for leaf in leaves])
    cut = crops.cut(pictures.permute(0, 3, 1, 2) / 255.0, 20, PX)
    found = {}
    for precision in ("float32", "bfloat16"):
        torch.manual_seed(0)
        classifier = Classifier(
            LeafNet(3, width=8),
            preprocessing=Preprocessing(input_px=PX, resize_px=PX),
            device="cpu",
            precision=precision,
        )
        with torch.inference_mode():
            found[precision] = classifier.encode(cut).mean(dim=(2, 3)).clone()
    return found


def converged(a: Tensor, ut: Tensor, w: Tensor) -> Tensor:
    for _ in range(400):
        iterate("hals", ut, w, Products(a))
    return w


def test_concepts_agree_from_the_same_start(activations: dict[str, Tensor]) -> None:
    exact = activations["float32"]
    start = first_factors(Products(exact), NMF(R))
    found = {
        precision: converged(a, *(factor.clone() for factor in start))
        for precision, a in activations.items()
    }
    assert not torch.equal(found["float32"], found["bfloat16"])
    assert float(matched_cosines(found["float32"], found["bfloat16"]).mean()) >= 0.99
    errors = {name: relative_error(exact, nnls(exact, w) @ w) for name, w in found.items()}
    assert errors["bfloat16"] < 1.01 * errors["float32"]
