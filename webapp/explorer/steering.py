"""What more or less of a concept does to the decision: its dose–response curve as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lens_core.atlas import AtlasClass, ConceptInfo, Steering

from .number_views import SteeringMark, SteeringView, TickView
from .texts import decimals, percent

Floats = NDArray[np.float64]

LEFT, RIGHT, LOGIT, SHARE = 52.0, 624.0, (58.0, 176.0), (200.0, 256.0)
"""Of the figure, 640 wide and down to 280: its sides, and top and bottom of its two panels."""
LABEL = 22.0
"""Height of a label over the plot."""
CURVES = ("logit", "probability", "changed", "distance")


def curves_of(loaded: AtlasClass, dictionary: str) -> tuple[Floats, dict[str, Floats]] | None:
    """Doses (k,) and curves (r, k); None if the atlas was built without measures."""
    if f"{dictionary}/steering/doses" not in loaded.array_names():
        return None
    arrays = {
        name: np.asarray(loaded.array(f"{dictionary}/steering/{name}"), dtype=np.float64)
        for name in ("doses", *CURVES)
    }
    return arrays.pop("doses"), arrays


def steering_view(
    concept: ConceptInfo, curves: tuple[Floats, dict[str, Floats]] | None
) -> SteeringView | None:
    """The figure of one concept; None where nothing was measured or the concept is dead."""
    found = concept.steering
    if found is None or curves is None:
        return None
    doses = curves[0]
    logit, probability, changed = (
        curves[1][name][concept.index] for name in ("logit", "probability", "changed")
    )
    ticks = _nice(float(logit.min()), float(logit.max()))
    low, high = min(ticks[0], float(logit.min())), max(ticks[-1], float(logit.max()))
    x = _scale(doses, float(doses[0]), float(doses[-1]), LEFT, RIGHT)
    y = _scale(logit, low, high, LOGIT[1], LOGIT[0])
    sure = _scale(probability, 0, 1, SHARE[1], SHARE[0])
    marks = _marks(found, float(doses[0]), float(doses[-1]))
    zero = int(np.argmin(np.abs(doses)))
    area = _scale(changed, 0, 1, SHARE[1], SHARE[0])
    return SteeringView(
        logit_path=_path(x, y),
        probability_path=_path(x, sure),
        changed_path=f"{_path(x, area)}V{SHARE[1]:.0f}H{x[0]:.1f}Z",
        logit_ticks=tuple(
            TickView(float(at), decimals(tick, 0 if float(tick).is_integer() else 1))
            for tick, at in zip(
                ticks, _scale(np.array(ticks), low, high, LOGIT[1], LOGIT[0]), strict=True
            )
        ),
        dose_ticks=tuple(
            TickView(round(float(at), 1), decimals(dose, 0))
            for dose, at in zip(doses, x, strict=True)
            if float(dose).is_integer()
        ),
        marks=marks,
        unreal=_unreal(found.leaves_at, float(doses[0]), float(doses[-1])),
        top=LOGIT[0] - 10 - LABEL * len(marks),
        zero=round(float(x[zero]), 1),
        start=(round(float(x[zero]), 1), round(float(y[zero]), 1), round(float(sure[zero]), 1)),
        low=float(doses[0]),
        high=float(doses[-1]),
        logit=decimals(logit[zero], 2),
        probability=percent(float(probability[zero])),
        changed=percent(float(changed[zero])),
        told=tell(found, float(doses[0]), float(doses[-1])),
    )


def tell(found: Steering, low: float, high: float) -> str:
    """The curve in words."""
    slope = decimals(found.slope)
    parts = [f"One dose more changes the logit by {slope if found.slope < 0 else f'+{slope}'}."]
    if found.changes_at is not None:
        parts.append(f"At dose {_dose(found.changes_at)} most decisions change.")
    if found.bends_at is not None:
        parts.append(f"From dose {_dose(found.bends_at)} on, more of it works the other way.")
    if found.leaves_at is not None:
        parts.append(f"At dose {_dose(found.leaves_at)} activations stop being like real ones.")
    if found.changes_at is found.bends_at is found.leaves_at is None:
        parts.append(f"Nothing breaks between doses {_dose(low)} and {_dose(high)}.")
    return " ".join(parts)


def steering_data(
    concepts: Sequence[ConceptInfo], curves: tuple[Floats, dict[str, Floats]] | None
) -> dict[str, Any] | None:
    """What the slider needs, by concept: a value a dose, and the doses where something breaks."""
    if curves is None:
        return None
    found: dict[str, Any] = {}
    for concept in concepts:
        if concept.steering is not None:
            found[concept.id] = {
                name: [round(float(v), 3) for v in curves[1][name][concept.index]]
                for name in ("logit", "probability", "changed")
            } | concept.steering.model_dump(include={"changes_at", "bends_at", "leaves_at"})
    return {"doses": curves[0].tolist(), "concepts": found} if found else None


def steering_table(loaded: AtlasClass, dictionary: str) -> pd.DataFrame:
    """All curves of a dictionary, a row a concept and dose."""
    curves = curves_of(loaded, dictionary)
    rows = []
    for concept in loaded.info.of_dictionary(dictionary) if curves is not None else ():
        if curves is None or concept.steering is None:
            continue
        for place, dose in enumerate(curves[0]):
            values = {name: float(curves[1][name][concept.index, place]) for name in CURVES}
            rows.append({"concept": concept.id, "dose": float(dose)} | values)
    return pd.DataFrame(rows, columns=["concept", "dose", *CURVES])


def _marks(found: Steering, low: float, high: float) -> tuple[SteeringMark, ...]:
    """Where something breaks, with a label that stays within the figure."""
    marks = []
    for kind, dose, text in (
        ("changes", found.changes_at, "the decision changes"),
        ("bends", found.bends_at, "more works the other way"),
        ("leaves", found.leaves_at, "no longer like real activations"),
    ):
        if dose is not None:
            at = float(_scale(np.array([dose]), low, high, LEFT, RIGHT)[0])
            anchor = "end" if at > (LEFT + RIGHT) / 2 else "start"
            marks.append(SteeringMark(kind, round(at, 1), 0.0, text, anchor))
    lowest = LOGIT[0] - 12
    return tuple(
        replace(mark, y=lowest - LABEL * (len(marks) - 1 - place))
        for place, mark in enumerate(marks)
    )


def _unreal(leaves_at: float | None, low: float, high: float) -> tuple[float, float] | None:
    """Left edge and width of the doses whose activations are like no real ones."""
    if leaves_at is None:
        return None
    at = float(_scale(np.array([leaves_at]), low, high, LEFT, RIGHT)[0])
    return (LEFT, round(at - LEFT, 1)) if leaves_at < 0 else (round(at, 1), round(RIGHT - at, 1))


def _scale(values: Floats, low: float, high: float, start: float, end: float) -> Floats:
    scaled: Floats = start + (values - low) / ((high - low) or 1.0) * (end - start)
    return scaled


def _path(x: Floats, y: Floats) -> str:
    return "M" + "L".join(
        f"{a:.1f} {b:.1f}".replace(".0 ", " ").removesuffix(".0") for a, b in zip(x, y, strict=True)
    )


def _nice(low: float, high: float, about: int = 4) -> list[float]:
    """Round values from low to high, about so many."""
    raw = max(high - low, 1e-6) / about
    size = 10.0 ** np.floor(np.log10(raw))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= raw)
    first, last = int(np.ceil(low / step)), int(np.floor(high / step))
    return [float(round(i * step, 10)) for i in range(first, max(first, last) + 1)]


def _dose(value: float) -> str:
    return f"{value:g}".replace("-", "\u2212")
