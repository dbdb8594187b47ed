"""Non-negative matrix factorization, on whatever device the activations are.

A ≈ U W with U, W ≥ 0, minimising ½‖A − U W‖². The default, hierarchical alternating least squares
(HALS; Cichocki & Phan, IEICE Trans. 2009), updates one component after the other in closed form.
On large matrices it first runs on a squeezed copy (see `nmf_warm_up`), then on A until it stops.
"""

from __future__ import annotations

from torch import Tensor

from lens_core.factorization.base import Factorization, checked, unit_rows
from lens_core.factorization.nmf_products import PRECISIONS, Precision, Products, products
from lens_core.factorization.nmf_solvers import UPDATES, Solver, iterate, quadratic, squared_norm
from lens_core.factorization.nmf_starts import Start, start
from lens_core.factorization.nmf_warm_up import pays, warm_up


class NMF(Factorization):
    """NMF with rows of W of unit length, so that values of different concepts compare.

    Parameters
    ----------
    n_concepts
        r.
    max_iterations, tolerance
        Of iterations on A. Stop when one lowers ‖A − U W‖² by less than `tolerance` of ‖A‖²
        (looked at every fifth), or at the limit.
    seed
        Of the start; the result is the same for the same seed.
    solver
        "hals", "multiplicative" or "projected_gradient": the same problem, the first is fastest.
    start
        "nndsvda" from singular vectors or "random".
    precision
        Of products with large A: "float32", "bfloat16", or "auto" for what is quicker on the
        device (see `nmf_products`). Concepts and errors agree; the factors are float32.
    """

    def __init__(
        self,
        n_concepts: int,
        max_iterations: int = 1000,
        tolerance: float = 3e-6,
        seed: int = 0,
        solver: Solver = "hals",
        start: Start = "nndsvda",
        precision: Precision = "auto",
    ) -> None:
        super().__init__(n_concepts)
        if solver not in UPDATES:
            raise ValueError(f"solver must be one of {', '.join(UPDATES)}, not {solver!r}")
        if start not in ("nndsvda", "random"):
            raise ValueError(f"start must be nndsvda or random, not {start!r}")
        if precision not in PRECISIONS:
            raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, not {precision!r}")
        self.max_iterations = max_iterations
        self.tolerance = tolerance
        self.seed = seed
        self.solver: Solver = solver
        self.start: Start = start
        self.precision: Precision = precision

    def fit(self, activations: Tensor) -> Tensor:
        """Find W of A (n, d) ≥ 0; returns U (n, r).

        Raises
        ------
        ValueError
            A holds negative or non-finite values.
        """
        a = checked(activations, "NMF", non_negative=True)
        data = products(a, self.precision)
        ut, w = first_factors(data, self)
        total = squared_norm(a)
        previous = total
        for iteration in range(1, self.max_iterations + 1):
            gram, cross = iterate(self.solver, ut, w, data)
            self.n_iterations = iteration
            if iteration % 5 == 0:
                error = total + quadratic(w, gram, cross)
                if previous - error < 5 * self.tolerance * total:
                    break
                previous = error
        return self.take(ut, w)

    def take(self, ut: Tensor, w: Tensor) -> Tensor:
        """Keep W (r, d) as the dictionary, its rows brought to unit length; returns U (n, r)."""
        self._dictionary, values = unit_rows(w, ut.T.contiguous())
        return values


def first_factors(data: Products, method: NMF) -> tuple[Tensor, Tensor]:
    """Uᵀ (r, n) and W (r, d) before iterations on A: in both, a component is one contiguous row."""
    r, seed = method.n_concepts, method.seed
    if method.solver == "hals" and pays(data.a, r):
        return warm_up(data, r, seed, method.start)
    u, w = start(data.a, r, seed, method.start)
    return u.T.contiguous(), w.contiguous()
