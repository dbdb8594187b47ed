"""The first iterations of HALS, on activations squeezed into few dimensions.

What an iteration costs is two products with A (n × d). With an orthonormal basis Q (n × k) of the
leading left singular vectors, A ≈ Q (QᵀA), and products with the two thin factors replace them at
(n + d) k / n d of the price. NMF of the squeezed matrix ends close to that of A; iterations on A
itself then finish, so that the result is an optimum of the whole problem. After Tepper & Sapiro
(IEEE Trans. Signal Process. 2016) and Erichson et al. (Pattern Recognit. Lett. 2018), who squeeze
for good and accept the error.
"""

from __future__ import annotations

from torch import Tensor

from lens_core.factorization.linear_algebra import range_basis
from lens_core.factorization.nmf_products import Products
from lens_core.factorization.nmf_solvers import hals, quadratic
from lens_core.factorization.nmf_starts import Start, start

_DIMENSIONS_A_CONCEPT = 4
_ROUNDS = 2
_MAX_ITERATIONS = 100
_TOLERANCE = 5e-5


def pays(a: Tensor, r: int) -> bool:
    """Whether the squeezed matrix is much smaller than A."""
    return min(a.shape) >= 3 * _DIMENSIONS_A_CONCEPT * r


def warm_up(data: Products, r: int, seed: int, kind: Start) -> tuple[Tensor, Tensor]:
    """Uᵀ (r, n) and W (r, d), near an optimum, from where HALS on A goes on."""
    basis = range_basis(data.a, _DIMENSIONS_A_CONCEPT * r, seed, _ROUNDS, data.short)
    squeezed = basis.T @ data.a
    u, w = start(data.a, r, seed, kind, (basis, squeezed))
    ut, transposed = u.T.contiguous(), basis.T.contiguous()
    total = float(squeezed.double().square().sum())
    previous = float("inf")
    for iteration in range(1, _MAX_ITERATIONS + 1):
        hals(ut, w @ w.T, (w @ squeezed.T) @ transposed)
        gram, cross = ut @ ut.T, (ut @ basis) @ squeezed
        hals(w, gram, cross)
        if iteration % 5 == 0:
            error = total + quadratic(w, gram, cross)
            if previous - error < 5 * _TOLERANCE * total:
                break
            previous = error
    return ut, w
