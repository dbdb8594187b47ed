"""How much each concept matters to a class: closed forms, gradients, masks, Sobol indices."""

from __future__ import annotations

from lens_core.importance.gradients import gradient_input
from lens_core.importance.linear import Shares, sobol_closed_form, sobol_of_contributions
from lens_core.importance.registry import ESTIMATORS
from lens_core.importance.sobol import SobolDesign, sobol_total
from lens_core.importance.summary import ConceptSummaries, summarise

__all__ = [
    "ESTIMATORS",
    "ConceptSummaries",
    "Shares",
    "SobolDesign",
    "gradient_input",
    "sobol_closed_form",
    "sobol_of_contributions",
    "sobol_total",
    "summarise",
]
