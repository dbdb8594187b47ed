"""Sobol total indices of concepts by sampling (Fel et al., CRAFT, CVPR 2023, section 3.3).

f(m) = logit of the class when the value of each concept i is multiplied by m_i ∈ [0, 1], one
factor for all positions. Jansen's estimator (Comput. Phys. Commun. 1999): with designs A, B and
C⁽ⁱ⁾ = A with column i of B, S_Ti = Σ_n (f(A_n) − f(C⁽ⁱ⁾_n))² / (2 N V), V = Var f(A). The value of
f(B) is never needed, so that costs N (r + 1) evaluations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lens_core.importance.masked import masked_logits

Sampler = Literal["sobol", "halton"]


@dataclass(frozen=True)
class SobolDesign:
    """The masks at which f is evaluated.

    Attributes
    ----------
    masks
        ((r + 1) N, r): A, then C⁽¹⁾ … C⁽ʳ⁾.
    n_designs
        N.
    """

    masks: Tensor
    n_designs: int

    @classmethod
    def draw(
        cls, n_concepts: int, n_designs: int = 128, seed: int = 0, sampler: Sampler = "sobol"
    ) -> SobolDesign:
        """Draw A and B together from a 2r-dimensional sequence.

        "sobol" is scrambled with the seed and close to unbiased at N = 128. "halton" is the plain
        sequence that CRAFT's code uses: kept for comparison only, as its high dimensions are so
        regular that totals add up to far less than 1 at small N.
        """
        if sampler == "sobol":
            engine = torch.quasirandom.SobolEngine(2 * n_concepts, scramble=True, seed=seed)  # type: ignore[no-untyped-call]
            points = engine.draw(n_designs, dtype=torch.float64)
        else:
            from scipy.stats import qmc

            halton = qmc.Halton(2 * n_concepts, scramble=False)
            points = torch.from_numpy(halton.random(n_designs))
        a, b = points[:, :n_concepts], points[:, n_concepts:]
        replaced = a.repeat(n_concepts, 1, 1)
        for i in range(n_concepts):
            replaced[i, :, i] = b[:, i]
        masks = torch.cat([a, replaced.flatten(0, 1)])
        return cls(masks.float(), n_designs)

    def totals(self, answers: Tensor) -> tuple[Tensor, Tensor]:
        """Total indices (…, r) and their standard errors (…, r) from f at all masks (…, (r + 1) N).

        Where f does not vary nothing matters: both are 0. The standard error is that of the mean
        of N squared differences as if drawn independently, with V taken as known: an upper guide
        for a scrambled sequence.
        """
        answers = answers.double()
        at_a, at_c = answers[..., : self.n_designs], answers[..., self.n_designs :]
        variance = at_a.var(dim=-1, unbiased=True, keepdim=True)
        scale = at_a.abs().amax(dim=-1, keepdim=True).clamp(min=1e-12)
        varies = variance > (1e-6 * scale).square()
        at_c = at_c.reshape(*at_c.shape[:-1], -1, self.n_designs)
        halves = (at_a.unsqueeze(-2) - at_c).square() / 2
        error = halves.std(dim=-1, unbiased=True) / self.n_designs**0.5
        known = variance.where(varies, torch.inf)
        return halves.mean(-1) / known, error / known


@torch.no_grad()
def sobol_total(
    logit: Callable[[Tensor], Tensor],
    values: Tensor,
    dictionary: Tensor,
    design: SobolDesign,
    batch: int = 64,
) -> tuple[Tensor, Tensor]:
    """Total indices (r,) and standard errors (r,) of one image's concepts.

    Parameters
    ----------
    logit
        Activations (n, d, …), maps or means as `values` are, → the class's logit (n,).
    values
        Concept values (r, h, w) of the image, or (r,) if the head wants means over positions.
    dictionary
        W (r, d).
    batch
        Masks evaluated at once; bounds memory.
    """
    answers = masked_logits(logit, values.unsqueeze(0), dictionary, design.masks, batch)[0]
    totals, errors = design.totals(answers.cpu())
    return totals, errors
