"""Which part of the report is the analysis that the frozen study declared.

    correct ~ condition       every condition against the reference (clustered logit)
    correct ~ 1               accuracy of the one condition against chance (clustered logit)
    correct ~ basis * layer   coefficients of the programme of bases and layers
    response ~ 1              strengths of the programme of paired preferences
    rating ~ method           odds of a higher rating (or ~ condition)

Everything else is exploratory. A declared analysis that is not known here, or that the data do not
allow, is named, so that nobody takes another one for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.plan import Plan
from analysis.programmes.base import Programme

Part = Literal["differences", "accuracy", "programme", ""]
SECTIONS = {
    ("correct", "correct~basis*layer"): ("basis_layers", "coefficients"),
    ("response", "response~1"): ("plausibility", "plausibility"),
    ("rating", "rating~method"): ("rating", "odds_of_higher_rating"),
    ("rating", "rating~condition"): ("rating", "odds_of_higher_rating"),
}
"""Outcome and formula of plans → programme and section that answers them."""


@dataclass(frozen=True)
class Declared:
    """The part that is confirmatory; of a programme the section, too."""

    part: Part = ""
    section: str = ""


def declared_part(plan: Plan, n_conditions: int, programme: Programme | None) -> Declared:
    """What in the report the study declared; nothing if it declared nothing or nothing known."""
    if plan.confirmatory:
        return Declared("differences") if n_conditions > 1 else Declared()
    asked = plan.asked
    if asked == ("correct", "correct~1"):
        return Declared("accuracy") if n_conditions == 1 else Declared()
    name, section = SECTIONS.get(asked, ("", "")) if asked is not None else ("", "")
    if programme is not None and programme.name == name and section in programme.tables():
        return Declared("programme", section)
    return Declared()


def not_made(plan: Plan, found: Declared) -> str:
    """A sentence for a plan whose analysis is not in the report; empty if it is."""
    if not plan.declared or found.part:
        return ""
    return (
        f"The frozen study declared “{plan.formula}” ({plan.method.replace('_', ' ')}). That "
        "analysis is not in this report, as it is not known here or these data do not allow it, so "
        "everything in it is exploratory."
    )
