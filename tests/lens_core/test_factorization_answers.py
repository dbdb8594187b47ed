"""Known answers of each factorization: closed forms, planted factors, scikit-learn, own traps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from sklearn import decomposition
from sklearn.cluster import KMeans as PeerKMeans
from torch import Tensor

from lens_core.atlas import LensError
from lens_core.factorization import NMF, relative_error
from lens_core.factorization.archetypal import ArchetypalAnalysis
from lens_core.factorization.convex_nmf import ConvexNMF
from lens_core.factorization.dictionary_learning import DictionaryLearning
from lens_core.factorization.ica import ICA
from lens_core.factorization.kmeans import KMeans
from lens_core.factorization.nmf_warm_up import pays
from lens_core.factorization.pca import PCA
from lens_core.factorization.saving import load, save
from lens_core.factorization.semi_nmf import SemiNMF
from lens_core.factorization.simplex import project, simplex_code
from lens_core.factorization.sparse_codes import BatchTopKSAE, JumpReLUSAE, TopKSAE, VanillaSAE
from lens_core.factorization.sparse_pca import SparsePCA
from lens_core.factorization.svd import SVD


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def matched(found: Tensor, planted: Tensor) -> Tensor:
    """|Cosine| of planted rows with those of a one-to-one matching."""
    unit = torch.nn.functional.normalize
    cosines = (unit(planted.double(), dim=1) @ unit(found.double(), dim=1).T).abs()
    rows, columns = linear_sum_assignment(-cosines.numpy())
    return cosines[rows, columns]


@pytest.mark.parametrize("solver", ["hals", "multiplicative", "projected_gradient"])
@pytest.mark.parametrize("start", ["nndsvda", "random"])
def test_all_ways_to_solve_nmf_reach_scikit_learns_error(solver: str, start: str) -> None:
    a = random(80, 4).abs() @ random(4, 15, seed=1).abs() + 0.2 * random(80, 15, seed=2).abs()
    ours = NMF(4, solver=solver, start=start, tolerance=1e-9, max_iterations=4000)  # type: ignore[arg-type]
    error = relative_error(a, ours.decode(ours.fit(a)))
    peer = decomposition.NMF(4, init="nndsvda", max_iter=2000, tol=1e-6)
    u = peer.fit_transform(a.numpy())
    assert error <= relative_error(a, torch.from_numpy(u @ peer.components_)) * 1.02


def wide(seed: int = 0) -> Tensor:
    """Large enough for the first iterations to run on a squeezed copy, r = 4."""
    clean = random(150, 12, seed=seed).abs() ** 3 @ random(12, 90, seed=seed + 1).abs() ** 3
    return (clean + clean.mean() * random(150, 90, seed=seed + 2)).relu()


@pytest.mark.parametrize("seed", [0, 10])
def test_nmf_of_large_matrices_is_as_good_from_squeezed_ones(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = wide(seed)
    assert pays(a, 4)
    ours = NMF(4)
    values = ours.fit(a)
    error = relative_error(a, ours.decode(values))
    peer = decomposition.NMF(4, init="nndsvda", max_iter=1000, tol=1e-5, random_state=0)
    u = peer.fit_transform(a.numpy())
    assert error <= relative_error(a, torch.from_numpy(u @ peer.components_)) * 1.002
    assert (values.amax(0) > 0).all()
    # What comes out is an optimum for A itself, not for the squeezed copy.
    tight = NMF(4, tolerance=1e-12, max_iterations=3000)
    values = tight.fit(a)
    slope = values.T @ (values @ tight.dictionary - a)
    assert float(slope.min() / (values.T @ a).max()) > -1e-4
    assert float((slope * tight.dictionary).abs().max() / (values.T @ a).max()) < 1e-4
    monkeypatch.setattr("lens_core.factorization.nmf.pays", lambda *_: False)
    slow = NMF(4)
    assert relative_error(a, slow.decode(slow.fit(a))) == pytest.approx(error, rel=2e-3)


def test_unknown_ways_to_solve_nmf_are_refused() -> None:
    with pytest.raises(ValueError, match="solver must be one of hals"):
        NMF(2, solver="newton")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="start must be"):
        NMF(2, start="warm")  # type: ignore[arg-type]


def test_svd_reaches_the_eckart_young_bound() -> None:
    a = random(40, 9)
    method = SVD(3)
    error = float((a - method.decode(method.fit(a))).square().sum())
    assert error == pytest.approx(float(torch.linalg.svdvals(a)[3:].square().sum()))


def test_pca_agrees_with_scikit_learn() -> None:
    a = random(50, 6) @ random(6, 8, seed=1) + 3.0
    ours, peer = PCA(4), decomposition.PCA(3).fit(a.numpy())
    values = ours.fit(a)
    assert torch.allclose(ours.dictionary[0], a.mean(0))
    assert torch.allclose(values[:, 0], torch.ones(50, dtype=torch.float64))
    components = torch.from_numpy(peer.components_)
    signs = (ours.dictionary[1:] * components).sum(1).sign()
    assert torch.allclose(ours.dictionary[1:] * signs[:, None], components, atol=1e-8)
    theirs = torch.from_numpy(peer.inverse_transform(peer.transform(a.numpy())))
    assert torch.allclose(ours.decode(values), theirs)
    assert (values[:, 1:].pow(3).sum(0) >= 0).all()


def test_large_matrices_get_the_same_directions_from_the_range_finder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a = random(60, 30)
    exact = SVD(3).fit(a)
    monkeypatch.setattr("lens_core.factorization.linear_algebra._EXACT_UP_TO", 5)
    assert torch.allclose(SVD(3).fit(a), exact, atol=1e-6)


def test_ica_hands_out_the_mixing_matrix() -> None:
    generator = np.random.default_rng(0)
    sources = torch.from_numpy(generator.laplace(size=(4000, 3)) ** 3)
    mixing = torch.from_numpy(generator.normal(size=(3, 10)))
    a = sources @ mixing + 5.0
    ours = ICA(4)
    values = ours.fit(a)
    assert (matched(ours.dictionary[1:], mixing) > 0.999).all()
    correlation = torch.corrcoef(torch.cat([sources.T, values[:, 1:].T]))[:3, 3:].abs()
    assert (correlation.max(dim=1).values > 0.999).all()
    assert relative_error(a, ours.decode(values)) < 1e-8
    peer = decomposition.FastICA(3, random_state=0, tol=1e-8, max_iter=1000).fit(a.numpy())
    assert (matched(ours.dictionary[1:], torch.from_numpy(peer.mixing_.T)) > 0.999).all()
    filters = torch.from_numpy(peer.components_)
    assert matched(ours.dictionary[1:], filters).min() < 0.9, "the case tells filters apart"


def test_kmeans_agrees_with_scikit_learn_and_codes_one_hot() -> None:
    a = torch.cat([random(30, 5, seed=s) * 0.5 + 4 * random(1, 5, seed=50 + s) for s in range(4)])
    ours = KMeans(4)
    values = ours.fit(a)
    assert torch.equal(values.sum(1), torch.ones(120, dtype=torch.float64))
    assert set(values.unique().tolist()) == {0.0, 1.0}
    squares = float((a - ours.decode(values)).square().sum())
    assert squares == pytest.approx(PeerKMeans(4, n_init=5, random_state=0).fit(a.numpy()).inertia_)
    distances = torch.cdist(a, ours.dictionary)
    assert torch.equal(values.argmax(1), distances.argmin(1))


def test_semi_nmf_finds_signed_rows_that_nmf_cannot() -> None:
    values = random(150, 3).abs() * (random(150, 3, seed=1) > 0)
    rows = random(3, 10, seed=2)
    ours = SemiNMF(3)
    found = ours.fit(values @ rows)
    assert (found >= 0).all()
    assert (ours.dictionary < 0).any()
    assert relative_error(values @ rows, ours.decode(found)) < 0.01


@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_concepts_of_convex_nmf_are_means_of_rows(shift: float) -> None:
    a = random(70, 3).abs() @ random(3, 9, seed=1).abs() - shift
    ours = ConvexNMF(3, tolerance=1e-8)
    values = ours.fit(a)
    assert ours.coefficients is not None
    assert (ours.coefficients >= 0).all()
    assert torch.allclose(ours.coefficients.sum(1), torch.ones(3, dtype=torch.float64))
    assert torch.allclose(ours.coefficients @ a, ours.dictionary)
    best = SVD(3)
    bound = relative_error(a, best.decode(best.fit(a)))
    assert bound <= relative_error(a, ours.decode(values)) < 0.25


def test_archetypes_are_the_planted_corners() -> None:
    corners = 3 * random(4, 8)
    shares = -torch.log(torch.rand(300, 4, generator=torch.Generator().manual_seed(0)).double())
    shares = torch.cat([shares / shares.sum(1, keepdim=True), torch.eye(4).double()])
    a = shares @ corners
    ours = ArchetypalAnalysis(4)
    apart = torch.pdist(corners).min()
    values = ours.fit(a)
    assert torch.allclose(values.sum(1), torch.ones(304, dtype=torch.float64))
    assert (values >= 0).all()
    assert (torch.cdist(corners, ours.dictionary).min(dim=1).values < 0.1 * apart).all()
    assert ours.coefficients is not None
    assert torch.allclose(ours.coefficients @ a, ours.dictionary)
    assert torch.allclose(ours.coefficients.sum(1), torch.ones(4, dtype=torch.float64))
    assert relative_error(a, ours.decode(values)) < 0.015


def test_projection_on_the_simplex_is_the_nearest_point() -> None:
    rows = random(40, 5)
    found = project(rows)
    assert torch.allclose(found.sum(1), torch.ones(40, dtype=torch.float64))
    assert (found >= 0).all()
    # Nearest to a convex set: no point of it, so no corner either, lies in the direction left over.
    corners = torch.eye(5, dtype=torch.float64)
    for row, near in zip(rows, found, strict=True):
        assert ((corners - near) @ (row - near)).max() < 1e-9


def test_simplex_codes_meet_the_optimality_conditions() -> None:
    a, w = random(30, 7), random(4, 7, seed=1)
    u = simplex_code(a, w, tolerance=1e-12, max_iterations=20000)
    slope = (u @ w - a) @ w.T
    # All used corners share the smallest slope.
    excess = (slope - slope.min(dim=1, keepdim=True).values) * u
    assert float(excess.abs().max()) < 1e-7


def test_sparse_pca_and_dictionary_learning_are_sparse() -> None:
    parts = torch.zeros(3, 12, dtype=torch.float64)
    for k in range(3):
        parts[k, 4 * k : 4 * k + 4] = 1.0
    a = random(200, 3) @ parts + 0.05 * random(200, 12, seed=1) + 1.0
    directions = SparsePCA(4, alpha=1.0)
    directions.fit(a)
    assert (matched(directions.dictionary[1:], parts) > 0.99).all()
    assert float((directions.dictionary[1:] == 0).double().mean()) > 0.5

    present = random(200, 3, seed=2).abs() * (random(200, 3, seed=3) > 0.3)
    codes = DictionaryLearning(3, alpha=0.05)
    values = codes.fit(present @ parts)
    assert (matched(codes.dictionary, parts) > 0.99).all()
    assert (values >= 0).all()
    assert float((values == 0).double().mean()) > 0.4
    # The same answer for the same layer in other units.
    assert torch.allclose(codes.encode(10 * present @ parts)[:5] > 0, values[:5] > 0)


def bursts(n: int = 600, r: int = 8, d: int = 16) -> tuple[Tensor, Tensor]:
    """Few of r planted directions at a time."""
    values = random(n, r).abs() * (random(n, r, seed=1) > 1.0)
    values[values.sum(1) == 0, 0] = 1.0
    rows = torch.nn.functional.normalize(random(r, d, seed=2), dim=1)
    return values.float() @ rows.float(), rows.float()


FOUR = [
    VanillaSAE(16, sparsity=0.2, steps=500, batch=128, learning_rate=1e-2),
    TopKSAE(16, k=2, steps=500, batch=128, learning_rate=1e-2),
    BatchTopKSAE(16, k=2, steps=500, batch=128, learning_rate=1e-2),
    JumpReLUSAE(16, sparsity=0.1, bandwidth=0.2, steps=500, batch=128, learning_rate=1e-2),
]


@pytest.mark.parametrize("method", FOUR, ids=lambda method: type(method).__name__)
def test_sparse_autoencoders_find_planted_directions(
    method: VanillaSAE | TopKSAE | BatchTopKSAE | JumpReLUSAE,
) -> None:
    a, rows = bursts()
    seen: list[str] = []

    def track(items, label, total=None):  # type: ignore[no-untyped-def]
        seen.append(f"{label} {total}")
        return items

    values = method.fit(a, track)
    assert seen == [f"{type(method).__name__} 500"]
    assert float(matched(method.dictionary, rows).mean()) > 0.9
    assert relative_error(a, method.decode(values)) < 0.25
    assert float((values > 0).float().sum(1).mean()) < 4
    assert torch.allclose(method.dictionary.norm(dim=1), torch.ones(16), atol=1e-5)


def test_topk_keeps_k_of_a_row_and_batch_topk_a_threshold(tmp_path: Path) -> None:
    a, _ = bursts()
    top = TopKSAE(8, k=2, steps=200, batch=128, learning_rate=1e-2)
    assert int((top.fit(a) > 0).sum(1).max()) == 2
    batch = BatchTopKSAE(8, k=2, steps=400, batch=128, learning_rate=1e-2)
    counts = (batch.fit(a) > 0).float().sum(1)
    assert float(counts.mean()) == pytest.approx(2.0, abs=0.5)
    assert int(counts.max()) > 2, "rows may have more than k, or it were plain TopK"
    threshold = float(batch.state["threshold"])
    positive = batch.encode(a) / batch.state["scale"]
    assert threshold > 0
    assert float(positive[positive > 0].min()) >= threshold * 0.9999
    save(batch, tmp_path / "sae")
    assert float(load(tmp_path / "sae").state["threshold"]) == threshold


def test_thresholds_of_jumprelu_are_learned() -> None:
    a, _ = bursts()
    method = JumpReLUSAE(8, steps=300, batch=128, learning_rate=1e-2)
    values = method.fit(a) / method.state["scale"]
    thresholds = method.state["log_threshold"].exp()
    assert not torch.allclose(thresholds, thresholds[0].expand(8))
    for k in range(8):
        some = values[:, k][values[:, k] > 0]
        assert len(some) == 0 or float(some.min()) >= float(thresholds[k]) * 0.9999


def test_more_sparsity_leaves_fewer_values() -> None:
    a, _ = bursts()
    counts = [
        float((VanillaSAE(8, sparsity=s, steps=200, learning_rate=1e-2).fit(a) > 0).sum())
        for s in (0.0, 0.1)
    ]
    assert counts[1] < counts[0]


def test_training_works_where_gradients_are_off() -> None:
    a, _ = bursts(100)
    with torch.no_grad():
        assert not TopKSAE(4, k=2, steps=5).fit(a).requires_grad


def test_k_beyond_the_dictionary_is_refused() -> None:
    with pytest.raises(ValueError, match="from 1 to n_concepts"):
        TopKSAE(3, k=4)


class TestDisk:
    """What is refused on the way to and from the disk."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        method = PCA(2)
        method.fit(random(10, 4))
        save(method, tmp_path / "pca")
        return tmp_path / "pca"

    def test_a_full_folder_is_kept(self, folder: Path) -> None:
        method = SVD(2)
        method.fit(random(10, 4))
        with pytest.raises(LensError, match="not empty"):
            save(method, folder)
        assert isinstance(load(folder), PCA)
        save(method, folder, force=True)
        assert isinstance(load(folder), SVD)

    def test_what_was_not_fitted_is_not_saved(self, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError, match="before fit"):
            save(PCA(2), tmp_path / "new")
        assert not (tmp_path / "new").exists()

    def test_only_two_plain_files(self, folder: Path) -> None:
        assert sorted(p.name for p in folder.iterdir()) == [
            "arrays.safetensors",
            "factorization.json",
        ]

    @pytest.mark.parametrize(
        ("key", "value", "message"),
        [
            ("format", "other", "no factorization of this version"),
            ("method", "os.system", "names the method"),
            ("options", {"n_concepts": 2, "colour": "red"}, "does not fit"),
        ],
    )
    def test_foreign_descriptions(
        self, folder: Path, key: str, value: object, message: str
    ) -> None:
        about = json.loads((folder / "factorization.json").read_text())
        (folder / "factorization.json").write_text(json.dumps({**about, key: value}))
        with pytest.raises(LensError, match=message):
            load(folder)

    def test_damage_and_absence(self, folder: Path, tmp_path: Path) -> None:
        (folder / "arrays.safetensors").write_bytes(b"\x80\x04nonsense")
        with pytest.raises(LensError, match="damaged"):
            load(folder)
        with pytest.raises(LensError, match="missing"):
            load(tmp_path / "nowhere")

    def test_unregistered_methods(self, tmp_path: Path) -> None:
        class Mine(SVD):
            pass

        method = Mine(2)
        method.fit(random(10, 4))
        with pytest.raises(LensError, match="not a registered method"):
            save(method, tmp_path / "mine")
