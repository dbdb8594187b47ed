"""Every factorization through the same checks: shapes, U W, seeds, codes, disk, poor data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
import torch
from torch import Tensor

from lens_core.factorization import METHODS, Factorization, Units, relative_error
from lens_core.factorization.saving import load, save

N, D, R = 60, 12, 4
QUICK = {"steps": 150, "batch": 32, "learning_rate": 1e-2}
OPTIONS: dict[str, dict[str, object]] = {
    "nmf": {"max_iterations": 200},
    "nmf multiplicative": {"solver": "multiplicative", "start": "random"},
    "nmf projected_gradient": {"solver": "projected_gradient"},
    "sparse_pca": {"alpha": 0.1, "max_iterations": 50},
    "dictionary_learning": {"max_iterations": 10},
    "sae": QUICK,
    "topk_sae": {**QUICK, "k": 2},
    "batch_topk_sae": {**QUICK, "k": 2},
    "jumprelu_sae": QUICK,
}
ALL = sorted({*METHODS, *OPTIONS})
# Distances to the best product of rank r that each must stay under on easy data, ‖A − Â‖ / ‖A‖.
WORST = dict.fromkeys(ALL, 0.25) | {"kmeans": 0.6, "sae": 0.4, "jumprelu_sae": 0.4, "topk_sae": 0.4}
WORST |= {"batch_topk_sae": 0.4}


def make(name: str, n_concepts: int = R, seed: int = 0) -> Factorization:
    maker = cast("Callable[..., Factorization]", METHODS[name.split()[0]])
    return maker(n_concepts, seed=seed, **OPTIONS.get(name, {}))


def data(n: int = N, seed: int = 0) -> Tensor:
    """Non-negative rows, mixtures of few planted ones."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(n, R - 1, generator=generator)
    values = values * (torch.rand(n, R - 1, generator=generator) < 0.7)
    planted = torch.Generator().manual_seed(99)
    rows = torch.rand(R - 1, D, generator=planted) ** 3
    return values @ rows + 0.01 * torch.rand(n, D, generator=generator)


@pytest.fixture(scope="module", params=ALL)
def fitted(request: pytest.FixtureRequest) -> tuple[str, Factorization, Tensor]:
    method = make(request.param)
    return request.param, method, method.fit(data())


def test_a_product_of_the_right_shape(fitted: tuple[str, Factorization, Tensor]) -> None:
    name, method, values = fitted
    assert values.shape == (N, R)
    assert method.dictionary.shape == (R, D)
    assert method.dictionary.dtype == values.dtype == torch.float32
    assert not method.dictionary.requires_grad
    assert not values.requires_grad
    assert torch.equal(method.decode(values), values @ method.dictionary)
    assert relative_error(data(), method.decode(values)) < WORST[name]


def test_values_have_the_sign_that_is_promised(fitted: tuple[str, Factorization, Tensor]) -> None:
    _, method, values = fitted
    assert method.non_negative == bool((values >= 0).all())
    assert bool((method.encode(data(seed=1)) >= 0).all()) or not method.non_negative


def test_codes_rebuild_as_well_as_fitted_values(
    fitted: tuple[str, Factorization, Tensor],
) -> None:
    """`encode` and `decode` belong together: the traps are distances, filters, other scales."""
    name, method, values = fitted
    rebuilt = relative_error(data(), method.decode(method.encode(data())))
    assert rebuilt <= relative_error(data(), method.decode(values)) + 1e-3
    fresh = data(40, seed=7)
    assert relative_error(fresh, method.decode(method.encode(fresh))) < WORST[name] + 0.05


def test_a_row_is_coded_by_itself_and_always_alike(
    fitted: tuple[str, Factorization, Tensor],
) -> None:
    _, method, _ = fitted
    fresh = data(20, seed=5)
    together = method.encode(fresh)
    torch.manual_seed(123)
    assert torch.equal(together, method.encode(fresh))
    alone = torch.cat([method.encode(row[None]) for row in fresh])
    assert torch.allclose(together, alone, atol=1e-3)


@pytest.mark.parametrize("name", ALL)
def test_the_seed_decides(name: str) -> None:
    torch.manual_seed(1)
    first = make(name, seed=3)
    values = first.fit(data())
    torch.manual_seed(2)
    second = make(name, seed=3)
    assert torch.equal(values, second.fit(data()))
    assert torch.equal(first.dictionary, second.dictionary)


def test_disk_gives_back_the_same(
    fitted: tuple[str, Factorization, Tensor], tmp_path: Path
) -> None:
    _, method, _ = fitted
    save(method, tmp_path / "saved")
    again = load(tmp_path / "saved")
    assert type(again) is type(method)
    assert again.options == method.options
    assert again.n_iterations == method.n_iterations
    assert torch.equal(again.dictionary, method.dictionary)
    fresh = data(20, seed=5)
    assert torch.equal(again.encode(fresh), method.encode(fresh))


@pytest.mark.parametrize("name", ALL)
def test_poor_data_stay_finite(name: str) -> None:
    """More concepts than directions, equal rows, nothing but zeros."""
    line = torch.outer(torch.arange(1.0, 9.0), torch.tensor([1.0, 0.0, 2.0]))
    equal = torch.ones(6, 3)
    for activations in (line, equal, torch.zeros(5, 3)):
        method = make(name)
        values = method.fit(activations)
        assert values.shape == (len(activations), R)
        assert torch.isfinite(values).all()
        assert torch.isfinite(method.dictionary).all()
        assert torch.isfinite(method.encode(activations)).all()
    exact = name not in ("sparse_pca", "dictionary_learning") and "sae" not in name
    if exact:
        method = make(name)
        assert relative_error(equal, method.decode(method.fit(equal))) < 3e-3


@pytest.mark.parametrize("name", ALL)
def test_faults_are_named(name: str) -> None:
    with pytest.raises(RuntimeError, match="before fit"):
        _ = make(name).dictionary
    with pytest.raises(ValueError, match="finite"):
        make(name).fit(torch.tensor([[1.0, float("nan")], [0.5, 0.5]]))
    with pytest.raises(ValueError, match="not shape"):
        make(name).fit(torch.ones(3, 2, 2))
    with pytest.raises(ValueError, match="at least 1"):
        make(name, n_concepts=0)


@pytest.mark.parametrize("name", ["semi_nmf", "convex_nmf", "archetypal", "ica", "kmeans", "svd"])
def test_activations_may_be_signed_and_in_double(name: str) -> None:
    generator = torch.Generator().manual_seed(3)
    signed = torch.randn(N, R, generator=generator).abs() @ torch.randn(R, D, generator=generator)
    method = make(name)
    values = method.fit(signed.double())
    assert values.dtype == torch.float64
    assert relative_error(signed.double(), method.decode(values)) < 0.8
    assert method.encode(signed).dtype == torch.float64


def test_units_survive_the_disk(tmp_path: Path) -> None:
    units = Units(3, relevance=torch.rand(D, generator=torch.Generator().manual_seed(0)))
    units.fit(data())
    save(units, tmp_path / "units")
    again = load(tmp_path / "units")
    assert isinstance(again, Units)
    assert again.units == units.units
    assert torch.equal(again.encode(data()), units.encode(data()))
