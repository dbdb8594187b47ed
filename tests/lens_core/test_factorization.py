"""Factorizations: planted factors, another library as judge, corner cases."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import NMF as PeerNMF
from torch import Tensor

from lens_core.factorization import NMF, Units, relative_error
from lens_core.factorization.nnls import nnls


def planted(
    n: int = 200, d: int = 40, r: int = 5, noise: float = 0.0, seed: int = 0
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(n, r, generator=generator) * (torch.rand(n, r, generator=generator) < 0.4)
    rows = torch.rand(r, d, generator=generator) * (torch.rand(r, d, generator=generator) < 0.3)
    return values @ rows + noise * torch.rand(n, d, generator=generator), rows


def test_planted_concepts_are_found() -> None:
    activations, rows = planted()
    nmf = NMF(5, tolerance=1e-9, max_iterations=3000)
    values = nmf.fit(activations)
    assert relative_error(activations, nmf.decode(values)) < 0.02
    unit = rows / rows.norm(dim=1, keepdim=True)
    best = (unit @ nmf.dictionary.T).max(dim=1).values
    assert (best > 0.97).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_error_is_not_worse_than_another_library(seed: int) -> None:
    activations, _ = planted(noise=0.3, seed=seed)
    nmf = NMF(6)
    ours = relative_error(activations, nmf.decode(nmf.fit(activations)))
    peer = PeerNMF(6, init="nndsvda", solver="cd", max_iter=1000, tol=1e-5)
    u = peer.fit_transform(activations.numpy())
    theirs = relative_error(activations, torch.from_numpy(u @ peer.components_))
    assert ours <= theirs * 1.002


def test_factors_are_non_negative_alive_and_of_unit_length() -> None:
    activations, _ = planted(noise=0.1)
    nmf = NMF(8)
    values = nmf.fit(activations)
    assert (values >= 0).all()
    assert (nmf.dictionary >= 0).all()
    assert torch.allclose(nmf.dictionary.norm(dim=1), torch.ones(8), atol=1e-5)
    assert (values.max(dim=0).values > 0).all()


def test_same_seed_same_factors() -> None:
    activations, _ = planted(noise=0.2)
    first, second = NMF(4, seed=3), NMF(4, seed=3)
    assert torch.equal(first.fit(activations), second.fit(activations))
    assert torch.equal(first.dictionary, second.dictionary)


def test_more_concepts_than_rank_and_empty_columns_stay_finite() -> None:
    activations = torch.outer(torch.arange(1.0, 7.0), torch.tensor([1.0, 0.0, 2.0, 0.0]))
    nmf = NMF(4)
    values = nmf.fit(activations)
    assert torch.isfinite(values).all()
    assert relative_error(activations, nmf.decode(values)) < 1e-3
    nothing = NMF(3)
    assert torch.isfinite(nothing.fit(torch.zeros(5, 4))).all()


def test_negative_or_missing_values_are_refused() -> None:
    with pytest.raises(ValueError, match="non-negative"):
        NMF(2).fit(torch.tensor([[1.0, -1.0], [0.5, 0.5]]))
    with pytest.raises(ValueError, match="finite"):
        NMF(2).fit(torch.tensor([[1.0, float("nan")], [0.5, 0.5]]))


def test_codes_satisfy_the_optimality_conditions() -> None:
    generator = torch.Generator().manual_seed(5)
    rows = torch.rand(50, 12, generator=generator, dtype=torch.float64)
    dictionary = torch.rand(6, 12, generator=generator, dtype=torch.float64)
    codes = nnls(rows, dictionary, max_iterations=5000, tolerance=1e-12)
    slope = (codes @ dictionary - rows) @ dictionary.T
    assert (codes >= 0).all()
    assert (slope >= -1e-9).all()
    assert float((codes * slope).abs().max()) < 1e-9


def test_codes_agree_with_scipy() -> None:
    from scipy.optimize import nnls as peer

    generator = np.random.default_rng(0)
    dictionary, rows = generator.random((5, 20)), generator.random((10, 20))
    ours = nnls(torch.from_numpy(rows), torch.from_numpy(dictionary), tolerance=1e-12)
    theirs = np.stack([peer(dictionary.T, row)[0] for row in rows])
    assert np.allclose(ours.numpy(), theirs, atol=1e-8)


def test_units_are_the_largest_contributors() -> None:
    activations = torch.tensor([[1.0, 5.0, 2.0, 0.1], [1.0, 3.0, 2.0, 0.1]])
    units = Units(2, relevance=torch.tensor([3.0, -1.0, 1.0, 1.0]))
    values = units.fit(activations)
    assert units.units == (0, 2)
    assert torch.equal(values, activations[:, [0, 2]])
    assert torch.equal(units.decode(values)[:, [1, 3]], torch.zeros(2, 2))
    assert torch.equal(units.encode(activations), values)
