"""What a synthetic atlas says of its own trustworthiness: made up, but of one piece.

The first concept raises the logit in a straight line, the second bends and leaves real activations,
the third works against the class until the decision changes, the last one is dead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lens_core.atlas import (
    Ablation,
    AttributionInfo,
    DictionaryFit,
    DictionaryInfo,
    FactorizationQuality,
    Fidelity,
    Steering,
)

DOSES = np.array([-2, -1, -0.5, 0, 0.5, 1, 2, 3, 4, 6], dtype=np.float32)
LOGIT = 8.0
STEERING = (
    Steering(unit=2.0, slope=1.5, changes_at=None, bends_at=None, leaves_at=None),
    Steering(unit=1.0, slope=1.0, changes_at=None, bends_at=3.0, leaves_at=4.0),
    Steering(unit=0.5, slope=-1.0, changes_at=2.0, bends_at=None, leaves_at=6.0),
)
ATTRIBUTED = (7, 2)
"""Images with attribution maps, the one that speaks most for the class first."""
ATTRIBUTIONS = (
    AttributionInfo(
        method="gradcam", title="Grad-CAM", signed=False, deletion=0.375, insertion=0.625
    ),
    AttributionInfo(
        method="occlusion", title="Occlusion", signed=True, deletion=0.375, insertion=0.625
    ),
)
"""Of both, deletion has area 0.25 on the first image and 0.5 on the second; insertion the rest."""
ABLATIONS = (3.2, 1.1, -0.4)


def with_measures(fit: DictionaryFit, info: DictionaryInfo) -> DictionaryFit:
    """The same fit with measures; those of units are worse."""
    worse = 0.5 if info.basis == "units" else 1.0
    quality = FactorizationQuality(
        r_squared=0.62 * worse,
        hoyer=0.55,
        l0=2.4,
        dead=1,
        wasserstein=0.11,
        frechet=None,
        ood=0.93,
        stability=0.81 * worse,
    )
    fidelity = (
        Fidelity(estimator=info.importance, deletion=0.21, insertion=0.84, mu_fidelity=0.97),
        Fidelity(estimator="sobol", deletion=0.25, insertion=0.79, mu_fidelity=0.88),
        Fidelity(estimator="random", deletion=0.49, insertion=0.52, mu_fidelity=None),
    )
    ablation = Ablation(drop=3.3 * worse, drop_share=0.41 * worse, flips=0.25 * worse)
    return fit.model_copy(update={"quality": quality, "fidelity": fidelity, "ablation": ablation})


def steering_of(row: int, n_concepts: int) -> Steering | None:
    """Of one concept; None of the last, which is dead."""
    return None if row == n_concepts - 1 else STEERING[row % len(STEERING)]


def steering_arrays(dictionary: str, n_concepts: int) -> dict[str, NDArray[np.generic]]:
    """The curves that the measures above summarise."""
    shape = (n_concepts, len(DOSES))
    logit, changed = np.full(shape, np.nan), np.full(shape, np.nan)
    probability, distance = np.full(shape, np.nan), np.full(shape, np.nan)
    for row in range(n_concepts):
        found = steering_of(row, n_concepts)
        if found is None:
            continue
        bend = np.inf if found.bends_at is None else found.bends_at
        effective = np.where(bend < DOSES, 2 * bend - DOSES, DOSES)
        logit[row] = LOGIT + found.slope * effective
        probability[row] = 1 / (1 + np.exp(LOGIT - 2 - logit[row]))
        changes = np.inf if found.changes_at is None else found.changes_at
        changed[row] = np.where(changes <= DOSES, 0.75, 0.0)
        distance[row] = 0.5 + 0.1 * np.abs(DOSES)
    curves = {"logit": logit, "probability": probability, "changed": changed, "distance": distance}
    arrays: dict[str, NDArray[np.generic]] = {
        f"{dictionary}/steering/{name}": values.astype(np.float32)
        for name, values in curves.items()
    }
    arrays[f"{dictionary}/steering/doses"] = DOSES
    return arrays


def attribution_arrays() -> dict[str, NDArray[np.generic]]:
    """Maps that are strongest at the upper left and, if signed, below 0 at the lower right."""
    across = np.linspace(1, -1, 8)
    ramp = (across[:, None] + across[None]) / 2
    share = np.linspace(0, 1, 17)
    gone = np.stack([np.maximum(1 - 2 * share, 0), 1 - share])
    arrays: dict[str, NDArray[np.generic]] = {}
    for info in ATTRIBUTIONS:
        one = ramp if info.signed else np.maximum(ramp, 0)
        maps = np.stack([one] * len(ATTRIBUTED))
        arrays[f"attributions/{info.method}/maps"] = maps.astype(np.float16)
        arrays[f"attributions/{info.method}/deletion"] = gone.astype(np.float32)
        arrays[f"attributions/{info.method}/insertion"] = (1 - gone).astype(np.float32)
    return arrays
