"""How good concepts are, and how true what is said of them.

What is handed out here is about concepts and their pictures; metrics of attribution maps bear the
same names where they are the same idea, and are taken from their modules: `attribution_fidelity`
(deletion, insertion, µFidelity), `attribution_averages` (drop, increase, gain), `attribution_shape`
(complexity, sparseness), `attribution_sanity` (stability, random logit, model randomization) and
`attribution_agreement` (MeGe, ReCo).
"""

from __future__ import annotations

from lens_core.metrics.concept_fidelity import Curve, deletion, insertion, mu_fidelity
from lens_core.metrics.distributions import (
    frechet_distance,
    knn_distances,
    sliced_wasserstein,
    wasserstein,
)
from lens_core.metrics.factorization import (
    FactorizationScores,
    firing_rates,
    hoyer,
    matched_cosines,
    mean_l0,
    r_squared,
    score,
    stability,
)
from lens_core.metrics.feature_visualization import (
    Kid,
    Matches,
    Transfer,
    fid,
    kid,
    match,
    plausibility,
    transferability,
)

__all__ = [
    "Curve",
    "FactorizationScores",
    "Kid",
    "Matches",
    "Transfer",
    "deletion",
    "fid",
    "firing_rates",
    "frechet_distance",
    "hoyer",
    "insertion",
    "kid",
    "knn_distances",
    "match",
    "matched_cosines",
    "mean_l0",
    "mu_fidelity",
    "plausibility",
    "r_squared",
    "score",
    "sliced_wasserstein",
    "stability",
    "transferability",
    "wasserstein",
]
