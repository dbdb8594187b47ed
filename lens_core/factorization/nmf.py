"""Non-negative matrix factorization, on whatever device the activations are.

A ≈ U W with U, W ≥ 0, minimising ½‖A − U W‖². The default, hierarchical alternating least squares
(HALS; Cichocki & Phan, IEICE Trans. 2009), updates one component after the other in closed form.
On large matrices it first runs on a squeezed copy (see `nmf_warm_up`), then on A until it stops.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lens_core.factorization.base import Factorization, checked, unit_rows
from lens_core.factorization.nmf_solvers import UPDATES, Solver, iterate, quadratic
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
    """

    def __init__(
        self,
        n_concepts: int,
        max_iterations: int = 1000,
        tolerance: float = 3e-6,
        seed: int = 0,
        solver: Solver = "hals",
        start: Start = "nndsvda",
    ) -> None:
        super().__init__(n_concepts)
        if solver not in UPDATES:
            raise ValueError(f"solver must be one of {', '.join(UPDATES)}, not {solver!r}")
        if start not in ("nndsvda", "random"):
            raise ValueError(f"start must be nndsvda or random, not {start!r}")
        self.max_iterations = max_iterations
        self.tolerance = tolerance
        self.seed = seed
        self.solver: Solver = solver
        self.start: Start = start

    def fit(self, activations: Tensor) -> Tensor:
        """Find W of A (n, d) ≥ 0; returns U (n, r).

        Raises
        ------
        ValueError
            A holds negative or non-finite values.
        """
        a = checked(activations, "NMF", non_negative=True)
        # Both factors transposed or not so that a component is one contiguous row.
        ut, w = self._first(a)
        total = float(torch.linalg.vector_norm(a, dtype=torch.float64)) ** 2
        previous = total
        for iteration in range(1, self.max_iterations + 1):
            gram, cross = iterate(self.solver, ut, w, a)
            self.n_iterations = iteration
            if iteration % 5 == 0:
                error = total + quadratic(w, gram, cross)
                if previous - error < 5 * self.tolerance * total:
                    break
                previous = error
        self._dictionary, values = unit_rows(w, ut.T.contiguous())
        return values

    def _first(self, a: Tensor) -> tuple[Tensor, Tensor]:
        if self.solver == "hals" and pays(a, self.n_concepts):
            return warm_up(a, self.n_concepts, self.seed, self.start)
        u, w = start(a, self.n_concepts, self.seed, self.start)
        return u.T.contiguous(), w.contiguous()
