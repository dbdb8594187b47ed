"""What pages show of measures: numbers and curves, ready for a template."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MeasureView:
    """One number that says how far to trust what is shown, as text, and what it means."""

    name: str
    value: str
    meaning: str


@dataclass(frozen=True)
class FidelityRow:
    """How true one order of importance is of the decision; `hint` says how it was found."""

    name: str
    hint: str
    deletion: float | None
    insertion: float | None
    mu_fidelity: float | None
    baseline: bool


@dataclass(frozen=True)
class AblationRow:
    """What the decision loses without each image's most active concept or unit."""

    name: str
    drop_share: float
    flips: float
    current: bool


@dataclass(frozen=True)
class TrustView:
    """Numbers beside the pictures; the tables are empty where nothing was measured."""

    measures: tuple[MeasureView, ...]
    fidelity: tuple[FidelityRow, ...]
    ablation: tuple[AblationRow, ...]


@dataclass(frozen=True)
class TickView:
    """A labelled place on an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class SteeringMark:
    """A dose at which something breaks, and where its label stands."""

    kind: str
    x: float
    y: float
    text: str
    anchor: str


@dataclass(frozen=True)
class SteeringView:
    """The dose–response curve of a concept, in units of its figure, and its values at dose 0."""

    logit_path: str
    probability_path: str
    changed_path: str
    logit_ticks: tuple[TickView, ...]
    dose_ticks: tuple[TickView, ...]
    marks: tuple[SteeringMark, ...]
    unreal: tuple[float, float] | None
    top: float
    zero: float
    start: tuple[float, float, float]
    low: float
    high: float
    logit: str
    probability: str
    changed: str
    told: str
