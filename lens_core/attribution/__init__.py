"""Where in a picture a concept or a class is seen.

``attribute(images, ClassTargets(classifier, 309), ["gradcam", "rise"])`` gives maps by name;
``attribution("rise").explain(images, targets)`` those of one method. `concept_maps` is what an
atlas stores of its concepts, `spectral_residual` a control that knows no model.
"""

from __future__ import annotations

from lens_core.attribution.base import Attribution
from lens_core.attribution.bottom_up import spectral_residual
from lens_core.attribution.registry import ATTRIBUTIONS, attribute, attribution
from lens_core.attribution.targets import (
    ClassTargets,
    ConceptTargets,
    LayerTargets,
    PredictTargets,
    Targets,
    UnitTargets,
)

__all__ = [
    "ATTRIBUTIONS",
    "Attribution",
    "ClassTargets",
    "ConceptTargets",
    "LayerTargets",
    "PredictTargets",
    "Targets",
    "UnitTargets",
    "attribute",
    "attribution",
    "spectral_residual",
]
